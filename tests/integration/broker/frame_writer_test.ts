import { assertEquals } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import { consumed, message, queues, started } from "../../support/broker_helpers.ts";
import { freshVhost } from "../../support/servers.ts";

Deno.test("AmqpBroker keeps the order of messages that are written together and alone", async () => {
  await using vhost = await freshVhost();
  await using sender = new AmqpBroker({ url: `${vhost.url}?frameMax=8192`, name: "sender" });
  await using receiver = new AmqpBroker({ url: vhost.url, name: "receiver" });
  await started(sender, queues("celeriac.q"));
  await started(receiver, queues());
  const inbox = await consumed(receiver, "celeriac.q");
  // An empty body has no frame, 8,184 bytes are the largest frame, and one more needs two. 64 KiB are a chunk.
  const sizes = [1, 0, 8184, 8185, 2, 100_000, 3, ...Array<number>(30).fill(4000), 0, 4];
  await Promise.all(
    sizes.map((size, index) => {
      const body = new Uint8Array(size).fill(index);
      return sender.publish({ ...message("", "celeriac.q"), body });
    }),
  );
  for (const [index, size] of sizes.entries()) {
    const { message: { body } } = await inbox.next();
    assertEquals([body.length, body.every((byte) => byte === index)], [size, true]);
  }
});
