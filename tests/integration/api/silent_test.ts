/** The API between two servers that took its connections and say nothing. */
import { assert, assertEquals } from "@std/assert";
import { Api } from "../../../api/main.ts";
import { AmqpBroker } from "../../../shared/broker/amqp.ts";
import { loadConfig } from "../../../shared/config.ts";
import { migrate } from "../../../shared/database/migrate.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { Registry } from "../../../shared/registry.ts";
import { declarationFor } from "../../../shared/topology.ts";
import { ownTime } from "../../support/own_time.ts";
import { TcpProxy } from "../../support/proxy.ts";
import { freshDatabase, freshVhost } from "../../support/servers.ts";
import { CONTRACTS } from "./ground.ts";

Deno.test("the API says within 2 s that both servers fell silent", async (t) => {
  await using vhost = await freshVhost();
  await using fresh = await freshDatabase();
  await using brokerProxy = TcpProxy.of(vhost.url);
  await using databaseProxy = TcpProxy.of(fresh.url);
  await using database = new PostgresDatabase({ url: databaseProxy.through(fresh.url) });
  await database.start();
  await migrate(database);
  await using broker = new AmqpBroker({
    url: brokerProxy.through(vhost.url),
    name: "api",
    silenceMs: 1000,
  });
  await broker.start();
  await broker.connected();
  const registry = new Registry(CONTRACTS);
  await broker.declare(declarationFor("dev", registry.queues));
  const config = loadConfig("api", { flags: { port: "0" }, env: () => undefined });
  await using api = new Api({ config, registry, broker, database });
  await api.start();
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
  const cases: [string, () => Promise<Response>][] = [
    ["a task", () => post("/v1/tasks/ping", {})],
    ["a task that is due later", () => post("/v1/tasks/ping", { options: { countdown: 60 } })],
    ["a task with a key", () => post("/v1/tasks/ping", {}, key)],
    ["a workflow", () => post("/v1/workflows", { name: "ping" })],
    ["a workflow with a key", () => post("/v1/workflows", { name: "ping" }, key)],
  ];
  for (const [name, ask] of cases) {
    await t.step(name, async () => {
      const took = await ownTime(async () => {
        const answer = await ask();
        const text = await answer.text();
        assertEquals([answer.status, answer.headers.get("retry-after")], [503, "2"], text);
      });
      assert(took < 2500, `${took} ms`);
    });
  }
  brokerProxy.cut();
  databaseProxy.cut();
  brokerProxy.pass();
  databaseProxy.pass();
});
