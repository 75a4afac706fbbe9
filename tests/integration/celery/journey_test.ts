/** Task messages sent through RabbitMQ. */
import { assert, assertEquals } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import type { Delivery } from "../../../shared/broker/broker.ts";
import { encodeTask, retryMessage } from "../../../shared/celery/message.ts";
import { decodeTask } from "../../../shared/celery/decode.ts";
import type { SignatureOptions } from "../../../shared/celery/signature.ts";
import { Inbox } from "../../support/inbox.ts";
import { rawChannel } from "../../support/raw_amqp.ts";
import { freshVhost } from "../../support/servers.ts";

const now = new Date();

function message(options: SignatureOptions) {
  return encodeTask(
    { task: "add", args: [2, 2n ** 60n], kwargs: { y: "ü" }, options: { ...options, taskId: "1" } },
    { origin: "gen1@host", destination: { exchange: "", routingKey: "first" }, now },
  );
}

/** A broker with a queue `first` that dead-letters to `second`. */
async function createFixture() {
  const stack = new AsyncDisposableStack();
  const vhost = stack.use(await freshVhost());
  const { channel } = stack.use(await rawChannel(vhost.url));
  await channel.assertQueue("second", { durable: true });
  await channel.assertQueue("first", {
    durable: true,
    deadLetterExchange: "",
    deadLetterRoutingKey: "second",
  });
  const broker = stack.use(new AmqpBroker({ url: vhost.url, name: "journey test" }));
  await broker.start();
  await broker.connected();
  const listen = async (queue: string) => {
    const inbox = new Inbox<Delivery>();
    await broker.consume(queue, inbox.put, { prefetch: 10 });
    return inbox;
  };
  return {
    broker,
    first: await listen("first"),
    second: await listen("second"),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("decodeTask() reads the output of encodeTask() after RabbitMQ", async () => {
  await using on = await createFixture();
  const sent = message({
    priority: 5,
    retries: 200,
    timeLimit: 600,
    softTimeLimit: 540.5,
    groupIndex: 300,
    group: "g",
    eta: new Date("2030-01-02T03:04:05.678Z"),
    headers: { big: 2 ** 40, negative: -5, small: 200, list: [300, { deep: true }, null, 0.5] },
    stamps: { tenant: ["a", 300] },
  });
  await on.broker.publish(sent);
  const delivery = await on.first.next();
  assertEquals(decodeTask(delivery.message), decodeTask(sent));
  delivery.ack();
});

Deno.test("encodeTask() writes an expiration that RabbitMQ accepts for every expiry time", async () => {
  await using on = await createFixture();
  const year = 365 * 86_400;
  for (const expires of [600, year, 11 * year, 100 * year, 1000 * year]) {
    await on.broker.publish(message({ expires }));
    (await on.first.next()).ack();
  }
});

Deno.test("retryMessage() turns a dead letter into a message without transport headers", async () => {
  await using on = await createFixture();
  await on.broker.publish(message({ headers: { tenant: "a" } }));
  (await on.first.next()).nack({ requeue: false });
  for (let retries = 1; retries <= 2; retries++) {
    const dead = await on.second.next();
    assert("x-death" in dead.message.headers);
    await on.broker.publish(retryMessage(dead.message, { retries, now, queue: "first" }));
    dead.ack();
    const again = await on.first.next();
    const task = decodeTask(again.message);
    assertEquals([task.retries, task.parentId, task.headers], [retries, "1", { tenant: "a" }]);
    assert(!Object.keys(again.message.headers).some((name) => name.includes("death")));
    again.nack({ requeue: false });
  }
  (await on.second.next()).ack();
});
