import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import type { Message } from "../../../shared/broker/message.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { OutcomeUnknown, Unavailable, Unroutable } from "../../../shared/errors.ts";
import { Outbox } from "../../../shared/outbox/outbox.ts";
import { type AcceptedTask, Publisher } from "../../../shared/outbox/publisher.ts";
import type { RoutedSignature } from "../../../shared/outbox/submission.ts";
import { declarationFor } from "../../../shared/broker/topology.ts";
import { eventually } from "../../support/eventually.ts";
import { freshMigrated } from "../../support/migrated.ts";
import { ownTime } from "../../support/own_time.ts";
import { freePorts } from "../../support/ports.ts";
import { TcpProxy } from "../../support/proxy.ts";
import { freshVhost, management, type Vhost } from "../../support/servers.ts";

const QUEUE = "celeriac.default";
const MiB = 1024 * 1024;
const add = { task: "add", args: [1, 2], kwargs: {}, options: { queue: QUEUE } };

interface Fixture extends AsyncDisposable {
  /** Submits a task with a new id. */
  submit(signature: RoutedSignature): Promise<AcceptedTask>;
  readonly vhost: Vhost;
  readonly brokerProxy: TcpProxy;
  readonly databaseProxy: TcpProxy;
  readonly outbox: Outbox;
  /** What came out of the queue. */
  readonly arrived: Message[];
}

/** @param servers which of the two are there; `frozen`: the broker counts as silent after a second without a confirm */
async function createFixture(
  servers: { broker: boolean; database: boolean; frozen?: boolean; consumed?: boolean },
): Promise<Fixture> {
  const stack = new AsyncDisposableStack();
  const nowhere = `127.0.0.1:${freePorts(1)[0]}`;
  const vhost = stack.use(await freshVhost());
  const fresh = stack.use(await freshMigrated());
  const databaseProxy = stack.use(TcpProxy.of(fresh.url));
  const brokerProxy = stack.use(TcpProxy.of(vhost.url));
  const url = servers.database
    ? databaseProxy.through(fresh.url)
    : `postgres://nobody@${nowhere}/none`;
  const database = stack.use(new PostgresDatabase({ url, name: "test" }));
  await database.start();
  const amqp = servers.broker ? brokerProxy.through(vhost.url) : `amqp://guest:guest@${nowhere}/`;
  const broker = stack.use(
    new AmqpBroker({ url: amqp, name: "test", ...(servers.frozen ? { silenceMs: 1000 } : {}) }),
  );
  await broker.start();
  const arrived: Message[] = [];
  if (servers.broker) {
    await broker.connected();
    await broker.declare(declarationFor("dev", [QUEUE]));
    if (servers.consumed ?? true) {
      await broker.consume(QUEUE, (delivery) => {
        arrived.push(delivery.message);
        delivery.ack();
      }, { prefetch: 10 });
    }
  }
  const outbox = new Outbox({ database });
  const publisher = new Publisher({ broker, outbox, origin: "gen1@test" });
  return {
    vhost,
    brokerProxy,
    databaseProxy,
    outbox,
    arrived,
    submit: ({ options, ...task }) =>
      publisher.submit({ ...task, options: { ...options, taskId: crypto.randomUUID() } }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("Publisher.submit() publishes a due task to the broker immediately", async () => {
  await using fixture = await createFixture({ broker: true, database: true });
  const { id, via } = await fixture.submit(add);
  assertEquals(via, "broker");
  const message = await eventually("a message", () => fixture.arrived[0]);
  assertEquals([message.headers.id, message.headers.task, message.exchange], [
    id,
    "add",
    "celeriac",
  ]);
  assertEquals([message.properties.deliveryMode, message.properties.correlationId], [2, id]);
});

Deno.test("Publisher.submit() sets no message expiration on Celeriac queues", async () => {
  await using fixture = await createFixture({ broker: true, database: true });
  await fixture.submit({ ...add, options: { queue: QUEUE, expires: 60 } });
  const message = await eventually("a message", () => fixture.arrived[0]);
  assert(message.headers.expires);
  assertEquals(message.properties.expiration, undefined);
});

Deno.test("Publisher.submit() stores a later task in the outbox, or publishes it with its eta without a database", async () => {
  const later = { ...add, options: { queue: QUEUE, countdown: 60 } };
  await using whole = await createFixture({ broker: true, database: true });
  assertEquals((await whole.submit(later)).via, "outbox");
  assertEquals((await whole.outbox.depth()).total, 1);
  assertEquals(whole.arrived.length, 0);

  await using half = await createFixture({ broker: true, database: false });
  assertEquals((await half.submit(later)).via, "broker");
  const message = await eventually("a message", () => half.arrived[0]);
  assert(new Date(String(message.headers.eta)).getTime() > Date.now() + 50_000);
});

Deno.test("Publisher.submit() uses the outbox during a broker outage, and fails if the database is down too", async () => {
  await using half = await createFixture({ broker: false, database: true });
  assertEquals((await half.submit(add)).via, "outbox");
  assertEquals((await half.outbox.depth()).due, 1);
  await using none = await createFixture({ broker: false, database: false });
  const error = await assertRejects(() => none.submit(add), Unavailable);
  assertMatch(error.message, /^Cannot accept task .* neither broker nor database can hold it/);
});

Deno.test("Publisher.submit() reports a missing queue", async () => {
  await using fixture = await createFixture({ broker: true, database: true });
  const lost = { ...add, options: { queue: "celeriac.nowhere" } };
  await assertRejects(() => fixture.submit(lost), Unroutable, "celeriac.nowhere");
  assertEquals((await fixture.outbox.depth()).total, 0);
});

Deno.test("Publisher.submit() uses the outbox when a full queue rejects the message", async () => {
  await using fixture = await createFixture({ broker: true, database: true, consumed: false });
  const { name, managementUrl } = fixture.vhost;
  await management(managementUrl, "PUT", `/api/policies/${name}/short`, {
    pattern: `^${QUEUE.replace(".", "\\.")}$`,
    "apply-to": "queues",
    definition: { "max-length": 1, overflow: "reject-publish" },
  });
  await eventually("a refusal", async () => (await fixture.submit(add)).via === "outbox");
  assert((await fixture.outbox.depth()).total > 0);
});

Deno.test("Publisher.submit() uses the outbox when the broker stops responding, and the broker when it recovers", async () => {
  await using fixture = await createFixture({ broker: true, database: true, frozen: true });
  assertEquals((await fixture.submit(add)).via, "broker");
  fixture.brokerProxy.swallow("to client");
  // On a busy machine the database may be late, too: callers try again then.
  const submit = () =>
    eventually("it is accepted", () =>
      fixture.submit(add).catch((error) => {
        assertInstanceOf(error, Unavailable);
        return undefined;
      }));
  // More than may be in flight.
  const all = await Promise.all(Array.from({ length: 2500 }, submit));
  assertEquals(all.filter(({ via }) => via === "outbox").length, 2500);
  assert((await fixture.outbox.depth()).total >= 2500);
  fixture.brokerProxy.pass();
  await eventually("a confirm", async () => (await fixture.submit(add)).via === "broker");
});

for (const [when, due] of [["now", {}], ["later", { countdown: 60 }]] as const) {
  Deno.test(`Publisher.submit() fails within 2 s when both servers stop responding, for a task due ${when}`, async () => {
    await using fixture = await createFixture({ broker: true, database: true, frozen: true });
    await fixture.submit({ ...add, options: { queue: QUEUE, countdown: 60 } });
    fixture.brokerProxy.swallow("to client");
    fixture.databaseProxy.swallow("to client");
    const given = { ...add, options: { queue: QUEUE, ...due } };
    const took = await ownTime(() =>
      Promise.all(Array.from(
        { length: 100 },
        () => assertRejects(() => fixture.submit(given), OutcomeUnknown, "neither"),
      ))
    );
    assert(took < 2000, `${took} ms`);
    fixture.databaseProxy.cut();
  });
}

Deno.test("Publisher.submit() uses the broker, or fails, when too many requests wait for the database", async () => {
  const later = (bytes: number) => ({
    ...add,
    args: ["a".repeat(bytes)],
    options: { queue: QUEUE, countdown: 60 },
  });
  for (const broker of [false, true]) {
    await using fixture = await createFixture({ broker, database: true });
    fixture.databaseProxy.swallow("to client");
    // 33 MiB are added before the first write begins: more than may wait.
    const held = Promise.allSettled(
      Array.from({ length: 33 }, () => fixture.submit(later(MiB))),
    );
    const submit = () => fixture.submit(later(1));
    if (broker) assertEquals((await submit()).via, "broker");
    else await assertRejects(submit, Unavailable, "too many items are pending");
    fixture.databaseProxy.cut();
    await held;
  }
});
