/** A consumer whose prefetch follows the size of its messages, on a real broker. */
import { assert, assertEquals } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import type { Delivery } from "../../../shared/broker/broker.ts";
import { BoundedConsumer } from "../../../shared/broker/consuming/bounded_consumer.ts";
import { message, queues } from "../../support/broker_helpers.ts";
import { eventually } from "../../support/eventually.ts";
import { freshVhost } from "../../support/servers.ts";

const QUEUE = "celeriac.q";
const PREFETCH = 100;
/** Bytes in flight, and of a large message. */
const BYTES = 1_000_000;
const LARGE = 300_000;

Deno.test("BoundedConsumer keeps few large messages in flight, and many small ones again later", async () => {
  await using vhost = await freshVhost();
  await using broker = new AmqpBroker({ url: vhost.url, name: "bounded" });
  await broker.start();
  await broker.connected();
  await broker.declare(queues(QUEUE));
  const inFlight = new Map<Delivery, () => void>();
  const acked = new Set<string>();
  let most = 0;
  await using consumer = new BoundedConsumer({
    broker,
    queue: QUEUE,
    prefetch: PREFETCH,
    bytes: BYTES,
    async onDelivery(delivery) {
      const { promise, resolve } = Promise.withResolvers<void>();
      inFlight.set(delivery, resolve);
      const bytes = [...inFlight.keys()].reduce((sum, one) => sum + one.message.body.length, 0);
      most = Math.max(most, bytes);
      await promise;
      inFlight.delete(delivery);
      acked.add(delivery.message.properties.messageId!);
      delivery.ack();
    },
  });
  let published = 0;
  const publish = async (count: number, size: number) => {
    const body = "x".repeat(size);
    await Promise.all(Array.from({ length: count }, () =>
      broker.publish({
        ...message("", QUEUE, body),
        properties: { messageId: String(published++) },
      })));
  };
  /** Handles what is in flight until all messages are acked. */
  const drain = () =>
    eventually("all acks", () => {
      for (const resolve of inFlight.values()) resolve();
      return acked.size === published;
    });

  await publish(40, LARGE);
  await consumer.start();
  await eventually("a message", () => inFlight.size > 0);
  await drain();
  assert(most <= BYTES, `${most} bytes`);
  assertEquals(consumer.prefetch, 3);

  await publish(450, 10);
  await drain();
  await eventually("a large prefetch", () => consumer.prefetch === PREFETCH);
  await publish(PREFETCH, 10);
  await eventually("a whole prefetch", () => inFlight.size === PREFETCH);
  await drain();
  await consumer.cancel();
  await consumer.idle();
});
