import { Buffer } from "node:buffer";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import type { Delivery } from "../../../shared/broker/broker.ts";
import type { Message } from "../../../shared/broker/message.ts";
import { BrokerUnavailable, InvalidInput } from "../../../shared/errors.ts";
import { pause, unlessAborted, withTimeout } from "../../../shared/runtime/waits.ts";
import { consumed, message, queues, started, text } from "../../support/broker_helpers.ts";
import { eventually } from "../../support/eventually.ts";
import { Inbox } from "../../support/inbox.ts";
import { TcpProxy } from "../../support/proxy.ts";
import { freshVhost, management, type Vhost } from "../../support/servers.ts";

Deno.test("measure() ends when its connection is closed at any moment", async () => {
  await using vhost = await freshVhost();
  for (let round = 0; round < 10; round++) {
    await using broker = new AmqpBroker({ url: vhost.url, name: "measuring" });
    await started(broker, queues("celeriac.q"));
    let isOver = false;
    const measuring = Array.from({ length: 20 }, async () => {
      while (!isOver) await broker.measure("celeriac.q").catch(() => isOver = true);
    });
    await pause(10 + round);
    await broker.stop();
    const late = () => new Error("a call goes on after the end of its connection");
    await withTimeout(10_000, late, () => Promise.all(measuring));
  }
});

Deno.test("AmqpBroker reconnects when the broker closes its connections", async () => {
  await using vhost = await freshVhost();
  await using broker = new AmqpBroker({ url: vhost.url, name: "closed" });
  await started(broker, {
    ...queues("celeriac.q"),
    exchanges: [{ name: "events", type: "topic", durable: true }],
  });
  const deliveries = await consumed(broker, "celeriac.q");
  const heard = new Inbox<Message>();
  const listener = await broker.listen("events", heard.put, { keys: ["#"] });
  const { queue } = listener;
  await broker.publish(message("", "celeriac.q", "held"));
  const held = await deliveries.next();
  const gone = Promise.withResolvers<void>();
  held.gone.addEventListener("abort", () => gone.resolve());

  await closeConnections(vhost);
  await gone.promise;
  await eventually("the loss", () => !held.open && !listener.active);
  held.ack();
  await broker.connected();

  const again = await deliveries.next();
  assertEquals([text(again.message), again.redelivered], ["held", true]);
  again.ack();
  await broker.publish(message("", "celeriac.q", "new"));
  assertEquals(text((await deliveries.next()).message), "new");
  await eventually("the listener", () => listener.active);
  await broker.publish(message("events", "k", "event"));
  assertEquals(text(await heard.next()), "event");
  assert(listener.queue !== queue);
});

Deno.test("AmqpBroker connects to the next node when one is down", async () => {
  await using vhost = await freshVhost();
  const proxy = TcpProxy.of(vhost.url);
  const url = `amqp://guest:guest@127.0.0.1:1/;${proxy.through(vhost.url)};${vhost.url}`;
  await using broker = new AmqpBroker({ url, name: "failover" });
  await started(broker, queues("celeriac.q"));
  const deliveries = await consumed(broker, "celeriac.q");
  await broker.publish(message("", "celeriac.q", "first"));
  assertEquals(text((await deliveries.next()).message), "first");
  await proxy[Symbol.asyncDispose]();
  await eventually("the loss", () => broker.status.state === "connecting");
  await broker.connected();
  assertEquals(text((await deliveries.next()).message), "first", "it was not acknowledged");
  await broker.publish(message("", "celeriac.q", "second"));
  assertEquals(text((await deliveries.next()).message), "second");
});

Deno.test("AmqpBroker redeclares what a broker restart deleted", async () => {
  await using vhost = await freshVhost();
  await using broker = new AmqpBroker({ url: vhost.url, name: "again" });
  await started(broker, {
    ...queues("celeriac.q"),
    exchanges: [{ name: "pidbox", type: "fanout", durable: false }],
  });
  await management(vhost.managementUrl, "DELETE", `/api/exchanges/${vhost.name}/pidbox`);
  await management(vhost.managementUrl, "DELETE", `/api/queues/${vhost.name}/celeriac.q`);
  await closeConnections(vhost);
  await eventually("the loss", () => broker.status.state === "connecting");
  await broker.connected();
  await broker.publish(message("pidbox", ""), { mandatory: false });
  await broker.publish(message("", "celeriac.q"));
});

Deno.test("consume() resumes when its queue is deleted and recreated", async () => {
  await using vhost = await freshVhost();
  await using broker = new AmqpBroker({ url: vhost.url, name: "deleted" });
  await started(broker, queues("celeriac.q"));
  const inbox = new Inbox<Delivery>();
  const subscription = await broker.consume("celeriac.q", inbox.put, { prefetch: 1 });
  await management(vhost.managementUrl, "DELETE", `/api/queues/${vhost.name}/celeriac.q`);
  await eventually("the cancel", () => !subscription.active);
  await broker.declare(queues("celeriac.q"));
  await broker.publish(message("", "celeriac.q", "here again"));
  const delivery = await inbox.next();
  assertEquals(text(delivery.message), "here again");
  delivery.ack();
  await eventually("the accepted consumer", () => subscription.active);
});

Deno.test("listen() rejects a queue name that another connection uses", async () => {
  await using vhost = await freshVhost();
  await using one = new AmqpBroker({ url: vhost.url, name: "one" });
  await using other = new AmqpBroker({ url: vhost.url, name: "other" });
  const declaration = {
    ...queues(),
    exchanges: [{ name: "pidbox", type: "fanout" as const, durable: false }],
  };
  await started(one, declaration);
  await started(other, declaration);
  const options = { keys: [""], queue: "me.pidbox" };
  await one.listen("pidbox", () => {}, options);
  await assertRejects(() => other.listen("pidbox", () => {}, options), InvalidInput, "me.pidbox");
});

Deno.test("publish() settles every message when the socket dies, and works after the reconnect", async () => {
  await using vhost = await freshVhost();
  await using proxy = TcpProxy.of(vhost.url);
  await using broker = new AmqpBroker({ url: proxy.through(vhost.url), name: "cut" });
  await started(broker, queues("celeriac.q"));
  const inbox = await consumed(broker, "celeriac.q", 5000);
  for (let round = 0; round < 3; round++) {
    await broker.connected();
    const publishing = Array.from(
      { length: 1000 },
      (_, index) =>
        broker.publish({
          ...message("", "celeriac.q", `${round}-${index}`),
          body: new Uint8Array(5000),
        }),
    );
    await publishing[0];
    // Even a fast broker has not confirmed these yet.
    publishing.push(...Array.from({ length: 10 }, () => broker.publish(message("", "celeriac.q"))));
    proxy.cut();
    const results = await Promise.allSettled(publishing);
    const lost = results.filter((result) => result.status === "rejected");
    assert(lost.length > 0);
    for (const { reason } of lost) assert(reason instanceof BrokerUnavailable, String(reason));
  }
  await broker.connected();
  await broker.publish(message("", "celeriac.q", "last"));
  while (text((await inbox.next()).message) !== "last");
});

Deno.test("stop() returns when the broker does not respond", async () => {
  await using vhost = await freshVhost();
  await using proxy = TcpProxy.of(vhost.url);
  const broker = new AmqpBroker({ url: proxy.through(vhost.url), name: "frozen" });
  await started(broker, queues("celeriac.q"));
  const subscription = await broker.consume("celeriac.q", () => {}, { prefetch: 1 });
  proxy.swallow();
  await broker.stop();
  await subscription.close();
  assertEquals(broker.status.state, "stopped");
});

Deno.test("stop() returns while the connection is refused", async () => {
  const broker = new AmqpBroker({ url: "amqp://127.0.0.1:1/", name: "alone" });
  await broker.start();
  const connected = broker.connected();
  const consuming = broker.consume("celeriac.q", () => {}, { prefetch: 1 });
  await eventually("the reason", () => broker.status.reason);
  await broker.stop();
  await assertRejects(() => connected, BrokerUnavailable);
  await assertRejects(() => consuming, BrokerUnavailable);
  await assertRejects(
    () => broker.consume("q", () => {}, { prefetch: 1 }),
    BrokerUnavailable,
    "stopped",
  );
});

Deno.test("AmqpBroker drops a connection that is closed at the end of its handshake", async () => {
  await using vhost = await freshVhost();
  let closes = 2;
  await using proxy = TcpProxy.of(vhost.url, {
    add: (bytes) =>
      OPEN_OK.equals(bytes.slice(-OPEN_OK.length)) && closes-- > 0 ? CLOSE : new Uint8Array(),
  });
  await using broker = new AmqpBroker({ url: proxy.through(vhost.url), name: "forced" });
  const consuming = started(broker, queues("celeriac.q"))
    .then(() => consumed(broker, "celeriac.q"));
  const inbox = await unlessAborted(consuming, AbortSignal.timeout(60_000));
  assert(closes <= 0);
  await broker.publish(message("", "celeriac.q", "first"));
  assertEquals(text((await inbox.next()).message), "first");

  // With a topology to redeclare.
  closes = 2;
  proxy.cut();
  await eventually("the loss", () => broker.status.state === "connecting");
  await broker.connected();
  await broker.publish(message("", "celeriac.q", "second"));
  while (text((await inbox.next()).message) !== "second");
  assert(closes <= 0);
});

/** `connection.open-ok`, and `connection.close` with 320, as after a close by an administrator (AMQP 0-9-1, 4.2.3 and 1.4). */
const OPEN_OK = frame(0, 10, 0, 41, 0);
const CLOSE = frame(0, 10, 0, 50, 320 >> 8, 320 & 255, 0, 0, 0, 0, 0);

/** A method frame on channel 0. */
function frame(...payload: number[]): Buffer {
  return Buffer.from([1, 0, 0, 0, 0, 0, payload.length, ...payload, 0xce]);
}

/** Makes the broker close all connections to a vhost. */
async function closeConnections(vhost: Vhost): Promise<void> {
  const names = await eventually("the statistics", async () => {
    const found = await management(
      vhost.managementUrl,
      "GET",
      `/api/vhosts/${vhost.name}/connections`,
    );
    const names = (found as { name: string }[]).map(({ name }) => name);
    return names.length === 2 && names;
  });
  for (const name of names) {
    await management(vhost.managementUrl, "DELETE", `/api/connections/${encodeURIComponent(name)}`);
  }
}
