/** `cli.ts workers`: list, resize and shut down workers through the API. */
import { ConfigurationError } from "../../shared/errors.ts";
import { formatDuration } from "../../shared/text/duration.ts";
import { callApi } from "../api_client.ts";
import type { Command, Given } from "../command.ts";
import { EXIT } from "../exit.ts";
import { refuseArguments, subcommandOf } from "../terminal/arguments.ts";
import { columns } from "../terminal/columns.ts";
import { printAnswer, printJson } from "../terminal/print.ts";

const VERBS = ["list", "shutdown", "pool-grow", "pool-shrink"] as const;

type Action = Exclude<typeof VERBS[number], "list">;

/** The printed fields of a worker. Numbers are `null` if it did not report them. */
interface Worker {
  readonly name: string;
  readonly uptime: number | null;
  readonly concurrency: number | null;
  readonly received: number;
  readonly queues: readonly string[];
  readonly running: readonly unknown[];
}

/** The answer to a command. */
interface Sent {
  readonly worker: string;
  readonly command: string;
  readonly reply: string | null;
}

/** Lists workers, and sends commands to one. */
export const workers: Command = {
  summary: "list, resize and shut down workers through the API",
  usage: "list | shutdown NAME | pool-grow NAME [N] | pool-shrink NAME [N]",
  words: VERBS,
  details: [
    "`shutdown` lets a worker finish its running tasks. `pool-grow` and `pool-shrink` change its concurrency by N [1] until it",
    "restarts. The API writes each command to the audit log. An API key needs the scope `workers:control`, and `workers:read`",
    "for the list.",
    "",
    "  deno task cli workers list",
    "  deno task cli workers pool-grow celeriac@web-1 2",
    "  deno task cli workers shutdown celeriac@web-1",
    "",
    "exit codes: 0 sent, 1 no such worker, 2 refused, 3 API not reachable",
  ].join("\n"),
  role: "result",
  flags: { "json": { help: "print the response of the API as JSON" } },
  async run(given) {
    const [word = "list", name, ...rest] = given.rest;
    const verb = subcommandOf(word, VERBS, "workers");
    if (verb === "list") {
      refuseArguments(given.rest.slice(1), "workers list");
      return await list(given);
    }
    return await send(given, verb, name, rest);
  },
};

async function send(
  given: Given,
  verb: Action,
  name: string | undefined,
  [count, ...more]: readonly string[],
): Promise<number> {
  const shape = verb === "shutdown" ? "NAME" : "NAME [N]";
  if (!name) {
    throw new ConfigurationError(
      `Cannot ${verb} a worker without its name: deno task cli workers ${verb} ${shape}`,
    );
  }
  if (more.length > 0 || (verb === "shutdown" && count !== undefined)) {
    throw new ConfigurationError(
      `Cannot use '${
        more[0] ?? count
      }' because \`workers ${verb}\` takes only ${shape}: leave it out`,
    );
  }
  const path = `/v1/workers/${encodeURIComponent(name)}/${verb}`;
  const body = verb === "shutdown" ? undefined : { n: slotsOf(count) };
  const sent = await callApi<Sent>(given, path, "POST", body);
  const effect = verb === "shutdown"
    ? "it finishes its running tasks first"
    : sent.reply ?? "it has not replied yet";
  return printAnswer(given, sent, `${sent.command} was sent to ${sent.worker}: ${effect}`);
}

/** @throws {ConfigurationError} for a number that is not whole or below 1 */
function slotsOf(count = "1"): number {
  const slots = Number(count);
  if (/^\d+$/.test(count) && slots >= 1) return slots;
  throw new ConfigurationError(
    `Cannot use '${count}' as a number of slots because it is not a whole number from 1 up: correct it`,
  );
}

async function list(given: Given): Promise<number> {
  const answer = await callApi<{ workers: readonly Worker[] }>(given, "/v1/workers");
  if ("json" in given.own) printJson(answer.workers);
  else if (answer.workers.length === 0) console.error("celeriac: no worker replies");
  else {
    const rows = answer.workers.map(
      ({ name, running, concurrency, received, uptime, queues }) => [
        name,
        String(running.length),
        String(concurrency ?? "-"),
        String(received),
        uptime === null ? "-" : formatDuration(Number(uptime)),
        queues.join(","),
      ],
    );
    console.log(
      columns(["NAME", "RUNNING", "CONCURRENCY", "RECEIVED", "UPTIME", "QUEUES"], rows),
    );
  }
  return EXIT.done;
}
