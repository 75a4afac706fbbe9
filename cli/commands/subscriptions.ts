/** `cli.ts subscriptions`: manage subscriptions to events. */
import { ConfigurationError } from "../../shared/errors.ts";
import { callApi } from "../api_client.ts";
import type { Command, Given } from "../command.ts";
import { EXIT } from "../exit.ts";
import {
  numericFlags,
  refuseArguments,
  refuseOtherFlags,
  scalarOf,
  subcommandOf,
} from "../terminal/arguments.ts";
import { columns } from "../terminal/columns.ts";
import { printAnswer, printJson } from "../terminal/print.ts";

/** The printed fields of a subscription. */
interface Subscription {
  readonly name: string;
  readonly patterns: readonly string[];
  readonly where: Record<string, unknown>;
  readonly task: string;
  readonly queue: string;
  readonly source: string;
  readonly paused: boolean;
}

interface Page {
  readonly subscriptions: readonly Subscription[];
  readonly next: string | null;
}

interface Replay {
  readonly id: string;
  readonly position: number;
  readonly last_position: number;
}

/** Arguments of each subcommand. */
const VERBS = {
  list: "",
  show: "NAME",
  add: "NAME PATTERN[,PATTERN] TASK [ARGUMENT=POINTER ...]",
  pause: "NAME",
  resume: "NAME",
  replay: "NAME",
  remove: "NAME",
  prune: "",
} as const;

type Verb = keyof typeof VERBS;

/** Flags of each subcommand, besides `json`. */
const FLAGS: Readonly<Partial<Record<Verb, readonly string[]>>> = {
  add: ["where", "match", "queue", "args"],
  replay: ["since", "until", "types", "rate", "again"],
  prune: ["dry-run"],
};

/** Lists, creates, changes and deletes subscriptions. */
export const subscriptions: Command = {
  summary: "list, add, pause, resume, replay, remove and prune subscriptions",
  usage:
    "list | show NAME | add NAME PATTERN TASK [ARGUMENT=POINTER ...] | pause|resume|replay|remove NAME | prune",
  words: Object.keys(VERBS),
  details: [
    "A subscription turns each event that it selects into a task. `replay` does that for recorded events: those without a task of",
    "this subscription, or with --again all of them. `prune` removes subscriptions that the app no longer defines; call it after",
    "a rollout has ended.",
    "",
    "  deno task cli subscriptions add receipt 'orders.*.paid' send_receipt order=/data/order --where=tenant=acme",
    "  deno task cli subscriptions replay receipt --since=2030-01-02T00:00:00Z --rate=10",
    "  deno task cli subscriptions prune --dry-run",
    "",
    "exit codes: 0 done, 1 no such subscription, 2 refused, 3 API not reachable",
  ].join("\n"),
  role: "subscriptions",
  flags: {
    "where": {
      value: "NAME=VALUE,...",
      help: "add: attributes that an event must have; NAME alone: any value",
    },
    "match": {
      value: "WORD",
      values: ["all", "any"],
      help: "add: whether all or any of them must match [all]",
    },
    "queue": { value: "NAME", help: "add: queue of the task [the one of its contract]" },
    "args": { value: "POINTER", help: "add: JSON pointer to all arguments, such as /data" },
    "since": { value: "TIME", help: "replay: recorded at or after, such as 2030-01-02T03:04:05Z" },
    "until": { value: "TIME", help: "replay: recorded before [now]" },
    "types": { value: "PATTERNS", help: "replay: patterns of types, separated by commas" },
    "rate": { value: "N", help: "replay: maximum number of tasks per second [100]" },
    "again": { help: "replay: also events that have a task of this subscription" },
    "dry-run": { help: "prune: only list them" },
    "json": { help: "print the response of the API as JSON" },
  },
  async run(given) {
    const [word = "list", name, ...rest] = given.rest;
    const verb = subcommandOf(word, Object.keys(VERBS) as Verb[], "subscriptions");
    refuseOtherFlags(given, `subscriptions ${verb}`, FLAGS[verb] ?? []);
    if (VERBS[verb] === "") refuseArguments(given.rest.slice(1), `subscriptions ${verb}`);
    else if (verb !== "add") refuseArguments(rest, `subscriptions ${verb} NAME`);
    if (verb === "list") return await list(given);
    if (verb === "prune") return await prune(given);
    if (!name) throw incomplete(verb, "its name");
    if (verb === "add") return await add(given, name, rest);
    if (verb === "replay") return await replay(given, name);
    if (verb === "remove") {
      await callApi(given, pathOf(name), "DELETE");
      return printAnswer(given, { name, removed: true }, `subscription ${name} is removed`);
    }
    if (verb === "show") {
      printJson(await callApi(given, pathOf(name)));
      return EXIT.done;
    }
    const subscription = await callApi<Subscription>(given, `${pathOf(name)}/${verb}`, "POST");
    return printAnswer(
      given,
      subscription,
      subscription.paused
        ? `subscription ${name} is paused: its events are kept`
        : `subscription ${name} is active: the events of the pause become tasks`,
    );
  },
};

function pathOf(name: string): string {
  return `/v1/subscriptions/${encodeURIComponent(name)}`;
}

async function list(given: Given): Promise<number> {
  const all: Subscription[] = [];
  let page: Page | undefined;
  do {
    const cursor = page?.next ? `&cursor=${encodeURIComponent(page.next)}` : "";
    page = await callApi<Page>(given, `/v1/subscriptions?limit=1000${cursor}`);
    all.push(...page.subscriptions);
  } while (page.next);
  if ("json" in given.own) printJson(all);
  else if (all.length === 0) {
    console.error(
      "celeriac: there are no subscriptions: see `deno task cli subscriptions add --help`",
    );
  } else {
    const rows = all.map(({ name, patterns, where, task, queue, source, paused }) => [
      name,
      patterns.join(","),
      Object.entries(where).map(([key, value]) => value === null ? key : `${key}=${value}`)
        .join(",") || "-",
      task,
      queue,
      paused ? "paused" : "active",
      source,
    ]);
    console.log(columns(["NAME", "PATTERNS", "WHERE", "TASK", "QUEUE", "STATE", "SOURCE"], rows));
  }
  return EXIT.done;
}

async function add(
  given: Given,
  name: string,
  [patterns, task, ...pairs]: readonly string[],
): Promise<number> {
  if (!patterns || !task) throw incomplete("add", patterns ? "a task" : "a pattern and a task");
  const { where, match, queue, args } = given.own;
  if (args !== undefined && pairs.length > 0) {
    throw new ConfigurationError(
      `Cannot use '${pairs[0]}' because --args points to all arguments: give one of both`,
    );
  }
  const pointers = pairs.map((pair) => {
    const [argument = "", pointer] = pair.split(/=(.*)/s);
    if (argument !== "" && pointer !== undefined) return [argument, pointer] as const;
    throw new ConfigurationError(
      `Cannot use '${pair}' because it is not ARGUMENT=POINTER: write it like order=/data/order`,
    );
  });
  const subscription = await callApi<Subscription>(given, "/v1/subscriptions", "POST", {
    name,
    patterns: patterns.split(",").map((pattern) => pattern.trim()),
    task,
    ...(where !== undefined && { where: whereOf(where) }),
    ...(match !== undefined && { match }),
    ...(queue !== undefined && { queue }),
    ...(args !== undefined && { args }),
    ...(pointers.length > 0 && { args: Object.fromEntries(pointers) }),
  });
  return printAnswer(
    given,
    subscription,
    `subscription ${name} sends task ${subscription.task} to ${subscription.queue}`,
  );
}

async function replay(given: Given, name: string): Promise<number> {
  const { since, until, types } = given.own;
  const answer = await callApi<Replay>(given, `${pathOf(name)}/replay`, "POST", {
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(types !== undefined && { types: types.split(",").map((pattern) => pattern.trim()) }),
    ...numericFlags(given.own, "rate"),
    ...("again" in given.own && { again: true }),
  });
  const { id, position, last_position } = answer;
  return printAnswer(
    given,
    answer,
    `replay ${id} of the positions after ${position} up to ${last_position} is started: see \`deno task cli subscriptions show ${name}\``,
  );
}

async function prune(given: Given): Promise<number> {
  const dryRun = "dry-run" in given.own;
  const answer = await callApi<{ removed: string[] }>(given, "/v1/subscriptions:prune", "POST", {
    dry_run: dryRun,
  });
  const names = answer.removed.map((name) =>
    dryRun ? `subscription ${name} would be removed` : `subscription ${name} is removed`
  );
  const none = "the app defines all subscriptions with source code";
  return printAnswer(given, answer, names.length > 0 ? names.join("\n") : none);
}

function whereOf(text: string): Record<string, string | number | boolean | null> {
  return Object.fromEntries(
    text.split(",").map((part) => {
      const [name = "", value] = part.split(/=(.*)/s).map((word) => word.trim());
      return [name, value === undefined ? null : scalarOf(value)];
    }),
  );
}

function incomplete(verb: Verb, missing: string): ConfigurationError {
  return new ConfigurationError(
    `Cannot ${verb} a subscription without ${missing}: deno task cli subscriptions ${verb} ${
      VERBS[verb]
    }`,
  );
}
