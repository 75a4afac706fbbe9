/** `cli.ts events`: publish and read events. */
import { ConfigurationError } from "../../shared/errors.ts";
import { request } from "../api_client.ts";
import { type Command, configOf, type Given } from "../command.ts";
import { EXIT } from "../exit.ts";
import {
  numericFlags,
  refuseArguments,
  refuseOtherFlags,
  scalarOf,
  subcommandOf,
} from "../terminal/arguments.ts";
import { columns } from "../terminal/columns.ts";
import { parseExactly } from "../terminal/exact_json.ts";
import { printAnswer, printJson } from "../terminal/print.ts";
import { argumentsOf } from "./call.ts";
import { type RecordedEvent, tail } from "./events_tail.ts";

interface Accepted {
  readonly key: string;
  readonly via: string;
  readonly tasks: readonly { readonly subscription: string; readonly id: string }[] | null;
}

interface Page {
  readonly events: readonly RecordedEvent[];
  readonly next: number | null;
}

interface Types {
  readonly open: boolean;
  readonly types: readonly {
    readonly type: string;
    readonly summary: string | null;
    readonly attributes: Record<string, unknown>;
    readonly required: readonly string[];
  }[];
}

const VERBS = ["publish", "list", "show", "types", "tail"] as const;

/** Flags of each subcommand, besides `json`. */
const FLAGS: Readonly<Record<typeof VERBS[number], readonly string[]>> = {
  publish: ["id", "source", "subject", "time", "data", "attributes", "require-subscription"],
  list: ["type", "limit"],
  show: [],
  types: [],
  tail: ["types", "after", "limit"],
};

/** Default number of events that `list` shows. */
const LIST_LIMIT = 50;

/** Publishes, lists and follows events. */
export const events: Command = {
  summary: "publish, list, show and follow events, and list their types",
  usage: "publish TYPE [KEY=VALUE ...] | list | show KEY | types | tail",
  words: VERBS,
  details: [
    "`publish` sends the arguments as the event's data, as in `call`, or any JSON value with --data. Events with the same id and",
    "source are one event. `list` and `tail` show recorded events; `tail` waits for new ones and survives a restart of the API.",
    "",
    "  deno task cli events publish orders.eu.paid order=17 --attributes=tenant=acme",
    "  deno task cli events list --type=orders.eu.paid --limit=10",
    "  deno task cli events tail --types='orders.#,prices.*' --json",
    "",
    "exit codes: 0 done, 1 no such event, 2 refused, 3 API not reachable",
  ].join("\n"),
  role: "events",
  flags: {
    "id": { value: "ID", help: "publish: id, unique together with the source [a new one]" },
    "source": { value: "URI", help: "publish: URI reference of the sender [/celeriac]" },
    "subject": { value: "TEXT", help: "publish: what the event is about" },
    "time": { value: "TIME", help: "publish: when it happened, such as 2030-01-02T03:04:05Z" },
    "data": { value: "JSON", help: "publish: the data, instead of KEY=VALUE" },
    "attributes": { value: "NAME=VALUE,...", help: "publish: extension attributes" },
    "require-subscription": { help: "publish: refuse an event that no subscription selects" },
    "type": { value: "TYPE", help: "list: only events of this type" },
    "types": { value: "PATTERNS", help: "tail: patterns of types, separated by commas" },
    "after": { value: "POSITION", help: "tail: start after this position [the last event]" },
    "limit": { value: "N", help: `list, tail: number of events [list: ${LIST_LIMIT}, tail: all]` },
    "json": { help: "print JSON; tail: one line for each event" },
  },
  async run(given) {
    const [word = "list", ...rest] = given.rest;
    const verb = subcommandOf(word, VERBS, "events");
    refuseOtherFlags(given, `events ${verb}`, FLAGS[verb]);
    if (verb === "publish") return await publish(given, rest);
    if (verb === "show") return await show(given, rest);
    refuseArguments(rest, `events ${verb}`);
    if (verb === "list") return await list(given);
    if (verb === "types") return await types(given);
    const { types: patterns, after } = given.own;
    const { limit } = numericFlags(given.own, "limit");
    await tail(configOf(given), {
      ...(patterns !== undefined && { types: patterns }),
      ...(after !== undefined && { after }),
      ...(limit !== undefined && { limit }),
      json: "json" in given.own,
    });
    return EXIT.done;
  },
};

async function publish(given: Given, [type, ...pairs]: readonly string[]): Promise<number> {
  if (!type) {
    throw new ConfigurationError(
      "Cannot publish an event without its type: deno task cli events publish TYPE [KEY=VALUE ...]",
    );
  }
  const { id, source, subject, time, data, attributes } = given.own;
  if (data !== undefined && pairs.length > 0) {
    throw new ConfigurationError(
      `Cannot publish '${pairs[0]}' because --data is the whole data: give one of both`,
    );
  }
  const event = {
    ...attributesOf(attributes),
    type,
    ...(id !== undefined && { id }),
    ...(source !== undefined && { source }),
    ...(subject !== undefined && { subject }),
    ...(time !== undefined && { time }),
    ...(data !== undefined && { data: jsonOf(data) }),
    ...(pairs.length > 0 && { data: argumentsOf(pairs) }),
  };
  const query = "require-subscription" in given.own ? "?require=subscription" : "";
  const accepted = await request<Accepted>(configOf(given), `/v1/events${query}`, {
    method: "POST",
    body: JSON.stringify(event),
  });
  const { key, tasks } = accepted;
  const lines = tasks?.map((task) => `  ${task.subscription}: task ${task.id}`) ?? [];
  const none = tasks?.length === 0 ? ["  no subscription selects it"] : lines;
  return printAnswer(given, accepted, [`event ${key} is accepted`, ...none].join("\n"));
}

async function list(given: Given): Promise<number> {
  const query = new URLSearchParams({ limit: given.own["limit"] ?? String(LIST_LIMIT) });
  if (given.own["type"] !== undefined) query.set("type", given.own["type"]);
  const page = await request<Page>(configOf(given), `/v1/events?${query}`);
  if ("json" in given.own) printJson(page);
  else if (page.events.length === 0) console.error("celeriac: there are no such events");
  else {
    console.log(columns(
      ["POSITION", "KEY", "TYPE", "SUBJECT", "RECORDED", "TASKS"],
      page.events.map(({ position, key, recorded_at, event, tasks }) => [
        String(position),
        key,
        event.type,
        event.subject ?? "-",
        `${recorded_at.slice(0, 19)}Z`,
        String(tasks.length),
      ]),
    ));
    if (page.next !== null) console.error("celeriac: there are more: give a larger --limit");
  }
  return EXIT.done;
}

async function show(given: Given, [key, ...more]: readonly string[]): Promise<number> {
  if (!key) {
    throw new ConfigurationError(
      "Cannot show an event without its key: deno task cli events show KEY",
    );
  }
  refuseArguments(more, "events show KEY");
  printJson(await request(configOf(given), `/v1/events/${encodeURIComponent(key)}`));
  return EXIT.done;
}

async function types(given: Given): Promise<number> {
  const answer = await request<Types>(configOf(given), "/v1/events/types");
  if ("json" in given.own) {
    printJson(answer);
    return EXIT.done;
  }
  if (answer.types.length > 0) {
    const rows = answer.types.map(({ type, summary, attributes, required }) => [
      type,
      Object.keys(attributes).map((name) => required.includes(name) ? name : `[${name}]`)
        .join(" ") || "-",
      summary ?? "-",
    ]);
    console.log(columns(["TYPE", "ATTRIBUTES", "SUMMARY"], rows));
  } else console.error("celeriac: the app defines no events: see defineEvent()");
  if (answer.open) console.error("celeriac: other types are accepted, too (CELERIAC_EVENTS_OPEN)");
  return EXIT.done;
}

function attributesOf(text: string | undefined): Record<string, string | number | boolean> {
  const pairs = text?.split(",").map((part) => {
    const [name = "", value] = part.split(/=(.*)/s).map((word) => word.trim());
    if (name !== "" && value !== undefined) return [name, scalarOf(value)] as const;
    throw new ConfigurationError(
      `Cannot use '${part}' of --attributes because it is not NAME=VALUE: correct it`,
    );
  });
  return Object.fromEntries(pairs ?? []);
}

function jsonOf(text: string): unknown {
  try {
    return parseExactly(text);
  } catch (cause) {
    throw new ConfigurationError(
      `Cannot use --data because it is not JSON (${
        (cause as Error).message
      }): quote it, such as --data='{"order": "17"}'`,
      { cause },
    );
  }
}
