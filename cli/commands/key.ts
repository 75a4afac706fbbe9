/** `cli.ts key`: manage API keys. */
import { ConfigurationError } from "../../shared/errors.ts";
import { callApi, request } from "../api_client.ts";
import { type Command, configOf, type Given } from "../command.ts";
import { EXIT } from "../exit.ts";
import { numericFlags, subcommandOf } from "../terminal/arguments.ts";
import { columns } from "../terminal/columns.ts";
import { printAnswer, printJson } from "../terminal/print.ts";

/** The printed fields of a key. */
interface Key {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly tasks: readonly string[];
  readonly queues: readonly string[];
  readonly expires_at: string | null;
  readonly successor: string | null;
  readonly revoked_at: string | null;
  readonly last_used_at: string | null;
}

interface NewKey extends Key {
  readonly token: string;
}

interface Page {
  readonly keys: readonly Key[];
  readonly next: string | null;
}

const VERBS = ["create", "list", "rotate", "revoke"] as const;

const DAY = 86_400;

/** Creates, lists, rotates and revokes keys. */
export const key: Command = {
  summary: "create, list, rotate and revoke API keys",
  usage: "create NAME --scopes=SCOPES | list | rotate ID | revoke ID",
  words: VERBS,
  details: [
    "`create` and `rotate` print the token on standard output. It is shown once: only its hash is stored. `rotate` creates",
    "a key with the same rights; the old one stays valid for the grace. CELERIAC_API_TOKEN is the operator's token, or a",
    "key with the scopes `keys:read` and `keys:write`.",
    "",
    "  deno task cli key create shop --scopes=tasks:submit,tasks:read --tasks='orders.*'",
    "  deno task cli key list",
    "  deno task cli key rotate 3vKq0ZmJX2aB --grace=3600",
    "",
    "exit codes: 0 done, 1 no such key, 2 refused, 3 API not reachable",
  ].join("\n"),
  role: "key",
  flags: {
    "scopes": { value: "SCOPES", help: "create: comma-separated scopes, `GROUP:*` or `*`" },
    "tasks": { value: "PATTERNS", help: "create: comma-separated patterns of task names [*]" },
    "queues": { value: "PATTERNS", help: "create: comma-separated patterns of queues [*]" },
    "requests-per-minute": { value: "N", help: "create: limit for each API process [none]" },
    "days": {
      value: "DAYS",
      help: "create, rotate: days until the new key expires, or `never` [90]",
    },
    "grace": { value: "SECONDS", help: "rotate: how long the old key stays valid [86400]" },
    "json": { help: "print the response of the API as JSON" },
  },
  async run(given) {
    const [verb = "list", word, ...more] = given.rest;
    const known = subcommandOf(verb, VERBS, "keys");
    if (more.length > 0) {
      throw new ConfigurationError(
        `Cannot use '${
          more[0]
        }' because \`key ${verb}\` takes one argument: see \`deno task cli key --help\``,
      );
    }
    switch (known) {
      case "create":
        return await create(given, needed("create", word, "NAME"));
      case "list":
        return await list(given);
      case "rotate":
        return await rotate(given, needed("rotate", word, "ID"));
      case "revoke": {
        const path = pathOf(needed("revoke", word, "ID"));
        const revoked = await request<Key>(configOf(given), path, { method: "DELETE" });
        return printAnswer(given, revoked, `key ${revoked.id} (${revoked.name}) is revoked`);
      }
    }
  },
};

function needed(verb: string, word: string | undefined, what: string): string {
  if (word) return word;
  throw new ConfigurationError(
    `Cannot ${verb} a key without its ${what}: deno task cli key ${verb} ${what}`,
  );
}

function pathOf(id: string): string {
  return `/v1/keys/${encodeURIComponent(id)}`;
}

async function create(given: Given, name: string): Promise<number> {
  const scopes = listOf(given, "scopes");
  if (!scopes) {
    throw new ConfigurationError(
      `Cannot create key '${name}' without scopes: give --scopes=tasks:submit,tasks:read, or others`,
    );
  }
  const tasks = listOf(given, "tasks");
  const queues = listOf(given, "queues");
  const limit = numericFlags(given.own, "requests-per-minute")["requests-per-minute"];
  return show(
    given,
    await callApi<NewKey>(given, "/v1/keys", "POST", {
      name,
      scopes,
      ...(tasks && { tasks }),
      ...(queues && { queues }),
      ...(limit !== undefined && { requests_per_minute: limit }),
      ...life(given),
    }),
  );
}

async function rotate(given: Given, id: string): Promise<number> {
  const body = { ...numericFlags(given.own, "grace"), ...life(given) };
  return show(given, await callApi<NewKey>(given, `${pathOf(id)}/rotate`, "POST", body));
}

/** Prints the token alone on standard output, so that a script can store it. */
function show(given: Given, created: NewKey): number {
  if (!("json" in given.own)) {
    const end = created.expires_at === null ? "never expires" : `expires at ${created.expires_at}`;
    console.error(`celeriac: key ${created.id} (${created.name}) ${end}; its token is shown once:`);
  }
  return printAnswer(given, created, created.token);
}

async function list(given: Given): Promise<number> {
  const all: Key[] = [];
  let page: Page | undefined;
  do {
    const cursor = page?.next ? `&cursor=${encodeURIComponent(page.next)}` : "";
    page = await request<Page>(configOf(given), `/v1/keys?limit=1000${cursor}`);
    all.push(...page.keys);
  } while (page.next);
  if ("json" in given.own) printJson(all);
  else if (all.length > 0) console.log(table(all, new Date()));
  else console.error("celeriac: there are no keys: see `deno task cli key --help`");
  return EXIT.done;
}

function table(all: readonly Key[], now: Date): string {
  return columns(
    ["ID", "NAME", "STATE", "SCOPES", "TASKS", "QUEUES", "EXPIRES", "LAST USED"],
    all.map((one) => [
      one.id,
      one.name,
      stateOf(one, now),
      one.scopes.join(","),
      one.tasks.join(","),
      one.queues.join(","),
      one.expires_at?.slice(0, 10) ?? "never",
      one.last_used_at?.slice(0, 16) ?? "-",
    ]),
  );
}

function stateOf({ revoked_at, expires_at, successor }: Key, now: Date): string {
  if (revoked_at !== null) return "revoked";
  if (expires_at !== null && new Date(expires_at) <= now) return "expired";
  return successor === null ? "valid" : "rotated";
}

function listOf({ own }: Given, flag: string): string[] | undefined {
  return own[flag]?.split(",").map((part) => part.trim()).filter((part) => part !== "");
}

/** `expires_in` of the flag `--days`. */
function life({ own }: Given): { expires_in?: number | null } {
  if (own["days"] === "never") return { expires_in: null };
  const { days } = numericFlags(own, "days");
  return days === undefined ? {} : { expires_in: days * DAY };
}
