import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { key } from "../../../cli/commands/key.ts";
import { ownFlags } from "../../../cli/command.ts";
import { loadConfig, parseFlags } from "../../../shared/config/config.ts";
import { ConfigurationError } from "../../../shared/errors.ts";

const KEY = {
  id: "3vKq0ZmJX2aB",
  name: "shop",
  scopes: ["tasks:submit"],
  tasks: ["orders.*"],
  queues: ["*"],
  expires_at: "2999-01-01T00:00:00.000Z",
  successor: null,
  revoked_at: null,
  last_used_at: null,
};

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly token: string | null;
}

/** Runs `key` with arguments against an API that gives these answers in turn. */
async function run(args: string[], ...answers: unknown[]) {
  const sent: Sent[] = [];
  const printed = { log: [] as string[], error: [] as string[] };
  const { fetch } = globalThis;
  const { log, error } = console;
  globalThis.fetch = async (input, init) => {
    const request = new Request(input as URL, init);
    const { pathname, search } = new URL(request.url);
    const text = await request.text();
    sent.push({
      method: request.method,
      path: pathname + search,
      body: text === "" ? undefined : JSON.parse(text),
      token: request.headers.get("authorization"),
    });
    return Response.json(answers.shift());
  };
  Object.assign(console, {
    log: (line: string) => printed.log.push(line),
    error: (line: string) => printed.error.push(line),
  });
  try {
    const { flags, own, rest } = parseFlags(key.role, args, ownFlags(key));
    const env = (name: string) =>
      name === "CELERIAC_API_TOKEN" ? "the-token-of-the-operator" : undefined;
    const config = loadConfig("key", { flags, env });
    return { code: await key.run({ config, own, rest, args }), sent, ...printed };
  } finally {
    globalThis.fetch = fetch;
    Object.assign(console, { log, error });
  }
}

Deno.test("key create sends the flags, and prints the token alone on standard output", async () => {
  const args = [
    "create",
    "shop",
    "--scopes=tasks:submit, tasks:read",
    "--tasks=orders.*",
    "--days=7",
    "--requests-per-minute=60",
  ];
  const { code, sent, log, error } = await run(args, { ...KEY, token: "celk_x" });
  assertEquals([code, log], [0, ["celk_x"]]);
  assertStringIncludes(error[0]!, "key 3vKq0ZmJX2aB (shop) expires at 2999");
  assertEquals(sent, [{
    method: "POST",
    path: "/v1/keys",
    body: {
      name: "shop",
      scopes: ["tasks:submit", "tasks:read"],
      tasks: ["orders.*"],
      requests_per_minute: 60,
      expires_in: 7 * 86_400,
    },
    token: "Bearer the-token-of-the-operator",
  }]);
});

Deno.test("key create --json prints the answer, and --days=never is null", async () => {
  const answer = { ...KEY, token: "celk_x" };
  const { sent, log, error } = await run(
    ["create", "shop", "--scopes=*", "--days=never", "--json"],
    answer,
  );
  assertEquals([JSON.parse(log[0]!), error], [answer, []]);
  assertEquals(sent[0]!.body, { name: "shop", scopes: ["*"], expires_in: null });
});

Deno.test("key rotate and key revoke name the key", async () => {
  const rotated = await run(["rotate", "a/b", "--grace=0"], { ...KEY, token: "celk_y" });
  assertEquals([rotated.sent[0]!.path, rotated.sent[0]!.body], ["/v1/keys/a%2Fb/rotate", {
    grace: 0,
  }]);
  const revoked = await run(["revoke", KEY.id], KEY);
  assertEquals([revoked.sent[0]!.method, revoked.sent[0]!.path], ["DELETE", `/v1/keys/${KEY.id}`]);
  assertEquals(revoked.log, [`key ${KEY.id} (shop) is revoked`]);
});

Deno.test("key list reads every page, and shows the state of each key", async () => {
  const past = "2020-01-01T00:00:00.000Z";
  const first = { keys: [KEY, { ...KEY, revoked_at: past }], next: "b" };
  const second = { keys: [{ ...KEY, expires_at: past }, { ...KEY, successor: "c" }], next: null };
  const { sent, log } = await run(["list"], first, second);
  assertEquals(sent.map(({ path }) => path), [
    "/v1/keys?limit=1000",
    "/v1/keys?limit=1000&cursor=b",
  ]);
  const states = log[0]!.split("\n").slice(1).map((line) => line.split(/ +/)[2]);
  assertEquals(states, ["valid", "revoked", "expired", "rotated"]);
  const json = await run(["list", "--json"], { keys: [KEY], next: null });
  assertEquals(JSON.parse(json.log[0]!), [KEY]);
});

Deno.test("key explains missing and surplus arguments", async () => {
  const cases: [args: string[], reason: string][] = [
    [["create"], "without its NAME"],
    [["create", "shop"], "without scopes"],
    [["rotate"], "without its ID"],
    [["revoke", "a", "b"], "'b'"],
    [["creat"], "did you mean 'create'"],
    [["rotate", "a", "--grace=-1"], "--grace"],
  ];
  for (const [args, reason] of cases) {
    await assertRejects(() => run(args), ConfigurationError, reason);
  }
});
