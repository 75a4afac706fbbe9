/** `cli.ts schedules`: manage schedules. */
import { ConfigurationError } from "../../shared/errors.ts";
import { argumentsOf } from "./call.ts";
import { callApi } from "../api_client.ts";
import { columns } from "../terminal/columns.ts";
import type { Command, Given } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printAnswer, printJson } from "../terminal/print.ts";
import { numericFlags, subcommandOf } from "../terminal/arguments.ts";

/** The printed fields of a schedule. */
interface Schedule {
  readonly name: string;
  readonly task: string;
  readonly cron: string | null;
  readonly timezone: string | null;
  readonly every: number | null;
  readonly source: string;
  readonly paused: boolean;
  readonly last_at: string | null;
  readonly next_at: string | null;
  readonly next_runs: readonly string[];
  readonly problem: string | null;
}

interface Page {
  readonly schedules: readonly Schedule[];
  readonly next: string | null;
  readonly scheduler: string | null;
}

/** Default number of runs that `next` shows. */
const RUNS = 10;

/** Subcommands with their arguments. */
const VERBS = {
  list: "",
  show: "NAME",
  next: "NAME",
  add: "NAME TASK [KEY=VALUE ...]",
  pause: "NAME",
  resume: "NAME",
  trigger: "NAME",
  remove: "NAME",
} as const;

type Verb = keyof typeof VERBS;

/** Lists, creates, changes and deletes schedules. */
export const schedules: Command = {
  summary: "list, add, pause, resume, trigger and remove schedules",
  usage:
    "list | show NAME | next NAME | add NAME TASK [KEY=VALUE ...] | pause|resume|trigger|remove NAME",
  words: Object.keys(VERBS),
  details: [
    "The scheduler submits the tasks: start `deno task beat` or `deno task dev`. `next` shows the next runs. `trigger` submits",
    "the task once, now; the schedule does not change.",
    "",
    "  deno task cli schedules add morning add x=2 y=3 --cron='0 6 * * mon-fri' --timezone=Asia/Seoul",
    "  deno task cli schedules add pulse add x=2 y=3 --every=30",
    "  deno task cli schedules next morning --runs=5",
    "",
    "exit codes: 0 done, 1 no such schedule, 2 refused, 3 API not reachable",
  ].join("\n"),
  role: "schedules",
  flags: {
    cron: {
      value: "LINE",
      help: "add: minute hour day-of-month month day-of-week; all must match",
    },
    timezone: { value: "NAME", help: "add: IANA timezone of the cron line [UTC]" },
    every: { value: "SECONDS", help: "add: interval, instead of --cron" },
    missed: {
      value: "POLICY",
      values: ["skip", "once", "all"],
      help: "add: what to do about missed runs: skip, once (the newest) or all [once]",
    },
    queue: { value: "NAME", help: "add: queue of the task" },
    priority: { value: "N", help: "add: priority of the message, 0 to 255" },
    expires: {
      value: "SECONDS",
      help: "add: seconds after the due time at which the task expires",
    },
    paused: { help: "add: create it paused" },
    runs: { value: "N", help: `next: number of runs to show [${RUNS}]` },
    json: { help: "print the response of the API as JSON" },
  },
  async run(given) {
    const [verb = "list", name, ...rest] = given.rest;
    switch (subcommandOf(verb, Object.keys(VERBS) as Verb[], "schedules")) {
      case "list":
        return await list(given);
      case "show":
        printJson(await one(given, named(verb, name)));
        return EXIT.done;
      case "next":
        return await next(given, named(verb, name));
      case "add":
        return await add(given, named(verb, name), rest);
      case "pause":
      case "resume": {
        const schedule = await callApi<Schedule>(
          given,
          `${pathOf(named(verb, name))}/${verb}`,
          "POST",
        );
        return printAnswer(
          given,
          schedule,
          `schedule ${name} ${schedule.paused ? "is paused" : nextLine(schedule)}`,
        );
      }
      case "trigger": {
        const accepted = await callApi<{ id: string }>(
          given,
          `${pathOf(named(verb, name))}/trigger`,
          "POST",
        );
        return printAnswer(given, accepted, accepted.id);
      }
      case "remove":
        await callApi(given, pathOf(named(verb, name)), "DELETE");
        return printAnswer(given, { name, removed: true }, `schedule ${name} is removed`);
    }
  },
};

function named(verb: string, name: string | undefined): string {
  if (name) return name;
  throw new ConfigurationError(
    `Cannot ${verb} a schedule without its name: deno task cli schedules ${verb} ${
      VERBS[verb as Verb]
    }`,
  );
}

function pathOf(name: string): string {
  return `/v1/schedules/${encodeURIComponent(name)}`;
}

function one(given: Given, name: string, runs?: string): Promise<Schedule> {
  const query = runs === undefined ? "" : `?runs=${encodeURIComponent(runs)}`;
  return callApi(given, pathOf(name) + query);
}

async function list(given: Given): Promise<number> {
  const all: Schedule[] = [];
  let page: Page | undefined;
  do {
    const cursor = page?.next ? `&cursor=${encodeURIComponent(page.next)}` : "";
    page = await callApi<Page>(given, `/v1/schedules?limit=1000${cursor}`);
    all.push(...page.schedules);
  } while (page.next);
  if ("json" in given.own) printJson(all);
  else if (all.length > 0) console.log(table(all));
  else console.error("celeriac: there are no schedules: see `deno task cli schedules add --help`");
  if (page.scheduler === null && all.length > 0) {
    console.error("celeriac: no scheduler runs, so nothing is sent: start `deno task beat`");
  }
  return EXIT.done;
}

async function next(given: Given, name: string): Promise<number> {
  const schedule = await one(given, name, given.own.runs ?? String(RUNS));
  if ("json" in given.own) printJson(schedule.next_runs);
  else for (const time of schedule.next_runs) console.log(local(time, schedule.timezone));
  if (schedule.next_runs.length === 0) {
    console.error(`celeriac: schedule ${name} ${nextLine(schedule)}`);
  }
  return EXIT.done;
}

async function add(
  given: Given,
  name: string,
  [task, ...pairs]: readonly string[],
): Promise<number> {
  if (!task) {
    throw new ConfigurationError(
      `Cannot add schedule '${name}' without a task: deno task cli schedules add ${VERBS.add}`,
    );
  }
  const { cron, timezone, missed, queue } = given.own;
  const options = {
    ...(queue === undefined ? {} : { queue }),
    ...numericFlags(given.own, "priority", "expires"),
  };
  const schedule = await callApi<Schedule>(given, "/v1/schedules", "POST", {
    name,
    task,
    kwargs: argumentsOf(pairs),
    options,
    ...(cron === undefined ? {} : { cron }),
    ...(timezone === undefined ? {} : { timezone }),
    ...numericFlags(given.own, "every"),
    ...(missed === undefined ? {} : { missed }),
    ...("paused" in given.own ? { paused: true } : {}),
  });
  return printAnswer(given, schedule, `schedule ${name} ${nextLine(schedule)}`);
}

function nextLine({ next_at, timezone, paused, problem }: Schedule): string {
  if (problem !== null) return `cannot tick: ${problem}`;
  if (paused) return "is paused";
  return next_at === null ? "has no next run" : `runs next at ${local(next_at, timezone)}`;
}

/** A time as the schedule's own clock shows it, with its zone, and in UTC. */
function local(time: string, timezone: string | null): string {
  const utc = `${time.slice(0, 19)}Z`;
  if (timezone === null || timezone === "UTC") return utc;
  const clock = new Intl.DateTimeFormat("sv-SE", {
    timeZone: timezone,
    dateStyle: "short",
    timeStyle: "medium",
  });
  return `${clock.format(new Date(time))} ${timezone} (${utc})`;
}

function table(all: readonly Schedule[]): string {
  const rows = all.map((schedule) => [
    schedule.name,
    schedule.task,
    schedule.cron === null ? `every ${schedule.every} s` : `${schedule.cron} ${schedule.timezone}`,
    schedule.problem !== null
      ? "problem"
      : schedule.paused
      ? "paused"
      : `${schedule.next_at?.slice(0, 19)}Z`,
    schedule.last_at ? `${schedule.last_at.slice(0, 19)}Z` : "never",
    schedule.source,
  ]);
  return columns(["NAME", "TASK", "WHEN", "NEXT", "LAST", "SOURCE"], rows);
}
