/** The API between two servers that took its connections and say nothing. */
import { assert, assertEquals } from "@std/assert";
import { Api } from "../../../api/main.ts";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import { loadConfig } from "../../../shared/config/config.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { declarationFor } from "../../../shared/broker/topology.ts";
import { waitAtMost } from "../../../shared/runtime/waits.ts";
import { eventually } from "../../support/eventually.ts";
import { freshMigrated } from "../../support/migrated.ts";
import { ownTime } from "../../support/own_time.ts";
import { TcpProxy } from "../../support/proxy.ts";
import { freshVhost } from "../../support/servers.ts";
import { CONTRACTS } from "./fixture.ts";

const STOP_MS = 30_000;

/** @throws if it does not end, which would otherwise keep the whole suite waiting */
async function stopWithin(what: string, stopped: Promise<void>): Promise<void> {
  let isOver = false;
  await waitAtMost(STOP_MS, stopped.then(() => isOver = true));
  assert(isOver, `${what} did not stop within ${STOP_MS} ms`);
}

/** An API on servers that may be behind proxies. */
async function serve({ brokerUrl, databaseUrl }: { brokerUrl: string; databaseUrl: string }) {
  await using stack = new AsyncDisposableStack();
  const database = stack.adopt(
    new PostgresDatabase({ url: databaseUrl }),
    (database) => stopWithin("the database", database.stop()),
  );
  await database.start();
  const broker = stack.adopt(
    new AmqpBroker({ url: brokerUrl, name: "api", silenceMs: 1000 }),
    (broker) => stopWithin("the broker", broker.stop()),
  );
  await broker.start();
  await broker.connected();
  const registry = new Registry(CONTRACTS);
  await broker.declare(declarationFor("dev", registry.queues));
  const config = loadConfig("api", { flags: { port: "0" }, env: () => undefined });
  const api = stack.adopt(
    new Api({ config, registry, broker, database }),
    (api) => stopWithin("the API", api.stop()),
  );
  await api.start();
  const owned = stack.move();
  return { api, database, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

Deno.test("the API responds within 2 s when both servers stop responding", async (t) => {
  await using vhost = await freshVhost();
  await using fresh = await freshMigrated();
  await using brokerProxy = TcpProxy.of(vhost.url);
  await using databaseProxy = TcpProxy.of(fresh.url);
  await using served = await serve({
    brokerUrl: brokerProxy.through(vhost.url),
    databaseUrl: databaseProxy.through(fresh.url),
  });
  const { api } = served;
  const post = (path: string, body: unknown, headers = {}) =>
    fetch(api.url + path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
    });
  const first = await post("/v1/workflows", { name: "ping" });
  assertEquals(first.status, 202, await first.text());

  brokerProxy.swallow();
  databaseProxy.swallow();
  const key = { "idempotency-key": "k" };
  const cases: [string, boolean, () => Promise<Response>][] = [
    ["a task", true, () => post("/v1/tasks/ping", {})],
    ["a task due later", true, () => post("/v1/tasks/ping", { options: { countdown: 60 } })],
    ["a task with a key", false, () => post("/v1/tasks/ping", {}, key)],
    ["a workflow", true, () => post("/v1/workflows", { name: "ping" })],
    ["a workflow with a key", false, () => post("/v1/workflows", { name: "ping" }, key)],
  ];
  for (const [name, mayBeAccepted, ask] of cases) {
    await t.step(name, async () => {
      const took = await ownTime(async () => {
        const answer = await ask();
        const problem = await answer.json();
        assertEquals([answer.status, answer.headers.get("retry-after")], [503, "2"]);
        const kind = mayBeAccepted ? "outcome-unknown" : "unavailable";
        assertEquals(problem.type, `/problems/${kind}`, problem.detail);
        assertEquals(problem.ids?.length, mayBeAccepted ? 1 : undefined);
      });
      assert(took < 2500, `${took} ms`);
    });
  }
  brokerProxy.cut();
  databaseProxy.cut();
  brokerProxy.pass();
  databaseProxy.pass();
});

Deno.test("the API returns the id of a workflow that was committed after the deadline", async () => {
  await using vhost = await freshVhost();
  await using fresh = await freshMigrated();
  await using served = await serve({ brokerUrl: vhost.url, databaseUrl: fresh.url });
  const { api, database } = served;
  const post = async (headers = {}) => {
    const answer = await fetch(`${api.url}/v1/workflows`, {
      method: "POST",
      body: JSON.stringify({ name: "ping" }),
      headers: { "content-type": "application/json", ...headers },
    });
    return { status: answer.status, body: await answer.json() };
  };
  const locked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const lock = database.transaction(async (sql) => {
    await sql.query("lock table celeriac.workflow in access exclusive mode");
    locked.resolve();
    await answered.promise;
  });
  await locked.promise;
  const key = { "idempotency-key": "late" };
  const { status, body } = await post(key);
  assertEquals([status, body.type], [503, "/problems/outcome-unknown"]);
  answered.resolve();
  await lock;
  const [id] = body.ids;
  await eventually("the workflow", async () => {
    const found = await fetch(`${api.url}/v1/workflows/${id}`);
    await found.body?.cancel();
    return found.status === 200;
  });
  const again = await post(key);
  assertEquals([again.status, again.body.id], [202, id]);
});
