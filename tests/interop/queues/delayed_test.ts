/** A Celery project with quorum queues, which delays messages in the broker, with the permissions of the definitions. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import type { Message } from "../../../shared/broker/message.ts";
import { encodeTask } from "../../../shared/celery/message.ts";
import { decodeMeta } from "../../../shared/celery/result.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { applyDefinitions } from "../../../cli/rabbitmq/apply.ts";
import { renderDefinitions } from "../../../cli/rabbitmq/render.ts";
import { requestReplies } from "../../../shared/celery/control_client.ts";
import { celeryStack } from "../../support/celery_stacks.ts";
import { eventually } from "../../support/eventually.ts";
import { freshMigrated } from "../../support/migrated.ts";
import { unprovisioned } from "../../support/provisioned.ts";
import { startApi, startWorker, testApp } from "../../support/roles.ts";
import { management } from "../../support/servers.ts";

const NODE = "celeriac@delayed";
const DELAYED_KEY = /^([01]\.){28}celeriac\.default$/;
const selectTask = `
SELECT state, extract(epoch FROM started_at)::float AS started, retries
FROM celeriac.task
WHERE id = $1`;

interface Row {
  readonly state: string;
  readonly started: number | null;
  readonly retries: number;
}

Deno.test("messages that Celery (c57) delays in the broker reach our worker when due (T12)", async (t) => {
  await using parts = new AsyncDisposableStack();
  const stack = await celeryStack("c57");
  const fixture = parts.use(unprovisioned(["celeriac.default"]));
  const options = { ...fixture.options, delayLevels: "quorum" } as const;
  await applyDefinitions(fixture.management, await renderDefinitions(options));
  const fresh = parts.use(await freshMigrated());
  const database = parts.use(new PostgresDatabase({ url: fresh.url, max: 1 }));
  await database.start();
  const row = async (id: string) => (await database.query<Row>(selectTask, [id]))[0];
  const script = (name: string) => new URL(name, import.meta.url);
  const env = { ...testApp, DATABASE_URL: fresh.url, CELERIAC_NODE: NODE, CELERIAC_PROCESSES: "1" };
  parts.use(await startWorker({ env: { ...env, AMQP_URL: fixture.url("worker") } }));
  parts.use((await startApi({ env: { ...env, AMQP_URL: fixture.url("api") } })).api); // it relays
  const python = parts.use(
    await stack.worker(script("quorum_app.py"), {
      url: fixture.url("python"),
      env: { RESULTS: "rpc://" },
    }),
  );
  const broker = parts.use(new AmqpBroker({ url: fixture.url("api"), name: "delayed test" }));
  await broker.start();
  await broker.connected();

  await t.step("Celery's worker accepts the declared delay levels", async () => {
    const vhost = encodeURIComponent(fixture.vhost);
    const path = `/api/bindings/${vhost}/e/celery_delayed_delivery/e/celery`;
    await eventually("it has bound its own exchange", async () => {
      const bindings = await management(fixture.managementUrl, "GET", path) as unknown[];
      return bindings.length > 0;
    });
    assert(!/Failed to|PRECONDITION_FAILED|not be available|Traceback/.test(python.output));
  });

  const said = await stack.run(script("delayed_send.py"), [], { url: fixture.url("django") });
  const sent: Record<string, { id: string; due: number }> = JSON.parse(said);
  const reached = (name: string, state: string) =>
    eventually(`'${name}' to be ${state}`, async () => {
      const found = await row(sent[name]!.id);
      return found?.state === state && found;
    }, { within: 60 });

  await t.step("no task runs before its eta, and a retry arrives", async () => {
    for (
      const [name, state] of [["at once", "SUCCESS"], ["soon", "SUCCESS"], ["later", "STARTED"]]
    ) {
      const { started } = await reached(name!, state!);
      assert(started !== null && started >= sent[name!]!.due, `${name}: ${started}`);
    }
    const { retries } = await reached("again", "SUCCESS");
    assertEquals(retries, 1);
  });

  await t.step("the message has waited in the broker", async () => {
    const question = { method: "active", destination: [NODE] };
    const answers = await requestReplies(broker, question, { timeoutMs: 30_000 });
    const [task] = answers[NODE] as { id: string; delivery_info: { routing_key: string } }[];
    assertEquals(task?.id, sent["later"]?.id);
    assertMatch(task?.delivery_info.routing_key ?? "", DELAYED_KEY);
  });

  await t.step("our task runs from Celery's quorum queue", async () => {
    const message = encodeTask({
      task: "proj.add",
      args: [2, 2],
      kwargs: {},
      options: { taskId: "ours" },
    }, {
      origin: "gen1@host",
      destination: { exchange: "", routingKey: "celery" },
      now: new Date(),
    });
    const answered = Promise.withResolvers<Message>();
    const { signal } = new AbortController();
    await broker.publish(message, { reply: { signal, receive: answered.resolve } });
    const { state, result } = decodeMeta((await answered.promise).body);
    assertEquals([state, result], ["SUCCESS", "4"]);
  });
});
