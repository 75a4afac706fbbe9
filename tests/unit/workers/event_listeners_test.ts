import { assertEquals } from "@std/assert";
import type { Subscription } from "../../../shared/broker/broker.ts";
import type { Message } from "../../../shared/broker/message.ts";
import { toEventMessage } from "../../../shared/events/amqp.ts";
import { cloudEvent } from "../../../shared/events/cloud_event.ts";
import { onEach } from "../../../shared/events/cloud_event_listener.ts";
import { EventListeners } from "../../../workers/event_listeners.ts";

Deno.test("EventListeners bounds the number of running calls", async () => {
  let send: (message: Message) => void = () => {};
  const subscription = { close: () => Promise.resolve() } as Subscription;
  const listen = (_exchange: string, onMessage: typeof send) => {
    send = onMessage;
    return Promise.resolve(subscription);
  };
  const { promise, resolve } = Promise.withResolvers<void>();
  let calls = 0;
  const slow = onEach("prices.*", () => {
    calls++;
    return promise;
  });
  await using listeners = new EventListeners({
    broker: { listen },
    listeners: [slow],
    node: "w1",
  });
  await listeners.start();
  const event = cloudEvent({ specversion: "1.0", id: "1", source: "/s", type: "prices.changed" });
  const message = toEventMessage(event, "key");
  for (let index = 0; index < 10_001; index++) send(message);
  assertEquals(calls, 10_000);
  resolve();
  await promise;
  await new Promise((done) => setTimeout(done));
  send(message);
  assertEquals(calls, 10_001);
});
