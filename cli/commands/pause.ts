/** `cli.ts pause` and `cli.ts resume`: pause and resume queues and tasks. */
import { ConfigurationError } from "../../shared/errors.ts";
import { PAUSE_SCOPES, type PauseScope } from "../../shared/flow/pause.ts";
import { request } from "../api_client.ts";
import { type Command, configOf, type Given } from "../command.ts";
import { EXIT } from "../exit.ts";
import { numericFlags, refuseArguments, subcommandOf } from "../terminal/arguments.ts";
import { columns } from "../terminal/columns.ts";
import { printAnswer, printJson } from "../terminal/print.ts";

/** The printed fields of a pause. */
interface Pause {
  readonly scope: PauseScope;
  readonly name: string;
  readonly state: string;
  readonly reason: string | null;
  readonly paused_at: string;
  readonly parked: number;
}

const EXIT_CODES =
  "exit codes: 0 done, 1 no such queue, task or pause, 2 refused, 3 API not reachable";

const JSON_FLAG = { "json": { help: "print the response of the API as JSON" } };

/** Pauses a queue or a task, and lists pauses. */
export const pause: Command = {
  summary: "pause a queue or a task, or list pauses",
  usage: "list | queue NAME | task NAME",
  details: [
    "Workers stop fetching from a paused queue, and start no paused task, within about a second. Running tasks are finished. The",
    "pause is stored: workers that start later obey it too.",
    "",
    "  deno task cli pause queue celeriac.default --reason='the disk is full'",
    "  deno task cli pause task add",
    "  deno task cli pause list",
    "",
    EXIT_CODES,
  ].join("\n"),
  role: "pause",
  flags: { "reason": { value: "TEXT", help: "why, for people" }, ...JSON_FLAG },
  async run(given) {
    const [word = "list", name, ...rest] = given.rest;
    const verb = subcommandOf(word, ["list", ...PAUSE_SCOPES], "pauses");
    const { reason } = given.own;
    if (verb === "list") {
      refuseArguments(given.rest.slice(1), "pause list");
      if (reason !== undefined) {
        throw new ConfigurationError(
          "Cannot use --reason because `pause list` has no such flag: leave it out",
        );
      }
      return await list(given);
    }
    const path = pathOf("pause", verb, name, rest);
    const answer = await request<Pause>(configOf(given), path, {
      method: "PUT",
      body: JSON.stringify(reason === undefined ? {} : { reason }),
    });
    return printAnswer(given, answer, `${verb} ${name} is paused`);
  },
};

/** Resumes a queue or a task. */
export const resume: Command = {
  summary: "resume a paused queue or task",
  usage: "queue NAME | task NAME",
  details: [
    "The messages that were parked during the pause are sent again, oldest first: all at once, or at --rate per second.",
    "",
    "  deno task cli resume task add --rate=10",
    "",
    EXIT_CODES,
  ].join("\n"),
  role: "pause",
  flags: {
    "rate": { value: "N", help: "maximum number of parked messages per second [all at once]" },
    ...JSON_FLAG,
  },
  async run(given) {
    const [word = "", name, ...rest] = given.rest;
    const scope = subcommandOf(word, PAUSE_SCOPES, "resume");
    const { rate } = numericFlags(given.own, "rate");
    const query = rate === undefined ? "" : `?rate=${rate}`;
    const path = `${pathOf("resume", scope, name, rest)}${query}`;
    const answer = await request<Pause>(configOf(given), path, { method: "DELETE" });
    const left = answer.parked > 0 ? `: ${answer.parked} parked messages are sent again` : "";
    return printAnswer(given, answer, `${scope} ${name} is resumed${left}`);
  },
};

function pathOf(
  verb: "pause" | "resume",
  scope: PauseScope,
  name: string | undefined,
  rest: readonly string[],
): string {
  if (!name) {
    throw new ConfigurationError(
      `Cannot ${verb} a ${scope} without its name: deno task cli ${verb} ${scope} NAME`,
    );
  }
  refuseArguments(rest, `${verb} ${scope} NAME`);
  return `/v1/${scope}s/${encodeURIComponent(name)}/pause`;
}

async function list(given: Given): Promise<number> {
  const { pauses } = await request<{ pauses: Pause[] }>(configOf(given), "/v1/pauses");
  if ("json" in given.own) printJson(pauses);
  else if (pauses.length === 0) console.error("celeriac: nothing is paused");
  else {
    const rows = pauses.map(({ scope, name, state, paused_at, parked, reason }) => [
      scope,
      name,
      state,
      paused_at,
      String(parked),
      reason ?? "-",
    ]);
    console.log(columns(["SCOPE", "NAME", "STATE", "SINCE", "PARKED", "REASON"], rows));
  }
  return EXIT.done;
}
