/** `cli.ts dead`: manage dead letters. */
import { ConfigurationError } from "../../shared/errors.ts";
import { request } from "../api_client.ts";
import { columns } from "../terminal/columns.ts";
import { type Command, configOf, type Given } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printAnswer, printJson } from "../terminal/print.ts";
import { numericFlags, subcommandOf } from "../terminal/arguments.ts";

/** The printed fields of a letter. */
interface Letter {
  readonly id: string;
  readonly task_id: string | null;
  readonly task: string | null;
  readonly queue: string;
  readonly reason: string;
  readonly died_at: string | null;
  readonly collected_at: string;
}

interface Page {
  readonly dead_letters: readonly Letter[];
  readonly next: string | null;
}

const VERBS = ["list", "show", "redrive", "purge"] as const;

/** Flags that filter letters, by the API's parameter. */
const FILTER = {
  "id": "id",
  "task-id": "task_id",
  "task": "task",
  "queue": "queue",
  "reason": "reason",
  "since": "since",
  "until": "until",
} as const;

/** Default number of letters that `list` shows. */
const LIST_LIMIT = 50;

/** Lists, shows, redrives and purges dead letters. */
export const dead: Command = {
  summary: "list, show, redrive and purge dead letters",
  usage: "list | show ID | redrive [FLAGS] | purge [FLAGS]",
  words: VERBS,
  details: [
    "A message that could not be processed is kept until you requeue it (redrive) or delete it (purge). Both",
    "process the letters that match the flags, or --all of them; --dry-run only counts.",
    "",
    "  deno task cli dead list --reason=unknown-task",
    "  deno task cli dead redrive --reason=unknown-task --queue=celeriac.default --rate=10 --dry-run",
    "  deno task cli dead purge --until=2026-01-01T00:00:00Z",
    "",
    "exit codes: 0 done, 1 no such letter, 2 refused, 3 API not reachable",
  ].join("\n"),
  role: "dead",
  flags: {
    "id": { value: "ID", help: "id of the letter" },
    "task-id": { value: "ID", help: "id of the task" },
    "task": { value: "NAME", help: "name of the task" },
    "queue": { value: "NAME", help: "queue that it was dead-lettered from" },
    "reason": { value: "WORD", help: "reason, such as poison, unknown-task or delivery_limit" },
    "since": { value: "TIME", help: "collected at or after, such as 2030-01-02T03:04:05Z" },
    "until": { value: "TIME", help: "collected before" },
    "all": { help: "redrive, purge: all letters" },
    "dry-run": { help: "redrive, purge: only count" },
    "rate": { value: "N", help: "redrive: maximum number of messages per second [100]" },
    "limit": {
      value: "N",
      help: `maximum number of letters [list: ${LIST_LIMIT}, redrive: 10000]`,
    },
    "json": { help: "print the response of the API as JSON" },
  },
  async run(given) {
    const [verb = "list", id] = given.rest;
    switch (subcommandOf(verb, VERBS, "dead letters")) {
      case "list":
        return await list(given);
      case "show":
        return await show(given, id);
      case "redrive":
        return await redrive(given);
      case "purge":
        return await purge(given);
    }
  },
};

async function list(given: Given): Promise<number> {
  const query = new URLSearchParams(filterOf(given));
  query.set("limit", given.own["limit"] ?? String(LIST_LIMIT));
  const page = await request<Page>(configOf(given), `/v1/dead-letters?${query}`);
  if ("json" in given.own) {
    printJson(page);
    return EXIT.done;
  }
  if (page.dead_letters.length === 0) {
    console.error("celeriac: there are no such dead letters");
    return EXIT.done;
  }
  console.log(columns(
    ["ID", "REASON", "TASK", "TASK ID", "QUEUE", "DIED"],
    page.dead_letters.map(({ id, reason, task, task_id, queue, died_at, collected_at }) => [
      id,
      reason,
      task ?? "-",
      task_id ?? "-",
      queue,
      `${(died_at ?? collected_at).slice(0, 19)}Z`,
    ]),
  ));
  if (page.next !== null) console.error("celeriac: there are more: give a larger --limit");
  return EXIT.done;
}

async function show(given: Given, id: string | undefined): Promise<number> {
  if (!id) {
    throw new ConfigurationError(
      "Cannot show a dead letter without its id: deno task cli dead show ID",
    );
  }
  printJson(await request(configOf(given), `/v1/dead-letters/${encodeURIComponent(id)}`));
  return EXIT.done;
}

async function redrive(given: Given): Promise<number> {
  const answer = await post<{ redriven: number; waiting: number; last_due_at: string | null }>(
    given,
    "redrive",
    numericFlags(given.own, "rate", "limit"),
  );
  const { dry_run, matched, redriven, waiting, last_due_at } = answer;
  return printAnswer(
    given,
    answer,
    [
      dry_run ? `${matched} would be sent again` : `${redriven} of ${matched} are sent again`,
      ...(last_due_at ? [`the last at ${last_due_at}`] : []),
      ...(waiting > 0
        ? [
          `${waiting} stay, as the outbox holds the same attempt already, or their worker has yet to record the failure`,
        ]
        : []),
    ].join("; "),
  );
}

async function purge(given: Given): Promise<number> {
  for (const flag of ["rate", "limit"]) {
    if (flag in given.own) {
      throw new ConfigurationError(`Cannot purge by --${flag}: choose letters by the other flags`);
    }
  }
  const answer = await post<{ purged: number }>(given, "purge", {});
  const { dry_run, matched, purged } = answer;
  return printAnswer(
    given,
    answer,
    dry_run ? `${matched} would be purged` : `${purged} are purged`,
  );
}

async function post<Answer>(
  given: Given,
  verb: "redrive" | "purge",
  options: Partial<Record<string, number>>,
): Promise<Answer & { dry_run: boolean; matched: number }> {
  const filter = filterOf(given);
  if (Object.keys(filter).length === 0 && !("all" in given.own)) {
    throw new ConfigurationError(
      `Cannot ${verb} without a filter: give flags such as --reason, or --all`,
    );
  }
  return await request(configOf(given), `/v1/dead-letters:${verb}`, {
    method: "POST",
    body: JSON.stringify({ filter, dry_run: "dry-run" in given.own, ...options }),
  });
}

function filterOf({ own }: Given): Record<string, string> {
  return Object.fromEntries(
    Object.entries(FILTER).flatMap(([flag, name]) => {
      const value = own[flag];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
