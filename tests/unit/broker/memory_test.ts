import { assertEquals } from "@std/assert";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { consumed, message, queues, started, text } from "../../support/broker_helpers.ts";

Deno.test("MemoryBroker counts requeues in x-delivery-count, like RabbitMQ 3.10 to 4.2", async () => {
  await using broker = new MemoryBroker();
  await started(broker, queues("celeriac.q"));
  const inbox = await consumed(broker, "celeriac.q");
  await broker.publish(message("", "celeriac.q"));
  for (const count of [undefined, 1, 2]) {
    const delivery = await inbox.next();
    assertEquals(delivery.message.headers["x-delivery-count"], count);
    delivery.nack({ requeue: true });
  }
});

Deno.test("MemoryBroker requeues a message at its original position", async () => {
  await using broker = new MemoryBroker();
  await started(broker, queues("celeriac.q"));
  for (const body of ["1", "2", "3"]) await broker.publish(message("", "celeriac.q", body));
  const inbox = await consumed(broker, "celeriac.q", 2);
  const [one, two] = await inbox.take(2);
  two?.nack({ requeue: true });
  one?.nack({ requeue: true });
  const order = await Promise.all([inbox.next(), inbox.next()]);
  assertEquals(order.map(({ message }) => text(message)).sort(), ["1", "2"]);
});

Deno.test("MemoryBroker dead-letters expired messages and drops rejected dead letters", async () => {
  await using broker = new MemoryBroker();
  await started(broker, {
    ...queues("celeriac.q", "celeriac.dead"),
    exchanges: [{ name: "dlx.celeriac", type: "fanout", durable: true }],
    bindings: [{ exchange: "dlx.celeriac", queue: "celeriac.dead", routingKey: "" }],
  });
  await broker.publish({ ...message("", "celeriac.q", "late"), properties: { expiration: "0" } });
  await consumed(broker, "celeriac.q");
  const dead = await consumed(broker, "celeriac.dead", 1);
  const delivery = await dead.next();
  assertEquals(delivery.message.headers["x-first-death-reason"], "expired");
  delivery.nack({ requeue: false });
  await broker.publish(message("", "celeriac.dead", "next"));
  assertEquals(text((await dead.next()).message), "next");
});

Deno.test("MemoryBroker delivers a copy of the published message", async () => {
  await using broker = new MemoryBroker();
  await started(broker, queues("celeriac.q"));
  const sent = { ...message("", "celeriac.q", "a"), headers: { list: [1] } };
  await broker.publish(sent);
  sent.body[0] = 0;
  sent.headers.list.push(2);
  const { message: arrived } = await (await consumed(broker, "celeriac.q")).next();
  assertEquals([text(arrived), arrived.headers], ["a", { list: [1] }]);
});

Deno.test("MemoryBroker survives a consumer that throws", async () => {
  await using broker = new MemoryBroker();
  await started(broker, queues("celeriac.q"));
  const seen: string[] = [];
  const over = Promise.withResolvers<void>();
  await broker.consume("celeriac.q", ({ message }) => {
    seen.push(text(message));
    if (seen.length === 2) over.resolve();
    throw new Error("a mistake");
  }, { prefetch: 2 });
  await broker.publish(message("", "celeriac.q", "1"));
  await broker.publish(message("", "celeriac.q", "2"));
  await over.promise;
  assertEquals(seen, ["1", "2"]);
});
