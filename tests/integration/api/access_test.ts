import { assertEquals, assertStringIncludes } from "@std/assert";
import { Api } from "../../../api/main.ts";
import { loadConfig } from "../../../shared/config/config.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { eventually } from "../../support/eventually.ts";
import { CONTRACTS, createFixture } from "./fixture.ts";

const ROOT = "the-token-of-the-operator";

Deno.test("keys, limits and the audit log hold over HTTP and in two processes", async (t) => {
  await using fixture = await createFixture({ apiToken: ROOT });
  const { own, database } = fixture;
  const config = loadConfig("api", { flags: { port: "0", apiToken: ROOT }, env: () => undefined });
  const second = new Api({
    config,
    registry: new Registry(CONTRACTS),
    broker: own,
    database,
  });
  await using _second = second;
  await second.start();

  const call = async (
    method: string,
    path: string,
    { token = ROOT, url = fixture.url, body }: { token?: string; url?: string; body?: unknown } =
      {},
  ) => {
    const answer = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text && JSON.parse(text) };
  };
  const create = async (body: object) => {
    const made = await call("POST", "/v1/keys", { body });
    assertEquals(made.status, 201, JSON.stringify(made.body));
    return made.body as { id: string; token: string };
  };

  await t.step("a new key works in both processes, for its tasks only", async () => {
    const { token } = await create({ name: "adder", scopes: ["tasks:submit"], tasks: ["add"] });
    for (const url of [fixture.url, second.url]) {
      const sum = { kwargs: { x: 1, y: 2 } };
      const added = await call("POST", "/v1/tasks/add", { url, token, body: sum });
      assertEquals(added.status, 202);
      const pinged = await call("POST", "/v1/tasks/ping", { url, token, body: {} });
      assertEquals([pinged.status, pinged.body.type], [403, "/problems/forbidden"]);
      const listed = await call("GET", "/v1/tasks", { url, token });
      assertEquals(listed.status, 403);
      assertStringIncludes(listed.headers.get("www-authenticate")!, 'scope="tasks:read"');
    }
    assertEquals((await fixture.take()).task, "add");
    assertEquals((await fixture.take()).task, "add");
  });

  await t.step("a revocation reaches the other process", async () => {
    const { id, token } = await create({ name: "gone", scopes: ["tasks:read"] });
    const statusOf = async (url: string) => (await call("GET", "/v1/tasks", { url, token })).status;
    assertEquals([await statusOf(fixture.url), await statusOf(second.url)], [200, 200]);
    assertEquals((await call("DELETE", `/v1/keys/${id}`)).status, 200);
    assertEquals(await statusOf(fixture.url), 401);
    await eventually("the revocation", async () => await statusOf(second.url) === 401);
  });

  await t.step("a rate limit is a 429 with its headers", async () => {
    const { token } = await create({
      name: "slow",
      scopes: ["tasks:read"],
      requests_per_minute: 1,
    });
    const first = await call("GET", "/v1/tasks/unknown", { token });
    assertEquals([first.status, first.headers.get("ratelimit-policy")], [404, '"key";q=1;w=60']);
    const refused = await call("GET", "/v1/tasks", { token });
    assertEquals([refused.status, refused.body.type], [429, "/problems/rate-limited"]);
    assertEquals(refused.headers.get("ratelimit")?.startsWith('"key";r=0;t='), true);
  });

  await t.step("no row of the database contains a secret", async () => {
    const { token } = await create({ name: "hidden", scopes: ["tasks:read"] });
    await call("GET", `/v1/tasks?key=${token}`, { token });
    const secret = token.slice(-38, -6);
    const [found] = await database.query<{ found: boolean }>(
      `select exists (select from celeriac.access_key k where k::text like '%' || $1 || '%')
        or exists (select from celeriac.audit a where a::text like '%' || $1 || '%') as found`,
      [secret],
    );
    assertEquals(found!.found, false);
  });

  await t.step("changes, submissions and refused calls are in the audit log", async () => {
    const { id, token } = await create({ name: "audited", scopes: ["tasks:submit"] });
    await call("POST", "/v1/tasks/ping", { token, body: {} });
    await call("DELETE", "/v1/tasks/x", { token });
    await call("DELETE", "/v1/tasks/x", { token: "wrong" });
    // It writes its counts when it stops.
    await fixture.api.stop();
    const entries = async (query: string) =>
      (await call("GET", `/v1/audit?${query}`, { url: second.url })).body.entries;
    const [made] = await entries(`target=${id}`);
    assertEquals([made.caller, made.action, made.status, made.address], [
      "root",
      "keys:write",
      201,
      "127.0.0.1",
    ]);
    const own = await entries(`caller=key:${id}`);
    const rows = own.map((entry: Record<string, unknown>) =>
      `${entry["action"]} ${entry["target"]} ${entry["status"]} ${entry["count"]} ${
        entry["address"]
      }`
    ).sort();
    assertEquals(rows, ["tasks:cancel null 403 1 127.0.0.1", "tasks:submit ping null 1 null"]);
    const [stranger] = await entries("caller=unauthenticated&action=tasks:cancel");
    assertEquals([stranger.status, stranger.count], [401, 1]);
  });
});
