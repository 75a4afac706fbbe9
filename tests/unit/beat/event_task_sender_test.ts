import { assert, assertEquals, assertThrows } from "@std/assert";
import { sendTasks } from "../../../beat/event_task_sender.ts";
import { ArgumentsOfEvent } from "../../../beat/event_tasks.ts";
import {
  dispatching,
  firstPart,
  letterParts,
  PART_BYTES,
  readEvents,
} from "../../../beat/incoming_events.ts";
import { redriveTarget } from "../../../beat/redriven_event.ts";
import type { Delivery } from "../../../shared/broker/broker.ts";
import { INBOX_QUEUE } from "../../../shared/broker/event_topology.ts";
import type { Message } from "../../../shared/broker/message.ts";
import { resent } from "../../../shared/dead_letters/letter.ts";
import { InvalidInput, Unavailable } from "../../../shared/errors.ts";
import { toEventMessage } from "../../../shared/events/amqp.ts";
import { cloudEvent } from "../../../shared/events/cloud_event.ts";
import { eventKey } from "../../../shared/events/event_key.ts";
import type { StoredSubscription } from "../../../shared/events/subscription_store.ts";
import { stringifyJson } from "../../../shared/celery/python_json.ts";

const MIB = 1024 * 1024;

function delivered(message: Message): Delivery {
  return { message, open: true, ack: () => {}, nack: () => {} } as unknown as Delivery;
}

function incoming(id: string, data: unknown) {
  const event = cloudEvent({ specversion: "1.0", id, source: "/shop", type: "orders.paid", data });
  const key = eventKey(event);
  return {
    key,
    event,
    json: stringifyJson(event),
    delivery: delivered(toEventMessage(event, key)),
  };
}

function subscriptions(count: number, args: string | Record<string, string> = { event: "" }) {
  return Array.from({ length: count }, (_, index) => ({
    name: `s${index}`,
    deliver: { task: "receipt", queue: "celeriac.default", args },
  })) as unknown as StoredSubscription[];
}

Deno.test("sendTasks() has a bounded number of bytes in flight for one large event", async () => {
  const one = dispatching(incoming("1", "x".repeat(3 * MIB)));
  let [inFlight, most] = [0, 0];
  const send = async (entry: { message: Message }) => {
    inFlight += entry.message.body.length;
    most = Math.max(most, inFlight);
    await Promise.resolve();
    inFlight -= entry.message.body.length;
    return "broker" as const;
  };
  await sendTasks(one, subscriptions(40), { publisher: { send }, origin: "gen1@test" });
  assertEquals(one.tasks.size, 40);
  assert(most >= PART_BYTES && most < PART_BYTES + 4 * MIB, `${most} bytes`);
  // Nothing is sent twice.
  await sendTasks(one, subscriptions(40), {
    publisher: { send: () => Promise.reject(new Error("sent twice")) },
    origin: "gen1@test",
  });
});

Deno.test("sendTasks() keeps dead letters of tasks that cannot be sent, and throws other errors", async () => {
  const one = dispatching(incoming("1", "no object"));
  const [whole, path] = [subscriptions(1)[0]!, { ...subscriptions(1, "/data")[0]!, name: "path" }];
  const sending = { publisher: { send: () => Promise.resolve("broker" as const) }, origin: "o" };
  await sendTasks(one, [whole, path], sending);
  assertEquals([[...one.tasks.keys()], [...one.letters.keys()]], [["s0"], ["path"]]);
  const letter = one.letters.get("path")!;
  assertEquals([letter.reason, letter.queue, letter.taskId], ["invalid-input", INBOX_QUEUE, null]);
  // A redrive goes to that subscription; the same headers from a publisher of events do not.
  assertEquals(redriveTarget(resent(letter)), { subscription: "path", replay: "" });
  assertEquals(redriveTarget(letter.message), undefined);
  const refused = {
    publisher: { send: () => Promise.reject(new Unavailable("away")) },
    origin: "o",
  };
  const error = await sendTasks(dispatching(incoming("2", {})), subscriptions(3), refused)
    .catch((error) => error);
  assert(error instanceof Unavailable);
});

Deno.test("firstPart() ends before the bytes of its tasks are too many", () => {
  const events = ["1", "2", "3"].map((id) => dispatching(incoming(id, "x".repeat(MIB))));
  const part = (count: number, args?: Record<string, string>) =>
    firstPart(events, { revision: "", of: () => subscriptions(count, args) }).length;
  assertEquals([part(5), part(6), part(15), part(100)], [3, 2, 1, 1]);
  assertEquals(part(3, { a: "", b: "", c: "" }), 1);
});

Deno.test("letterParts() bounds the bytes of a transaction", () => {
  const letter = (bytes: number) => ({ message: { body: new Uint8Array(bytes) } }) as never;
  const sizes = (all: readonly number[]) =>
    letterParts(all.map(letter)).map(({ length }) => length);
  assertEquals(sizes([]), []);
  assertEquals(sizes(Array(9).fill(MIB)), [4, 4, 1]);
  assertEquals(sizes([9 * MIB, 1, 1]), [1, 2]);
});

Deno.test("readEvents() separates copies and redrives from events", () => {
  const [one, two] = [incoming("1", 1), incoming("1", 2)];
  const redriven = delivered({
    ...two.delivery.message,
    exchange: "",
    headers: { ...two.delivery.message.headers, "celeriac-subscription": "path" },
  });
  const found = readEvents([one.delivery, two.delivery, redriven], 1000);
  assertEquals([...found.incoming.keys()], [one.key]);
  assertEquals(found.copies.map(({ event }) => event.data), [2]);
  assertEquals(found.redriven.map(({ target }) => target.subscription), ["path"]);
});

Deno.test("ArgumentsOfEvent refuses many pointers to a large value before it exhausts the memory", () => {
  const { event } = incoming("1", "x".repeat(7 * MIB));
  const args = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, ""]));
  assertThrows(() => new ArgumentsOfEvent(event).take(args(1000)), InvalidInput, "more than");
  assertEquals(Object.keys(new ArgumentsOfEvent(event).take(args(2)).kwargs), ["a0", "a1"]);
});
