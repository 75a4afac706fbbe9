/** The dispatcher on a broker in memory and an embedded database. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EventDispatcher, type EventDispatcherOptions } from "../../../beat/event_dispatcher.ts";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { ENTRY_EXCHANGE, INBOX_QUEUE } from "../../../shared/broker/event_topology.ts";
import type { Delivery } from "../../../shared/broker/broker.ts";
import { declarationFor } from "../../../shared/broker/topology.ts";
import type { Database } from "../../../shared/database/database.ts";
import { DeadLetters } from "../../../shared/dead_letters/store.ts";
import { DatabaseUnavailable, Unavailable } from "../../../shared/errors.ts";
import { cloudEvent } from "../../../shared/events/cloud_event.ts";
import { eventKey, eventTaskId } from "../../../shared/events/event_key.ts";
import { toEventMessage } from "../../../shared/events/amqp.ts";
import { CloudEventPublisher } from "../../../shared/events/cloud_event_publisher.ts";
import { EventStore } from "../../../shared/events/event_store.ts";
import { SubscriptionCache } from "../../../shared/events/subscription_cache.ts";
import {
  type NewSubscription,
  SubscriptionStore,
} from "../../../shared/events/subscription_store.ts";
import { Outbox } from "../../../shared/outbox/outbox.ts";
import { Publisher } from "../../../shared/outbox/publisher.ts";
import { message } from "../../support/broker_helpers.ts";
import { resultStore } from "../../../shared/results/open_store.ts";
import { relayOf } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";
import { migratedPglite } from "../../support/migrated.ts";

/** A dispatcher that has started, and what it needs. */
interface Fixture extends AsyncDisposable {
  readonly broker: MemoryBroker;
  readonly database: Database;
  readonly events: EventStore;
  readonly letters: DeadLetters;
  readonly outbox: Outbox;
  readonly publisher: CloudEventPublisher;
  readonly dispatcher: EventDispatcher;
  /** Ids of the tasks in the default queue. */
  readonly tasks: string[];
  readonly outcomes: string[];
}

async function open(
  subscriptions: readonly NewSubscription[],
  changes: (database: Database) => Partial<EventDispatcherOptions> = () => ({}),
): Promise<Fixture> {
  await using stack = new AsyncDisposableStack();
  const { database } = stack.use(await migratedPglite());
  const broker = stack.use(new MemoryBroker());
  await broker.start();
  await broker.declare(declarationFor("dev", ["celeriac.default"]));
  const outbox = new Outbox({ database });
  const nowhere = () => Promise.reject(new Error("not used"));
  const letters = new DeadLetters({
    database,
    outbox,
    store: { reopen: nowhere, states: nowhere },
  });
  const store = new SubscriptionStore({ database });
  await store.sync(subscriptions);
  const publisher = new Publisher({ broker, outbox, origin: "gen1@test" });
  const tasks: string[] = [];
  await broker.consume("celeriac.default", (delivery: Delivery) => {
    tasks.push(String(delivery.message.headers["id"]));
    delivery.ack();
  }, { prefetch: 1000 });
  const outcomes: string[] = [];
  const dispatcher = stack.use(
    new EventDispatcher({
      broker,
      database,
      subscriptions: new SubscriptionCache({ store, maxAgeMs: 0 }),
      publisher,
      letters,
      origin: "gen1@test",
      maxBytes: 1_000_000,
      sent: () => {},
      dispatched: (type, outcome) => outcomes.push(`${type} ${outcome}`),
      ...changes(database),
    }),
  );
  await dispatcher.start();
  const owned = stack.move();
  return {
    ...{ broker, database, letters, outbox, dispatcher, tasks, outcomes },
    events: new EventStore({ database }),
    publisher: new CloudEventPublisher({ publisher }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function subscription(name: string, pattern: string, changes = {}): NewSubscription {
  const deliver = { task: name, queue: "celeriac.default", args: { order: "/data/order" } };
  return {
    name,
    patterns: [pattern],
    where: {},
    match: "all",
    deliver: { ...deliver, ...changes },
  };
}

function event(id: string, changes = {}) {
  const time = new Date().toISOString();
  return cloudEvent({
    ...{ specversion: "1.0", id, source: "/shop", type: "orders.paid", time },
    data: { order: id },
    ...changes,
  });
}

/** Waits until the inbox is empty and so many events are recorded. */
async function recorded({ events }: Fixture, count: number) {
  return await eventually(`${count} recorded events`, async () => {
    const found = await events.after(0, { limit: 1000 });
    return found.length >= count ? found : undefined;
  });
}

Deno.test("EventDispatcher makes one task of each subscription, and records their ids", async () => {
  await using fixture = await open([
    subscription("receipt", "orders.paid"),
    subscription("audit", "#"),
    subscription("prices", "prices.#"),
  ]);
  const one = event("1");
  const { key, via } = await fixture.publisher.publish(one);
  assertEquals([key, via], [eventKey(one), "broker"]);
  const [found] = await recorded(fixture, 1);
  const ids = { receipt: eventTaskId(key, "receipt"), audit: eventTaskId(key, "audit") };
  assertEquals([found?.event, found?.tasks], [one, ids]);
  assertEquals(fixture.tasks.toSorted(), Object.values(ids).toSorted());
  assertEquals(fixture.outcomes, ["orders.paid dispatched"]);
});

Deno.test("EventDispatcher recognises copies of an event, and records events without subscribers", async () => {
  await using fixture = await open([subscription("receipt", "orders.paid")]);
  const [one, two] = [event("1"), event("2", { type: "zebra" })];
  await Promise.all(Array.from({ length: 100 }, () => fixture.publisher.publish(one)));
  await recorded(fixture, 1);
  await fixture.publisher.publish(one);
  await fixture.publisher.publish(two);
  const found = await recorded(fixture, 2);
  assertEquals(found.map(({ tasks }) => Object.keys(tasks)), [["receipt"], []]);
  assertEquals(fixture.tasks.length, 1);
  assertEquals(fixture.outcomes.at(-1), "zebra unsubscribed");
});

Deno.test("EventDispatcher publishes the same task ids again if it could not record the event", async () => {
  let failures = 2;
  await using fixture = await open([subscription("receipt", "#")], (database) => ({
    database: new Proxy(database, {
      get: (target, name) => {
        if (name === "transaction" && failures-- > 0) {
          return () => Promise.reject(new DatabaseUnavailable("Cannot commit because of a test"));
        }
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
  }));
  const { key } = await fixture.publisher.publish(event("1"));
  await recorded(fixture, 1);
  assertEquals(fixture.tasks, Array(3).fill(eventTaskId(key, "receipt")));
});

Deno.test("EventDispatcher records the events of a large batch in parts, and repeats only those that are not recorded", async () => {
  const subscriptions = Array.from({ length: 100 }, (_, n) => subscription(`s${n}`, "#"));
  let sent = 0;
  const pending: string[] = [];
  await using fixture = await open(subscriptions, () => ({
    publisher: {
      send: () => {
        // Two parts succeed, the third fails once.
        if (++sent === 2500) return Promise.reject(new Unavailable("Cannot publish in a test"));
        return Promise.resolve("broker");
      },
    },
    sent: ({ id }) => pending.push(id),
  }));
  const ids = Array.from({ length: 35 }, (_, n) => `${n}`);
  await Promise.all(ids.map((id) => fixture.publisher.publish(event(id))));
  const found = await recorded(fixture, 35);
  assertEquals(found.map(({ tasks }) => Object.keys(tasks).length), Array(35).fill(100));
  await eventually("PENDING records", () => Promise.resolve(pending.length === 3500));
  assertEquals(new Set(pending).size, 3500);
  assert(sent > 3500 && sent <= 4500, `${sent} tasks were published`);
  assertEquals(fixture.outcomes, Array(35).fill("orders.paid dispatched"));
});

Deno.test("EventDispatcher dead-letters malformed events, and tasks without arguments", async () => {
  await using fixture = await open([
    subscription("whole", "orders.#", { args: "/data" }),
    subscription("audit", "#"),
  ]);
  await fixture.broker.publish(message(ENTRY_EXCHANGE, "orders.paid", "no event"));
  await fixture.publisher.publish(event("1", { data: "no object" }));
  const [found] = await recorded(fixture, 1);
  assertEquals(Object.keys(found!.tasks), ["audit"]);
  const letters = await eventually("two letters", async () => {
    const { letters } = await fixture.letters.list({}, { limit: 10 });
    return letters.length === 2 ? letters : undefined;
  });
  const by = new Map(letters.map((one) => [one.reason, one]));
  assertStringIncludes(by.get("malformed")?.detail ?? "", "it has no `specversion`");
  assertStringIncludes(by.get("invalid-input")?.detail ?? "", "subscription 'whole': Cannot take");
  assertEquals([...new Set(letters.map(({ queue }) => queue))], [INBOX_QUEUE]);
});

Deno.test("EventDispatcher dead-letters events that cannot be written or published, and dispatches the others", async () => {
  const [typed, ...others] = ["1", "2", "3"].map((id) => event(id));
  const broken = eventTaskId(eventKey(others[0]!), "receipt");
  await using fixture = await open([subscription("receipt", "#")], () => ({
    publisher: {
      send: ({ taskId }) =>
        taskId === broken
          ? Promise.reject(new RangeError("Cannot send because of a test"))
          : Promise.resolve("broker"),
    },
  }));
  // Readable, but Python would refuse it: so stringifyJson() does.
  const body = JSON.stringify({ ...typed, data: { __type__: "x", __value__: 1 } });
  const { properties } = toEventMessage(typed!, eventKey(typed!));
  await fixture.broker.publish({
    ...message(ENTRY_EXCHANGE, "orders.paid", body),
    properties,
  });
  await Promise.all(others.map((one) => fixture.publisher.publish(one)));
  const found = await recorded(fixture, 1);
  assertEquals(found.map((one) => one.event.id), ["3"]);
  const details = await eventually("two letters", async () => {
    const { letters } = await fixture.letters.list({}, { limit: 10 });
    return letters.length === 2 ? letters.map(({ detail }) => detail ?? "").sort() : undefined;
  });
  assertStringIncludes(details[0]!, "because of a test");
  assertStringIncludes(details[1]!, "Cannot write JSON because");
});

Deno.test("EventDispatcher dead-letters an event above the limit of bytes, and dispatches the others", async () => {
  await using fixture = await open([subscription("receipt", "#")]);
  await fixture.publisher.publish(event("1", { data: { order: "x".repeat(1_000_000) } }));
  await fixture.publisher.publish(event("2", { data: { order: "x".repeat(900_000) } }));
  const found = await recorded(fixture, 1);
  assertEquals(found.map((one) => one.event.id), ["2"]);
  const [letter] = await eventually("a letter", async () => {
    const { letters } = await fixture.letters.list({}, { limit: 10 });
    return letters.length === 1 ? letters : undefined;
  });
  assertEquals(letter?.reason, "too-large");
  assertStringIncludes(letter?.detail ?? "", "the limit is 1000000: publish a reference");
});

Deno.test("EventDispatcher leaves the tasks of a missing queue in the outbox, and dispatches the others", async () => {
  await using fixture = await open([
    subscription("mail", "#", { queue: "celery" }),
    subscription("receipt", "#"),
  ]);
  const { key } = await fixture.publisher.publish(event("1"));
  await recorded(fixture, 1);
  assertEquals(fixture.tasks, [eventTaskId(key, "receipt")]);
  assertEquals((await fixture.outbox.depth()).total, 1);
});

Deno.test("EventDispatcher makes the tasks of subscriptions that were stored before the event's record", async () => {
  const late = subscription("late", "orders.#");
  const sent: string[] = [];
  await using fixture = await open([subscription("early", "#")], (database) => {
    const store = new SubscriptionStore({ database });
    // Old: read before `late` was stored.
    const subscriptions = new SubscriptionCache({ store, maxAgeMs: 3600_000 });
    return {
      subscriptions,
      publisher: {
        send: async ({ taskId }) => {
          sent.push(taskId);
          if (sent.length === 1) await store.sync([late]);
          return "broker";
        },
      },
    };
  });
  const { key } = await fixture.publisher.publish(event("1"));
  const [found] = await recorded(fixture, 1);
  const ids = { early: eventTaskId(key, "early"), late: eventTaskId(key, "late") };
  assertEquals([found!.tasks, sent], [ids, Object.values(ids)]);
});

Deno.test("EventDispatcher makes no tasks of paused subscriptions", async () => {
  await using fixture = await open([subscription("receipt", "#"), subscription("audit", "#")]);
  await new SubscriptionStore({ database: fixture.database }).pause("receipt");
  await fixture.publisher.publish(event("1"));
  const [found] = await recorded(fixture, 1);
  assertEquals(Object.keys(found!.tasks), ["audit"]);
});

Deno.test("an event in the outbox becomes the same tasks when the relay publishes it", async () => {
  await using fixture = await open([subscription("receipt", "#")]);
  const { broker, database, outbox } = fixture;
  const one = event("1", { data: { order: "17", big: 2n ** 60n } });
  const key = eventKey(one);
  const entry = {
    taskId: key,
    retries: 0,
    due: performance.now(),
    message: toEventMessage(one, key),
  };
  await outbox.add([entry]);
  await using relay = relayOf({ database, broker });
  await relay.start();
  const [found] = await recorded(fixture, 1);
  assertEquals([found?.event, found?.key], [one, key]);
  assertEquals(fixture.tasks, [eventTaskId(key, "receipt")]);
  await eventually("an empty outbox", async () => (await outbox.depth()).total === 0);
});

Deno.test("EventDispatcher counts copies with other content, in one batch and later, and keeps the first", async () => {
  await using fixture = await open([subscription("receipt", "#")]);
  const first = event("1");
  const other = cloudEvent({ ...first, data: { order: "other" } });
  const { key } = await fixture.publisher.publish(first);
  await recorded(fixture, 1);
  // The same content in another order, and the same instant written in another way.
  const { data, time, ...rest } = first;
  const local = time!.replace("Z", "+00:00");
  await fixture.publisher.publish(cloudEvent({ data, ...rest, time: local }));
  await fixture.publisher.publish(other);
  const two = event("2");
  await Promise.all([
    fixture.publisher.publish(two),
    fixture.publisher.publish(cloudEvent({ ...two, subject: "s" })),
  ]);
  await eventually("all outcomes", () => Promise.resolve(fixture.outcomes.length === 5));
  const count = (outcome: string) =>
    fixture.outcomes.filter((one) => one === `orders.paid ${outcome}`).length;
  assertEquals([count("dispatched"), count("duplicate"), count("conflicting")], [2, 1, 2]);
  assertEquals((await fixture.events.find(key))?.event, first);
  assertEquals(fixture.tasks.length, 2);
});

Deno.test("a redrive of an event's dead letter makes the task of that subscription, or says why not", async () => {
  await using fixture = await open([
    subscription("whole", "orders.#", { args: "/data" }),
    subscription("audit", "#"),
  ]);
  const { broker, database, letters, outbox } = fixture;
  const { key } = await fixture.publisher.publish(event("1", { data: "no object" }));
  await recorded(fixture, 1);
  await using relay = relayOf({ database, broker });
  await relay.start();
  const detail = async () => (await letters.list({}, { limit: 10 })).letters[0]?.detail ?? "";
  const redrive = async () => {
    const store = resultStore("native", database);
    const { redriven } = await new DeadLetters({ database, outbox, store })
      .redrive({}, { rate: 1000, limit: 10 });
    assertEquals(redriven, 1);
  };
  const redriven = async (expected: string) => {
    await redrive();
    await eventually(expected, async () => (await detail()).includes(expected) || undefined);
  };
  const store = new SubscriptionStore({ database });
  await redriven("Cannot take arguments from");
  await store.pause("whole");
  await redriven("it is paused");
  await store.resume("whole");
  const change = (pattern: string, changes: object) =>
    store.sync([subscription("whole", pattern, changes)]);
  await change("prices.#", {});
  await redriven("no longer selects");
  assertEquals(fixture.tasks.length, 1);
  assertEquals(Object.keys((await fixture.events.find(key))!.tasks), ["audit"]);
  const found = await letters.find((await letters.list({}, { limit: 1 })).letters[0]!.id);
  assertEquals(found?.headers["celeriac-subscription"], "whole");
  await change("orders.#", {});
  await redrive();
  const id = eventTaskId(key, "whole");
  await eventually("the task", () => Promise.resolve(fixture.tasks.includes(id) || undefined));
  await eventually("its record", async () => {
    const { tasks } = (await fixture.events.find(key))!;
    return tasks["whole"] === id || undefined;
  });
  assertEquals((await letters.list({}, { limit: 10 })).letters, []);
});

Deno.test("EventDispatcher records events while other subscriptions change all the time", async () => {
  let changes = 0;
  await using fixture = await open([subscription("receipt", "orders.#")], (database) => {
    const store = new SubscriptionStore({ database });
    return {
      publisher: {
        // A change between each read of the subscriptions and the record.
        send: async () => {
          await store.sync([subscription("other", "prices.#", { task: `other${++changes}` })]);
          return "broker";
        },
      },
      subscriptions: {
        current: async () => {
          const current = await new SubscriptionCache({ store, maxAgeMs: 0 }).current();
          await store.sync([subscription("other", "prices.#", { task: `other${++changes}` })]);
          return current;
        },
        forget: () => {},
      },
    };
  });
  await fixture.publisher.publish(event("1"));
  const [found] = await recorded(fixture, 1);
  assertEquals(Object.keys(found!.tasks), ["receipt"]);
  assert(changes >= 2);
});
