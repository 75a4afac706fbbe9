/** `cli.ts bulk`: revoke, retry and rerun many tasks, and manage these jobs. */
import { ConfigurationError } from "../../shared/errors.ts";
import { callApi } from "../api_client.ts";
import type { Command, Given } from "../command.ts";
import { EXIT } from "../exit.ts";
import { refuseArguments, refuseOtherFlags, subcommandOf } from "../terminal/arguments.ts";
import { columns } from "../terminal/columns.ts";
import { printAnswer, printJson } from "../terminal/print.ts";

const ACTIONS = ["revoke", "retry", "rerun"] as const;
const VERBS = [...ACTIONS, "list", "show", "stop"] as const;

type Action = typeof ACTIONS[number];

/** Flags of each action, besides `json`. */
const FLAGS: Readonly<Record<Action, readonly string[]>> = {
  revoke: ["filter", "until", "all", "dry-run", "terminate"],
  retry: ["filter", "until", "all", "dry-run"],
  rerun: ["filter", "until", "all", "dry-run"],
};

/** The printed fields of a job. */
interface Job {
  readonly id: string;
  readonly action: Action;
  readonly filter: { readonly q?: string; readonly ids?: readonly string[] };
  readonly state: string;
  readonly matched: number | null;
  readonly done: number;
  readonly refused: number;
  readonly created_at: string;
}

/** The answer of a dry run. */
interface Count {
  readonly matched: number;
  readonly states: Readonly<Record<string, number>>;
  readonly complete: boolean;
  readonly until: string;
}

/** Changes many tasks, and lists, shows and stops the jobs. */
export const bulk: Command = {
  summary: "revoke, retry and rerun many tasks in the background",
  usage: "revoke|retry|rerun [ID ...] [FLAGS] | list | show JOB | stop JOB",
  words: VERBS,
  details: [
    "A job of the API changes the tasks with these ids, those that match --filter, or --all of them. --dry-run only",
    "counts. The filter is that of the page. Tasks that are submitted later are never changed.",
    "",
    "  deno task cli bulk retry --filter='state:failure name:mail.*' --dry-run",
    "  deno task cli bulk revoke --filter='state:pending queue:mail'",
    "  deno task cli bulk list",
    "",
    "exit codes: 0 done, 1 no such job, 2 refused, 3 API not reachable",
  ].join("\n"),
  role: "result",
  flags: {
    "filter": { value: "TEXT", help: "conditions, such as state:failure name:mail.* since:1h" },
    "until": { value: "TIME", help: "tasks submitted before, as a dry run prints it [now]" },
    "all": { help: "all tasks" },
    "dry-run": { help: "only count the tasks" },
    "terminate": { help: "revoke: also terminate running tasks" },
    "json": { help: "print the response of the API as JSON" },
  },
  async run(given) {
    const [word = "list", ...rest] = given.rest;
    const verb = subcommandOf(word, VERBS, "bulk jobs");
    switch (verb) {
      case "list":
        refuseOtherFlags(given, "bulk list", []);
        refuseArguments(rest, "bulk list");
        return await list(given);
      case "show":
      case "stop":
        refuseOtherFlags(given, `bulk ${verb}`, []);
        return await ofJob(given, verb, rest);
      default:
        refuseOtherFlags(given, `bulk ${verb}`, FLAGS[verb]);
        return await start(given, verb, rest);
    }
  },
};

async function start(given: Given, action: Action, ids: readonly string[]): Promise<number> {
  const { filter: q, until } = given.own;
  if (q === undefined && ids.length === 0 && !("all" in given.own)) {
    throw new ConfigurationError(
      `Cannot ${action} tasks without a filter: give ids, --filter='state:failure', or --all`,
    );
  }
  const filter = {
    ...(q !== undefined && { q }),
    ...(ids.length > 0 && { ids }),
    ...(until !== undefined && { until }),
  };
  const isDry = "dry-run" in given.own;
  const body = {
    filter,
    dry_run: isDry,
    ...("terminate" in given.own && { terminate: true }),
  };
  const path = `/v1/tasks:${action}`;
  if (isDry) {
    const count = await callApi<Count>(given, path, "POST", body);
    return printAnswer(given, count, countText(count));
  }
  const answer = await callApi<Job>(given, path, "POST", body);
  const count = answer.matched === null
    ? "more tasks than were counted"
    : `${answer.matched} tasks`;
  return printAnswer(
    given,
    answer,
    `job ${answer.id} has started for ${count}: deno task cli bulk show ${answer.id}`,
  );
}

function countText({ matched, states, complete, until }: Count): string {
  const parts = Object.entries(states).sort(([, a], [, b]) => b - a)
    .map(([state, count]) => `${count} ${state}`);
  return `${complete ? "" : "at least "}${matched} tasks match${
    parts.length > 0 ? ` (${parts.join(", ")})` : ""
  }; to change these, give --until=${until}`;
}

async function ofJob(
  given: Given,
  verb: "show" | "stop",
  [id, ...more]: readonly string[],
): Promise<number> {
  if (!id) {
    throw new ConfigurationError(
      `Cannot ${verb} a job without its id: deno task cli bulk ${verb} JOB`,
    );
  }
  refuseArguments(more, `bulk ${verb} JOB`);
  const path = `/v1/bulk-jobs/${encodeURIComponent(id)}`;
  if (verb === "show") {
    printJson(await callApi(given, path));
    return EXIT.done;
  }
  const job = await callApi<Job>(given, `${path}/stop`, "POST");
  return printAnswer(
    given,
    job,
    `job ${id} is ${job.state}: ${job.done} tasks were changed, ${job.refused} refused`,
  );
}

async function list(given: Given): Promise<number> {
  const { bulk_jobs } = await callApi<{ bulk_jobs: readonly Job[] }>(given, "/v1/bulk-jobs");
  if ("json" in given.own) printJson(bulk_jobs);
  else if (bulk_jobs.length === 0) console.error("celeriac: there are no bulk jobs");
  else {
    const rows = bulk_jobs.map((
      { id, action, state, done, refused, matched, created_at, filter },
    ) => [
      id,
      action,
      state,
      `${done + refused}/${matched ?? "?"}`,
      String(refused),
      created_at,
      filter.q ?? (filter.ids ? `${filter.ids.length} ids` : "all"),
    ]);
    console.log(
      columns(["ID", "ACTION", "STATE", "DONE", "REFUSED", "STARTED", "FILTER"], rows),
    );
  }
  return EXIT.done;
}
