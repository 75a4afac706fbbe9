/** The topology at work: every exchange routes, every policy holds. */
import { Buffer } from "node:buffer";
import { assertEquals } from "@std/assert";
import type { ConfirmChannel, ConsumeMessage, GetMessage, Options } from "amqplib";
import { MATCH_HEADER, topology } from "../../../../shared/broker/topology.ts";
import { connected } from "../../../support/amqp_rights.ts";
import { provisioned } from "../../../support/provisioned.ts";

const QUEUES = ["celeriac.default", "celeriac.images"];

/** A provisioned vhost and a channel of its administrator. */
async function createFixture() {
  await using stack = new AsyncDisposableStack();
  const provision = stack.use(await provisioned(QUEUES));
  const { connection } = stack.use(await connected(provision.url("admin")));
  const channel = await connection.createConfirmChannel();
  const owned = stack.move();
  return {
    ...provision,
    channel,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Publishes, and resolves when the broker has confirmed: `false` when no queue was bound for it. */
async function publish(
  channel: ConfirmChannel,
  exchange: string,
  key: string,
  options: Options.Publish = {},
): Promise<boolean> {
  let routed = true;
  const onReturn = () => routed = false;
  channel.once("return", onReturn);
  const body = Buffer.from(`${exchange} ${key}`);
  channel.publish(exchange, key, body, { persistent: true, mandatory: true, ...options });
  await channel.waitForConfirms();
  channel.off("return", onReturn);
  return routed;
}

/** Hears an exchange through an exclusive queue. */
async function hear(channel: ConfirmChannel, exchange: string, key: string) {
  const { queue } = await channel.assertQueue("", { exclusive: true, durable: false });
  await channel.bindQueue(queue, exchange, key);
  return queue;
}

/** The next message of a queue. */
async function next(channel: ConfirmChannel, queue: string): Promise<ConsumeMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<ConsumeMessage>();
  const { consumerTag } = await channel.consume(queue, (message) => {
    if (message) resolve(message);
    else reject(new Error(`Cannot consume ${queue} any longer because the broker cancelled it`));
  });
  const message = await promise;
  await channel.cancel(consumerTag);
  return message;
}

async function depths(channel: ConfirmChannel): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { name } of topology(QUEUES).queues) {
    found[name] = (await channel.checkQueue(name)).messageCount;
  }
  return found;
}

function text(message: ConsumeMessage | GetMessage | false): string {
  return message ? message.content.toString() : "nothing";
}

Deno.test("the direct exchange routes a task to the queue of its routing key", async () => {
  await using it = await createFixture();
  assertEquals(await publish(it.channel, "celeriac", "celeriac.images"), true);
  assertEquals(await publish(it.channel, "celeriac", "celeriac.nowhere"), false);
  assertEquals(text(await next(it.channel, "celeriac.images")), "celeriac celeriac.images");
  assertEquals(await depths(it.channel), {
    "celeriac.default": 0,
    "celeriac.images": 0,
    "celeriac.dead": 0,
    "inbox.celeriac": 0,
    "forward.celeriac": 0,
  });
});

Deno.test("the headers exchange routes a task to the queue of its header and ignores the routing key", async () => {
  await using it = await createFixture();
  const to = (queue: string) => ({ headers: { [MATCH_HEADER]: queue, lang: "py" } });
  assertEquals(
    await publish(it.channel, "match.celeriac", "sensors/7", to("celeriac.images")),
    true,
  );
  assertEquals(await publish(it.channel, "match.celeriac", "celeriac.images"), false);
  assertEquals(await publish(it.channel, "match.celeriac", "", to("celeriac.nowhere")), false);
  assertEquals(text(await next(it.channel, "celeriac.images")), "match.celeriac sensors/7");
  assertEquals((await depths(it.channel))["celeriac.default"], 0);
});

Deno.test("the topic exchange routes events to the subscribers of their type", async () => {
  await using it = await createFixture();
  const tasks = await hear(it.channel, "celeryev", "task.#");
  const all = await hear(it.channel, "celeryev", "#");
  await publish(it.channel, "celeryev", "worker.heartbeat");
  await publish(it.channel, "celeryev", "task.multi");
  assertEquals(text(await it.channel.get(tasks)), "celeryev task.multi");
  assertEquals(text(await it.channel.get(tasks)), "nothing");
  assertEquals(text(await it.channel.get(all)), "celeryev worker.heartbeat");
  assertEquals(text(await it.channel.get(all)), "celeryev task.multi");
});

Deno.test("the fanout exchange routes a command to every worker, and the reply returns by its key", async () => {
  await using it = await createFixture();
  const workers = [
    await hear(it.channel, "celery.pidbox", ""),
    await hear(it.channel, "celery.pidbox", ""),
  ];
  const asker = await hear(it.channel, "reply.celery.pidbox", "2f9c");
  await publish(it.channel, "celery.pidbox", "");
  for (const worker of workers) {
    assertEquals(text(await it.channel.get(worker)), "celery.pidbox ");
    await publish(it.channel, "reply.celery.pidbox", "2f9c");
  }
  assertEquals(await publish(it.channel, "reply.celery.pidbox", "0000"), false);
  assertEquals((await it.channel.checkQueue(asker)).messageCount, 2);
});

Deno.test("the dead-letter exchange accepts every routing key", async () => {
  await using it = await createFixture();
  for (const key of ["celeriac.default", "celery", ""]) {
    assertEquals(await publish(it.channel, "dlx.celeriac", key), true);
  }
  assertEquals((await depths(it.channel))["celeriac.dead"], 3);
});

Deno.test("the task policy dead-letters a nacked delivery with its cause", async () => {
  await using it = await createFixture();
  for (const queue of QUEUES) {
    await publish(it.channel, "celeriac", queue);
    it.channel.nack(await next(it.channel, queue), false, false);
    const dead = await next(it.channel, "celeriac.dead");
    assertEquals(text(dead), `celeriac ${queue}`);
    assertEquals(dead.fields.routingKey, queue);
    const [death] = dead.properties.headers?.["x-death"] ?? [];
    assertEquals([death?.queue, death?.reason], [queue, "rejected"]);
    it.channel.ack(dead);
  }
});

Deno.test("the task policy dead-letters an expired message", async () => {
  await using it = await createFixture();
  await publish(it.channel, "celeriac", "celeriac.default", { expiration: "1" });
  const dead = await next(it.channel, "celeriac.dead");
  assertEquals(dead.properties.headers?.["x-death"]?.[0]?.reason, "expired");
});

Deno.test("the task policy allows more failed deliveries than the broker's default of 20, then dead-letters", async () => {
  await using it = await createFixture();
  await publish(it.channel, "celeriac", "celeriac.default");
  let deliveries = 0;
  for (;;) {
    const message = await it.channel.get("celeriac.default");
    if (!message) break;
    deliveries++;
    it.channel.reject(message, true);
  }
  const dead = await next(it.channel, "celeriac.dead");
  assertEquals(deliveries, 101);
  assertEquals(dead.properties.headers?.["x-death"]?.[0]?.reason, "delivery_limit");
});

Deno.test("the dead-letter policy allows repeated reads of the queue", async () => {
  await using it = await createFixture();
  await publish(it.channel, "dlx.celeriac", "celeriac.default");
  for (let look = 0; look < 60; look++) {
    const message = await it.channel.get("celeriac.dead");
    assertEquals(text(message), "dlx.celeriac celeriac.default", `look ${look}`);
    if (message) it.channel.reject(message, true);
  }
});
