/** Beat, and another system that receives events in queues of its own. */
import { assert, assertEquals } from "@std/assert";
import { Beat } from "../../beat/main.ts";
import { AmqpBroker } from "../../shared/broker/amqp/broker.ts";
import { loadConfig } from "../../shared/config/config.ts";
import { Registry } from "../../shared/contracts/registry.ts";
import { PostgresDatabase } from "../../shared/database/postgres.ts";
import { cloudEvent } from "../../shared/events/cloud_event.ts";
import { CloudEventPublisher } from "../../shared/events/cloud_event_publisher.ts";
import { EventStore } from "../../shared/events/event_store.ts";
import { SubscriptionStore } from "../../shared/events/subscription_store.ts";
import { Outbox } from "../../shared/outbox/outbox.ts";
import { Publisher } from "../../shared/outbox/publisher.ts";
import { eventually } from "./eventually.ts";
import { freshMigrated } from "./migrated.ts";
import { rawChannel } from "./raw_amqp.ts";

const QUEUE = "celeriac.default";
/** Milliseconds in which the broker must have accepted an event; less than a confirm timeout. */
const PROMPT_MS = 4000;

/** Events of a burst: more than the forwarder has in flight. */
export const BURST = 300;

/** Starts beat with one subscription to all events, and a publisher, on a broker with the topology.
 *
 * @param urlOf AMQP URL of the user of a role */
export async function forwardingFixture(urlOf: (role: "api" | "beat" | "events") => string) {
  await using stack = new AsyncDisposableStack();
  const fresh = stack.use(await freshMigrated());
  const database = stack.use(new PostgresDatabase({ url: fresh.url }));
  await database.start();
  const amqp = async (role: "api" | "beat", name: string = role) => {
    const options = { url: urlOf(role), name, heartbeat: 30, silenceMs: 1000 };
    const broker = stack.use(new AmqpBroker(options));
    await broker.start();
    await broker.connected();
    return broker;
  };
  const broker = await amqp("beat");
  const forwarding = await amqp("beat", "beat events");
  const registry = new Registry([]);
  await new SubscriptionStore({ database }).sync([{
    name: "receipt",
    patterns: ["#"],
    where: {},
    match: "all",
    deliver: { task: "receipt", queue: QUEUE, args: { order: "/data/order" } },
  }]);
  const config = loadConfig("beat", { flags: {}, env: () => undefined });
  const beat = stack.use(
    new Beat({ config, registry, schedules: [], broker, forwarding, database }),
  );
  await beat.start();
  const origin = "gen1@test";
  const outbox = new Outbox({ database });
  const publisher = new CloudEventPublisher({
    publisher: new Publisher({ broker: await amqp("api"), outbox, origin }),
  });
  const { channel } = stack.use(await rawChannel(urlOf("events")));
  const events = new EventStore({ database });
  const owned = stack.move();
  return {
    /** A channel of the other system. */
    channel,
    /** Publishes events, and resolves with their ids when all are recorded with their task. */
    async burst(name: string): Promise<string[]> {
      const ids = Array.from({ length: BURST }, (_, index) => `${name}-${index}`);
      const before = await events.lastPosition();
      await Promise.all(ids.map(async (id) => {
        const began = performance.now();
        const time = new Date().toISOString();
        const given = { specversion: "1.0", id, source: "/shop", type: "orders.paid", time };
        const { via } = await publisher.publish(cloudEvent({ ...given, data: { order: id } }));
        assertEquals(via, "broker");
        assert(performance.now() - began < PROMPT_MS, `${performance.now() - began} ms`);
      }));
      const began = performance.now();
      await eventually(`the tasks of ${name}`, async () => {
        const recorded = await events.after(before, { limit: 2 * BURST });
        return recorded.filter(({ tasks }) => "receipt" in tasks).length === BURST;
      });
      assert(performance.now() - began < PROMPT_MS, `${performance.now() - began} ms`);
      return ids;
    },
    /** Removes the messages of a queue until all of these events were among them. */
    async received(queue: string, ids: readonly string[]): Promise<void> {
      const missing = new Set(ids);
      await eventually(`${ids.length} events in ${queue}`, async () => {
        for (;;) {
          const message = await channel.get(queue, { noAck: true });
          if (!message) break;
          missing.delete(JSON.parse(message.content.toString()).id);
        }
        return missing.size === 0;
      });
    },
    /** The connection that forwards events. */
    forwarding,
    /** Status of `/readyz`, and the states of beat's connections to the broker. */
    async readiness() {
      const answer = await beat.health().request("/readyz");
      const { checks } = await answer.json();
      return [answer.status, checks.broker.state, checks.forwarding.state];
    },
    /** Value of a metric of beat; 0 if it has none. */
    async metric(name: string): Promise<number> {
      const text = await (await beat.health().request("/metrics")).text();
      const line = text.split("\n").find((line) => line.startsWith(name));
      return Number(line?.split(" ").at(-1) ?? 0);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
