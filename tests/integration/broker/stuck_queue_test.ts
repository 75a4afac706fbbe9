/** A quorum queue that confirms nothing, like one without a leader or majority, next to healthy queues. */
import { assert, assertEquals } from "@std/assert";
import { Api } from "../../../api/main.ts";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import type { Delivery } from "../../../shared/broker/broker.ts";
import { loadConfig } from "../../../shared/config/config.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { Outbox, type OutboxEntry } from "../../../shared/outbox/outbox.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { declarationFor, destinationOf } from "../../../shared/broker/topology.ts";
import { consumed } from "../../support/broker_helpers.ts";
import type { Inbox } from "../../support/inbox.ts";
import { eventually } from "../../support/eventually.ts";
import { forwardingFixture } from "../../support/forwarding.ts";
import { freshMigrated } from "../../support/migrated.ts";
import { PrivateRabbitmq } from "../../support/private_rabbitmq.ts";
import { findRabbitmq } from "../../support/rabbitmq.ts";
import { entry, message } from "../../support/settlements.ts";

const STUCK = "celeriac.stuck";
const WELL = "celeriac.default";

/** Messages in the outbox; those of the stuck queue come first. */
const WAITING = 2000;
/** Concurrent requests. */
const BURST = 300;
/** Messages that a channel sends before it detects the problem, for each of two bursts, plus a few probes. */
const MOST_COPIES = 2 * 200 + 100;

const contracts = [
  defineTask({ name: "stuck", input: z.object({}), queue: STUCK }),
  defineTask({ name: "well", input: z.object({}), queue: WELL }),
];

/** Suspends a queue's process. RabbitMQ then behaves as if the queue had no majority. */
function control(
  rabbitmq: PrivateRabbitmq,
  verb: "suspend" | "resume",
  queue: string,
): Promise<string> {
  return rabbitmq.control(["eval", `sys:${verb}({'%2F_${queue}', node()}).`]);
}

async function connect({ url }: PrivateRabbitmq, name: string): Promise<AmqpBroker> {
  const broker = new AmqpBroker({ url, name, silenceMs: 1000, heartbeat: 30 });
  await broker.start();
  await broker.connected();
  return broker;
}

/** Outbox content before the API starts. */
function waiting(queue: string, count: number, seconds: number): OutboxEntry[] {
  return Array.from({ length: count }, (_, index) => {
    const id = `${queue}-${index}`;
    const properties = { correlationId: id };
    return entry(id, {
      message: message({ ...destinationOf(queue), properties }),
      dueAt: new Date(Date.now() - seconds * 1000),
    });
  });
}

async function heldFor(queue: string, database: PostgresDatabase): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    "select count(*)::int as count from celeriac.outbox where routing_key = $1",
    [queue],
  );
  return row!.count;
}

/** Unique ids. */
async function idsOf(inbox: Inbox<Delivery>, count: number): Promise<Set<string>> {
  const ids = new Set<string>();
  while (ids.size < count) ids.add(idOf(await inbox.next()));
  return ids;
}

function idOf(delivery: Delivery): string {
  delivery.ack();
  return delivery.message.properties.correlationId ?? "";
}

async function submissions(rabbitmq: PrivateRabbitmq): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const fresh = stack.use(await freshMigrated());
  const database = stack.use(new PostgresDatabase({ url: fresh.url }));
  await database.start();
  const broker = stack.use(await connect(rabbitmq, "api"));
  const registry = new Registry(contracts);
  await broker.declare(declarationFor("dev", registry.queues));
  const config = loadConfig("api", { flags: { port: "0" }, env: () => undefined });
  const api = new Api({ config, registry, broker, database });
  const outbox = new Outbox({ database });
  const held = [...waiting(STUCK, WAITING, 60), ...waiting(WELL, 100, 1)];

  await control(rabbitmq, "suspend", STUCK);
  await outbox.add(held);
  stack.use(api);
  await api.start();
  /** Retries with the same id, because the database may time out on a busy machine. */
  const submit = async (name: string) => {
    const id = crypto.randomUUID();
    for (;;) {
      const answer = await fetch(`${api.url}/v1/tasks/${name}`, {
        method: "POST",
        body: JSON.stringify({ options: { task_id: id } }),
        headers: { "content-type": "application/json" },
      });
      const text = await answer.text();
      if (answer.status === 202) return id;
      assertEquals(answer.status, 503, text);
    }
  };
  const many = (name: string) => Promise.all(Array.from({ length: BURST }, () => submit(name)));
  const stuck = many("stuck");
  const well = await many("well");
  const consumer = stack.use(await connect(rabbitmq, "consumer"));
  const inbox = await consumed(consumer, WELL);
  const arrived = await idsOf(inbox, 100 + BURST);
  assert(well.every((id) => arrived.has(id)));
  const late = await stuck;
  await eventually("the suspicion", () => broker.unconfirmed.length === 1);
  assertEquals(broker.unconfirmed, [destinationOf(STUCK)]);
  // No message for the stuck queue is lost.
  assertEquals(await heldFor(STUCK, database), WAITING + BURST);
  const more = await many("well");
  const again = new Set<string>();
  while (!more.every((id) => again.has(id))) again.add(idOf(await inbox.next()));

  await control(rabbitmq, "resume", STUCK);
  await eventually("an empty outbox", async () => (await outbox.depth()).total === 0);
  const rest = await consumed(consumer, STUCK);
  const ids = new Set<string>();
  let copies = -WAITING - BURST;
  await consumer.publish(
    message({ ...destinationOf(STUCK), properties: { correlationId: "last" } }),
  );
  while (!ids.has("last")) {
    ids.add(idOf(await rest.next()));
    copies++;
  }
  assertEquals(ids.size, WAITING + BURST + 1);
  assert(late.every((id) => ids.has(id)));
  assert(copies <= MOST_COPIES, `${copies} copies`);
}

async function events(rabbitmq: PrivateRabbitmq): Promise<void> {
  {
    await using broker = await connect(rabbitmq, "dev");
    await broker.declare(declarationFor("dev", [WELL]));
  }
  await using fixture = await forwardingFixture(() => rabbitmq.url);
  const { channel } = fixture;
  for (const queue of ["sub.well", "sub.stuck"]) {
    await channel.assertQueue(queue, { arguments: { "x-queue-type": "quorum" } });
    await channel.bindQueue(queue, "type.event.celeriac", "#");
  }
  await control(rabbitmq, "suspend", "sub.stuck");
  const ids = [...await fixture.burst("first"), ...await fixture.burst("second")];
  const { messageCount } = await channel.checkQueue("forward.celeriac");
  assert(messageCount >= ids.length - 200, `${messageCount} wait`);
  await control(rabbitmq, "resume", "sub.stuck");
  await fixture.received("sub.well", ids);
  await fixture.received("sub.stuck", ids);
}

Deno.test("queues without confirms", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "celeriac-stuck-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const rabbitmq = await PrivateRabbitmq.create(await findRabbitmq() ?? "", folder);
  await rabbitmq.start(new AbortController().signal);
  stack.defer(() => rabbitmq.kill());
  await t.step(
    "a queue without confirms delays neither submissions nor the outbox of other queues",
    () => submissions(rabbitmq),
  );
  await t.step(
    "one of another system delays neither publishers of events nor tasks, and gets the events later",
    () => events(rabbitmq),
  );
});
