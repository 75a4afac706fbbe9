import { assertEquals, assertRejects } from "@std/assert";
import type { Delivery } from "../../../shared/broker/broker.ts";
import { Consumer } from "../../../shared/broker/consuming/consumer.ts";
import { Consumers } from "../../../shared/broker/consuming/consumers.ts";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { BrokerUnavailable } from "../../../shared/errors.ts";
import { message, queues, started, text } from "../../support/broker_helpers.ts";
import { Inbox } from "../../support/inbox.ts";

const signal = new AbortController().signal;

/** Consumers whose deliveries stay unacked until the test acks them. */
function holding(broker: MemoryBroker, prefetch: number) {
  const inbox = new Inbox<{ delivery: Delivery; ack(): void }>();
  const consumers = new Consumers(["q"], (queue, emptyRenewals) =>
    new Consumer({
      broker,
      queue,
      prefetch,
      emptyRenewals,
      onDelivery(delivery) {
        const acked = Promise.withResolvers<void>();
        inbox.put({
          delivery,
          ack() {
            delivery.ack();
            acked.resolve();
          },
        });
        return acked.promise;
      },
    }));
  return { consumers, inbox };
}

Deno.test("renew() counts the unacked deliveries of retiring consumers", async () => {
  await using broker = new MemoryBroker();
  await started(broker, queues("q"));
  const { consumers, inbox } = holding(broker, 2);
  await consumers.start();
  const held = [];
  for (const body of ["1", "2", "3"]) {
    await broker.publish(message("", "q", body));
    held.push(await inbox.next());
    await consumers.renew(0, { signal });
  }
  assertEquals(held.map(({ delivery }) => text(delivery.message)), ["1", "2", "3"]);
  for (const body of ["4", "5"]) {
    await broker.publish(message("", "q", body));
    await consumers.renew(0, { signal });
  }
  assertEquals([consumers.unacked, inbox.size], [3, 0]);

  for (const { ack } of held) ack();
  for (const body of ["4", "5"]) {
    const { delivery, ack } = await inbox.next();
    assertEquals(text(delivery.message), body);
    ack();
  }
  await consumers.cancel();
  await consumers.idle();
  await consumers.stop();
});

Deno.test("Consumers reject changes after cancel()", async () => {
  await using broker = new MemoryBroker();
  await started(broker, queues("q", "other"));
  const { consumers } = holding(broker, 1);
  await consumers.start();
  await consumers.cancel();
  await consumers.renew(0, { signal });
  await assertRejects(() => consumers.add("other", { signal }), BrokerUnavailable, "has ended");
  assertEquals(consumers.queues, ["q"]);
  await consumers.stop();
});

Deno.test("suspend() stops fetching from paused queues and consumes them again later", async () => {
  await using broker = new MemoryBroker();
  await started(broker, queues("q"));
  const { consumers, inbox } = holding(broker, 10);
  await consumers.start();
  await broker.publish(message("", "q", "1"));
  const held = await inbox.next();
  await consumers.suspend(new Set(["q", "other"]));
  assertEquals([consumers.queues, consumers.suspended, consumers.silent], [["q"], ["q"], []]);
  await broker.publish(message("", "q", "2"));
  assertEquals([consumers.unacked, inbox.size], [1, 0]);
  held.ack();

  await consumers.suspend(new Set());
  const next = await inbox.next();
  assertEquals(text(next.delivery.message), "2");
  next.ack();
  assertEquals([consumers.queues, consumers.suspended, consumers.silent], [["q"], [], []]);
  await consumers.cancel();
  await consumers.idle();
  await consumers.stop();
});

Deno.test("a queue that is paused before the start, or when it is added, is not consumed", async () => {
  await using broker = new MemoryBroker();
  await started(broker, queues("q", "other"));
  const { consumers, inbox } = holding(broker, 10);
  await broker.publish(message("", "q", "1"));
  await broker.publish(message("", "other", "2"));
  await consumers.suspend(new Set(["q", "other"]));
  await consumers.start();
  await consumers.add("other", { signal });
  assertEquals([consumers.queues, inbox.size, consumers.unacked], [["q", "other"], 0, 0]);
  await consumers.remove("other");
  await consumers.suspend(new Set());
  const { delivery, ack } = await inbox.next();
  assertEquals([text(delivery.message), consumers.queues], ["1", ["q"]]);
  ack();
  await consumers.cancel();
  await consumers.idle();
  await consumers.stop();
  await assertRejects(() => consumers.suspend(new Set()), BrokerUnavailable, "has ended");
});

Deno.test("a resumed queue that cannot be consumed is silent until a later call succeeds", async () => {
  await using broker = new MemoryBroker();
  await started(broker, queues("q"));
  let refused = true;
  const consume: MemoryBroker["consume"] = (queue, deliver, options) =>
    refused
      ? Promise.reject(new BrokerUnavailable("Cannot consume"))
      : broker.consume(queue, deliver, options);
  const make = (queue: string) =>
    new Consumer({
      broker: Object.assign(Object.create(broker), { consume }),
      queue,
      prefetch: 1,
      onDelivery: () => Promise.resolve(),
    });
  const consumers = new Consumers(["q"], make);
  await consumers.suspend(new Set(["q"]));
  assertEquals([consumers.silent, consumers.suspended], [[], ["q"]]);
  await consumers.suspend(new Set());
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals([consumers.queues, consumers.silent, consumers.suspended], [["q"], ["q"], []]);
  refused = false;
  await consumers.suspend(new Set());
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals([consumers.queues, consumers.silent], [["q"], []]);
  await consumers.cancel();
  await consumers.stop();
});
