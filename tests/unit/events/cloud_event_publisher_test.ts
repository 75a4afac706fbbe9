import { assertEquals, assertRejects } from "@std/assert";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { eventTopology } from "../../../shared/broker/event_topology.ts";
import { DatabaseUnreached, Unavailable } from "../../../shared/errors.ts";
import { readEventMessage } from "../../../shared/events/amqp.ts";
import { cloudEvent } from "../../../shared/events/cloud_event.ts";
import { eventKey } from "../../../shared/events/event_key.ts";
import { CloudEventPublisher } from "../../../shared/events/cloud_event_publisher.ts";
import type { OutboxEntry } from "../../../shared/outbox/outbox.ts";
import { Publisher } from "../../../shared/outbox/publisher.ts";
import { queued, started } from "../../support/broker_helpers.ts";

const EVENT = cloudEvent({
  ...{ specversion: "1.0", id: "1", source: "/shop", type: "orders.paid", tenant: "acme" },
  data: { order: "17" },
});

function publisherOn(broker: MemoryBroker, add: (entries: readonly OutboxEntry[]) => unknown) {
  const outbox = { add: (entries: readonly OutboxEntry[]) => Promise.resolve(add(entries)) };
  return new CloudEventPublisher({
    publisher: new Publisher({ broker, outbox, origin: "gen1@test" }),
  });
}

Deno.test("publish() resolves when the inbox has the event", async () => {
  await using broker = new MemoryBroker();
  await started(broker, eventTopology());
  const publisher = publisherOn(broker, () => {});
  assertEquals(await publisher.publish(EVENT), { key: eventKey(EVENT), via: "broker" });
  const [body = ""] = await queued(broker, "inbox.celeriac");
  assertEquals(JSON.parse(body), EVENT);
});

Deno.test("publish() stores the event in the outbox when there is no inbox", async () => {
  await using broker = new MemoryBroker();
  const { exchanges } = eventTopology();
  const stored: OutboxEntry[] = [];
  const publisher = publisherOn(broker, (entries) => stored.push(...entries));
  await broker.start();
  for (const missing of ["exchange", "inbox"]) {
    if (missing === "inbox") await broker.declare({ exchanges, queues: [], bindings: [] });
    assertEquals((await publisher.publish(EVENT)).via, "outbox", missing);
  }
  assertEquals(
    stored.map(({ taskId, retries }) => [taskId, retries]),
    Array(2).fill([eventKey(EVENT), 0]),
  );
  assertEquals(readEventMessage(stored[0]!.message), EVENT);
});

Deno.test("publish() fails when neither broker nor database can hold the event", async () => {
  const broker = new MemoryBroker();
  const publisher = publisherOn(broker, () => {
    throw new DatabaseUnreached("Cannot reach the database because of a test: start it");
  });
  await assertRejects(
    () => publisher.publish(EVENT),
    Unavailable,
    `Cannot accept event '${eventKey(EVENT)}' because neither broker nor database can hold it`,
  );
});
