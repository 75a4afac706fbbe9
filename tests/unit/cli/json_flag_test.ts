/** Every command that prints data has `--json`. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { main } from "../../../cli.ts";
import { COMMANDS } from "../../../cli/commands.ts";

/** Commands that print no data. */
const EXEMPT: Readonly<Record<string, string>> = {
  dev: "runs until it is stopped",
  api: "runs until it is stopped",
  worker: "runs until it is stopped",
  beat: "runs until it is stopped",
  start: "prints what its command prints",
  completions: "prints a script for a shell",
};

/** Commands that need a broker or a database: `tests/integration/cli/json_test.ts` runs them. */
const ELSEWHERE = [
  "migrate",
  "definitions template",
  "definitions render",
  "definitions apply",
  "definitions diff",
  "inspect",
  "control",
];

/** A number that JavaScript cannot hold. */
const EXACT = "9007199254740993";

/** What the API answers to everything. */
const ANSWER = `{"id":"a","name":"a","state":"SUCCESS","result":${EXACT},"exact":${EXACT},
  "task":"add","queue":"q","source":"api","paused":false,"cron":"* * * * *","timezone":"UTC","every":null,
  "last_at":null,"next_at":null,"next_runs":["2030-01-02T03:04:05.000Z"],"problem":null,"scheduler":"b",
  "schedules":[],"subscriptions":[],"keys":[],"dead_letters":[],"events":[],"types":[],"pauses":[],"removed":["s"],
  "reasons":[],"unread":[],"next":null,"open":true,"key":"k","via":"broker","tasks":[],"position":1,
  "last_position":2,"scope":"queue","parked":0,"token":"t","scopes":[],"queues":[],"expires_at":null,
  "successor":null,"revoked_at":null,"matched":1,"redriven":1,"purged":1,"waiting":0,"last_due_at":null,
  "dry_run":false,"patterns":[],"where":{},"at":"2030-01-02T03:04:05.000Z","workers":[],"series":[],"step":60,
  "until":"2030-01-02T03:04:05.000Z","states":{},"complete":true,"done":1,"refused":0,"bulk_jobs":[]}`;

/** Arguments of each command and subcommand. */
const RUNS: readonly string[][] = [
  ["secrets"],
  ["call", "add", "x=1"],
  ["call", "add", "x=1", "--wait=0"],
  ["result", "a"],
  ["why", "a"],
  ["top"],
  ["revoke", "a"],
  ["workers", "list"],
  ["workers", "shutdown", "a"],
  ["workers", "pool-grow", "a", "2"],
  ["workers", "pool-shrink", "a"],
  ["schedules", "list"],
  ["schedules", "show", "a"],
  ["schedules", "next", "a"],
  ["schedules", "add", "a", "add", "--every=1"],
  ["schedules", "pause", "a"],
  ["schedules", "resume", "a"],
  ["schedules", "trigger", "a"],
  ["schedules", "remove", "a"],
  ["events", "publish", "a.b"],
  ["events", "list"],
  ["events", "show", "k"],
  ["events", "types"],
  ["events", "tail", "--limit=1"],
  ["subscriptions", "list"],
  ["subscriptions", "show", "a"],
  ["subscriptions", "add", "a", "a.*", "add"],
  ["subscriptions", "pause", "a"],
  ["subscriptions", "resume", "a"],
  ["subscriptions", "replay", "a"],
  ["subscriptions", "remove", "a"],
  ["subscriptions", "prune"],
  ["pause", "list"],
  ["pause", "queue", "q"],
  ["pause", "task", "t"],
  ["resume", "queue", "q"],
  ["resume", "task", "t"],
  ["key", "create", "a", "--scopes=*"],
  ["key", "list"],
  ["key", "rotate", "a"],
  ["key", "revoke", "a"],
  ["dead", "list"],
  ["dead", "show", "a"],
  ["dead", "redrive", "--all"],
  ["dead", "purge", "--all"],
  ["tasks", "list", "--sample"],
  ["tasks", "egress", "--sample"],
  ["tasks", "retry", "a"],
  ["tasks", "rerun", "a"],
  ["bulk", "revoke", "a", "--terminate"],
  ["bulk", "retry", "--all"],
  ["bulk", "rerun", "--filter=state:failure", "--dry-run"],
  ["bulk", "list"],
  ["bulk", "show", "a"],
  ["bulk", "stop", "a"],
];

/** Runs the command line against that API.
 *
 * @returns what it wrote to standard output */
async function outputOf(args: readonly string[]): Promise<{ code: number; output: string }> {
  const { fetch } = globalThis;
  const { log, error } = console;
  const lines: string[] = [];
  globalThis.fetch = (input) => {
    const isStream = String(input).includes("/events/stream");
    const one = ANSWER.replaceAll("\n", "");
    return Promise.resolve(new Response(isStream ? `id: 1\ndata: ${one}\n\n` : ANSWER));
  };
  Object.assign(console, { log: (line: string) => lines.push(line), error() {} });
  try {
    return { code: await main(args), output: lines.join("\n") };
  } finally {
    globalThis.fetch = fetch;
    Object.assign(console, { log, error });
  }
}

Deno.test("every command that prints data has the flag --json", async () => {
  for (const [name, load] of COMMANDS) {
    const { json } = (await load()).flags ?? {};
    if (name in EXEMPT) assertEquals(json, undefined, `${name} is exempt`);
    else assert(json !== undefined && json.value === undefined, `${name} has no --json`);
  }
  for (const name of Object.keys(EXEMPT)) assert(COMMANDS.has(name), name);
});

Deno.test("every subcommand is run with --json by a test", async () => {
  const tested = [
    ...RUNS.map((args) => args.slice(0, 2).join(" ")),
    ...ELSEWHERE,
    "init",
    "permissions",
  ];
  for (const [name, load] of COMMANDS) {
    if (name in EXEMPT) continue;
    const { words = [] } = await load();
    const isWhole = tested.some((one) => one === name || one.startsWith(`${name} `));
    assert(isWhole, `${name} is not run`);
    if (tested.includes(name)) continue;
    for (const word of words) assert(tested.includes(`${name} ${word}`), `${name} ${word}`);
  }
  const file = new URL("../../integration/cli/json_test.ts", import.meta.url);
  const text = await Deno.readTextFile(file);
  for (const one of ELSEWHERE) {
    for (const word of one.split(" ")) assertStringIncludes(text, `"${word}"`);
  }
});

for (const args of RUNS) {
  Deno.test(`${args.join(" ")} --json prints JSON alone`, async () => {
    const { code, output } = await outputOf([...args, "--json"]);
    assertEquals(code, 0, output);
    JSON.parse(output);
  });
}

Deno.test("call and result print integers above 2^53 with all digits", async () => {
  for (const args of [["call", "add"], ["result", "a", "--short"]]) {
    assertEquals(await outputOf(args), { code: 0, output: EXACT });
  }
  for (const args of [["call", "add", "--json"], ["call", "add", "--whole"], ["result", "a"]]) {
    assertStringIncludes((await outputOf(args)).output, `"result": ${EXACT}`);
  }
});

Deno.test("permissions --json prints the flags as an array, and leaves flags of the command alone", async () => {
  const { output } = await outputOf(["permissions", "--json", "secrets", "--folder=/s"]);
  assertEquals(JSON.parse(output), ["--no-prompt", "--allow-read=/s", "--allow-write=/s"]);
  const dead = await outputOf(["permissions", "dead", "--json"]);
  assertStringIncludes(dead.output.split("\n")[0]!, "--no-prompt");
});

Deno.test("init --json and secrets --json print the written files", async () => {
  const folder = await Deno.makeTempDir();
  const app = JSON.parse((await outputOf(["init", `${folder}/app`, "--json"])).output);
  assertEquals(app.folder, `${folder}/app`);
  for (const file of app.files) await Deno.stat(`${folder}/app/${file}`);
  const secrets = await outputOf(["secrets", `--folder=${folder}/secrets`, "--json"]);
  const { files } = JSON.parse(secrets.output);
  assert(files.length > 5);
  for (const file of files) await Deno.stat(`${folder}/secrets/${file}`);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("result refuses --short with --json", async () => {
  assertEquals((await outputOf(["result", "a", "--short", "--json"])).code, 2);
});
