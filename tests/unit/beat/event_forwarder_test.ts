import { assertEquals } from "@std/assert";
import { EventForwarder } from "../../../beat/event_forwarder.ts";
import { EVENT_TYPE_EXCHANGE, FORWARD_QUEUE } from "../../../shared/broker/event_topology.ts";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import type { Message } from "../../../shared/broker/message.ts";
import { declarationFor } from "../../../shared/broker/topology.ts";
import { BrokerUnavailable } from "../../../shared/errors.ts";
import { toEventMessage } from "../../../shared/events/amqp.ts";
import { cloudEvent } from "../../../shared/events/cloud_event.ts";
import { eventually } from "../../support/eventually.ts";

function message(id: string, data: string): Message {
  return toEventMessage(
    cloudEvent({ specversion: "1.0", id, source: "/s", type: "orders.paid", data }),
    id,
  );
}

Deno.test("EventForwarder forwards no event above the limit, and continues with the next one", async () => {
  await using broker = new MemoryBroker();
  await broker.start();
  await broker.declare(declarationFor("dev", []));
  const received: unknown[] = [];
  await using _listening = await broker.listen(
    EVENT_TYPE_EXCHANGE,
    ({ headers }) => void received.push(headers["cloudEvents_id"]),
    { keys: ["#"], queue: "sub.test" },
  ) as unknown as AsyncDisposable;
  const outcomes: string[] = [];
  await using forwarder = new EventForwarder({
    broker,
    maxBytes: 1000,
    forwarded: (outcome) => outcomes.push(outcome),
  });
  await forwarder.start();
  for (const id of ["1", "large", "2"]) {
    await broker.publish(message(id, id === "large" ? "x".repeat(1000) : "x"));
  }
  await eventually("all outcomes", () => Promise.resolve(outcomes.length === 3));
  assertEquals(outcomes.toSorted(), ["forwarded", "forwarded", "too-large"]);
  await eventually("both events", () => Promise.resolve(received.length === 2));
  assertEquals(received.toSorted(), ["1", "2"]);
  assertEquals(await forwarder.depth(), 0);
});

Deno.test("EventForwarder.depth() counts the events in flight", async () => {
  await using broker = new MemoryBroker();
  await broker.start();
  await broker.declare(declarationFor("dev", []));
  let isDown = true;
  const unconfirmed: Pick<typeof broker, "publish"> = {
    publish: (one, options) =>
      isDown && one.exchange === EVENT_TYPE_EXCHANGE
        ? Promise.reject(new BrokerUnavailable("not confirmed in a test"))
        : broker.publish(one, options),
  };
  const failing = new Proxy(broker, {
    get: (target, name) => {
      if (name === "publish") return unconfirmed.publish;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  await using forwarder = new EventForwarder({ broker: failing, maxBytes: 1000 });
  await forwarder.start();
  for (const id of ["1", "2"]) await broker.publish(message(id, "x"));
  await eventually(`2 events of ${FORWARD_QUEUE}`, async () => await forwarder.depth() === 2);
  isDown = false;
  await eventually("none", async () => await forwarder.depth() === 0);
});
