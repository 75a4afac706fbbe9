import { assertEquals } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import { consumed, message, queues, started } from "../../support/broker_helpers.ts";
import { TcpProxy } from "../../support/proxy.ts";
import { freshVhost } from "../../support/servers.ts";

Deno.test("AmqpBroker reads py-amqp's integers with tag L", async () => {
  await using vhost = await freshVhost();
  // The proxy replaces tag l with L before the broker reads it.
  await using proxy = TcpProxy.of(vhost.url, {
    rewrite: (bytes) => replace(bytes, "\x03epol", "\x03epoL"),
  });
  await using sender = new AmqpBroker({ url: proxy.through(vhost.url), name: "sender" });
  await using receiver = new AmqpBroker({ url: vhost.url, name: "receiver" });
  await started(sender, queues("celeriac.q"));
  await started(receiver, queues());
  const inbox = await consumed(receiver, "celeriac.q");
  for (const epo of [2 ** 40, 2n ** 60n]) {
    await sender.publish({ ...message("", "celeriac.q"), headers: { epo, after: "x" } });
    const { message: { headers } } = await inbox.next();
    assertEquals(headers, { epo, after: "x" });
  }
});

Deno.test("AmqpBroker accepts a table with __proto__ twice", async () => {
  await using vhost = await freshVhost();
  await using proxy = TcpProxy.of(vhost.url, {
    rewrite: (bytes) => {
      replace(bytes, "__prota__", "__proto__");
      replace(bytes, "__protb__", "__proto__");
    },
  });
  await using sender = new AmqpBroker({ url: proxy.through(vhost.url), name: "sender" });
  await using receiver = new AmqpBroker({ url: vhost.url, name: "receiver" });
  await started(sender, queues("celeriac.q"));
  await started(receiver, queues());
  const inbox = await consumed(receiver, "celeriac.q");
  const twice = { __prota__: { a: 1 }, __protb__: { b: 2 } };
  const hostile = {
    ...message("", "celeriac.q"),
    headers: { nested: { ...twice }, list: [twice] },
  };
  await sender.publish(hostile);
  const { message: { headers: { nested } } } = await inbox.next();
  assertEquals(Object.keys(nested as object), ["__proto__"]);
  await sender.publish({ ...message("", "celeriac.q"), headers: { after: "x" } });
  const next = await inbox.next();
  assertEquals(next.redelivered, false);
  assertEquals(next.message.headers, { after: "x" });
});

/** Replaces text with other text of the same length. */
function replace(bytes: Uint8Array, from: string, to: string): void {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  bytes.set(Array.from(text.replaceAll(from, to), (letter) => letter.charCodeAt(0)));
}
