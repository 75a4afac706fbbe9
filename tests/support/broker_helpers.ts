/** Helpers of the broker tests. */
import type { Broker, Delivery } from "../../shared/broker/broker.ts";
import type { Declaration } from "../../shared/broker/declaration.ts";
import type { Message } from "../../shared/broker/message.ts";
import { Inbox } from "./inbox.ts";

/** Creates a test message. */
export function message(exchange: string, routingKey: string, body = ""): Message {
  return {
    exchange,
    routingKey,
    properties: {},
    headers: {},
    body: new TextEncoder().encode(body),
  };
}

/** Body as text. */
export function text({ body }: Message): string {
  return new TextDecoder().decode(body);
}

/** A declaration of quorum queues only. */
export function queues(...names: string[]): Declaration {
  return { exchanges: [], queues: names.map((name) => ({ name, type: "quorum" })), bindings: [] };
}

/** Starts a broker and declares the topology. */
export async function started(broker: Broker, declaration: Declaration): Promise<void> {
  await broker.start();
  await broker.connected();
  await broker.declare(declaration);
}

/** Consumes from a queue until the broker stops. */
export async function consumed(
  broker: Broker,
  queue: string,
  prefetch = 2000,
): Promise<Inbox<Delivery>> {
  const inbox = new Inbox<Delivery>();
  await broker.consume(queue, inbox.put, { prefetch });
  return inbox;
}

/** Takes and acks the next deliveries, and returns their bodies. */
export async function texts(inbox: Inbox<Delivery>, count: number): Promise<string[]> {
  return (await inbox.take(count)).map((delivery) => {
    delivery.ack();
    return text(delivery.message);
  });
}

/** All bodies in a queue, up to a final message that this function publishes. */
export async function queued(broker: Broker, queue: string): Promise<string[]> {
  const last = crypto.randomUUID();
  await broker.publish(message("", queue, last));
  const inbox = new Inbox<Delivery>();
  const subscription = await broker.consume(queue, inbox.put, { prefetch: 2000 });
  const found: string[] = [];
  for (;;) {
    const delivery = await inbox.next();
    delivery.ack();
    if (text(delivery.message) === last) break;
    found.push(text(delivery.message));
  }
  await subscription.close();
  return found;
}
