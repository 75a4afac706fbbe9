/** Replays on a broker in memory and an embedded database. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { v7 } from "uuid";
import { EventReplayer, type EventReplayerOptions } from "../../../beat/event_replayer.ts";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { declarationFor } from "../../../shared/broker/topology.ts";
import type { Database } from "../../../shared/database/database.ts";
import { DeadLetters } from "../../../shared/dead_letters/store.ts";
import { Unavailable } from "../../../shared/errors.ts";
import { eventTaskId } from "../../../shared/events/event_key.ts";
import { EventStore } from "../../../shared/events/event_store.ts";
import { type NewReplay, ReplayStore } from "../../../shared/events/replay_store.ts";
import { SubscriptionStore } from "../../../shared/events/subscription_store.ts";
import { Outbox } from "../../../shared/outbox/outbox.ts";
import { Publisher } from "../../../shared/outbox/publisher.ts";
import { eventually } from "../../support/eventually.ts";
import { newEvent } from "../../support/event_stores.ts";
import { migratedPglite } from "../../support/migrated.ts";

const RECEIPT = {
  name: "receipt",
  patterns: ["orders.#"],
  where: {},
  match: "all",
  deliver: { task: "receipt", queue: "celeriac.default", args: { order: "/data/order" } },
} as const;

/** A database with a subscription, and a broker that keeps the ids of the published tasks. */
async function open() {
  await using stack = new AsyncDisposableStack();
  const { database } = stack.use(await migratedPglite());
  const broker = stack.use(new MemoryBroker());
  await broker.start();
  await broker.declare(declarationFor("dev", ["celeriac.default"]));
  const outbox = new Outbox({ database });
  const publisher = new Publisher({ broker, outbox, origin: "gen1@test" });
  const tasks: string[] = [];
  const times: number[] = [];
  await broker.consume("celeriac.default", (delivery) => {
    tasks.push(String(delivery.message.headers["id"]));
    times.push(performance.now());
    delivery.ack();
  }, { prefetch: 1000 });
  const nowhere = () => Promise.reject(new Error("not used"));
  const letters = new DeadLetters({
    database,
    outbox,
    store: { reopen: nowhere, states: nowhere },
  });
  const subscriptions = new SubscriptionStore({ database });
  await subscriptions.add(RECEIPT);
  const owned = stack.move();
  return {
    ...{ database, letters, subscriptions, publisher, tasks, times },
    events: new EventStore({ database }),
    replays: new ReplayStore({ database }),
    replayer: (changes: Partial<EventReplayerOptions> = {}) =>
      new EventReplayer({
        ...{ database, publisher, letters, origin: "gen1@test", sent: () => {} },
        ...changes,
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function replay(changes: Partial<NewReplay> = {}): NewReplay {
  return {
    ...{ id: v7(), subscription: "receipt", since: null, until: null },
    ...{ types: [], rate: 10_000, again: false },
    ...changes,
  };
}

/** Events `from` to `to` without tasks of the subscription. */
function untold(from: number, to: number, changes = {}) {
  return Array.from({ length: to - from + 1 }, (_, index) => ({
    ...newEvent(String(from + index), { data: { order: String(from + index) }, ...changes }),
    tasks: {},
  }));
}

async function ended(database: Database) {
  const [row] = await database.query<{ sent: number; running: number }>(
    "select sum(sent)::float8 as sent, count(*) filter (where ended_at is null)::float8 as running from celeriac.replay",
  );
  return row?.running === 0 ? row.sent : undefined;
}

Deno.test("EventReplayer sends the first tasks of events that had none, each once", async () => {
  await using fixture = await open();
  const { events, replays, tasks, database } = fixture;
  const fresh = untold(1, 250);
  const told = newEvent("told", { data: { order: "0" } });
  const other = untold(1000, 1001, { type: "prices.changed" });
  await events.record([...fresh.slice(0, 120), told, ...other, ...fresh.slice(120)]);
  await replays.add(replay());
  await events.record(untold(2000, 2000));
  await using replayer = fixture.replayer();
  await replayer.start();
  assertEquals(await eventually("the end", () => ended(database)), 250);
  assertEquals(tasks.toSorted(), fresh.map(({ key }) => eventTaskId(key, "receipt")).toSorted());
  const found = await events.find(fresh[7]!.key);
  assertEquals(found?.tasks, { receipt: eventTaskId(fresh[7]!.key, "receipt") });
  // A second replay has only the event that was recorded after the first one had started.
  await replays.add(replay());
  assertEquals(await eventually("the end", () => ended(database)), 251);
});

Deno.test("EventReplayer sends new tasks with again, and selects by types and times", async () => {
  await using fixture = await open();
  const { events, replays, tasks, database } = fixture;
  const [early, late, other] = [
    newEvent("early", { data: { order: "1" } }),
    newEvent("late", { data: { order: "2" } }),
    newEvent("other", { type: "orders.eu.sent", data: { order: "3" } }),
  ] as const;
  await events.record([early]);
  const [row] = await database.query<{ now: Date }>("select clock_timestamp() as now");
  await events.record([late, other]);
  const again = replay({ again: true, since: row!.now, types: ["orders.*"] });
  await replays.add(again);
  await using replayer = fixture.replayer();
  await replayer.start();
  assertEquals(await eventually("the end", () => ended(database)), 1);
  assertEquals(tasks, [eventTaskId(late.key, "receipt", again.id)]);
  // The ids of the first tasks stay.
  assertEquals((await events.find(late.key))?.tasks, late.tasks);
  await replays.add(replay({ again: true, until: row!.now }));
  assertEquals(await eventually("the end", () => ended(database)), 2);
  assertEquals(tasks.length, 2);
});

Deno.test("EventReplayer continues after a failure and a restart with the same task ids", async () => {
  await using fixture = await open();
  const { events, replays, tasks, database } = fixture;
  const fresh = untold(1, 150);
  await events.record(fresh);
  await replays.add(replay());
  let sent = 0;
  const failing = {
    send: () =>
      sent++ < 40
        ? Promise.resolve("broker" as const)
        : Promise.reject(new Unavailable("Cannot send because of a test")),
  };
  {
    await using broken = fixture.replayer({ publisher: failing });
    await broken.start();
    await eventually("a failure", () => Promise.resolve(sent > 100 ? true : undefined));
  }
  assertEquals(await ended(database), undefined);
  await using replayer = fixture.replayer();
  await replayer.start();
  assertEquals(await eventually("the end", () => ended(database)), 150);
  assertEquals(tasks.toSorted(), fresh.map(({ key }) => eventTaskId(key, "receipt")).toSorted());
});

Deno.test("two EventReplayers share replays, and a paused or removed subscription gets none", async () => {
  await using fixture = await open();
  const { events, replays, tasks, database, subscriptions } = fixture;
  await events.record(untold(1, 300));
  await subscriptions.add({ ...RECEIPT, name: "paused" });
  const [row] = await database.query<{ now: Date }>("select clock_timestamp() as now");
  const recorded = row!.now;
  await subscriptions.pause("paused");
  const during = untold(2001, 2010);
  await events.record(during);
  await subscriptions.add({ ...RECEIPT, name: "gone" });
  await replays.add(replay());
  await replays.add(replay({ subscription: "paused", until: recorded }));
  await replays.add(replay({ subscription: "gone" }));
  assertEquals(await replays.add(replay({ subscription: "none" })), undefined);
  await subscriptions.remove("gone");
  await using one = fixture.replayer();
  await using two = fixture.replayer();
  await Promise.all([one.start(), two.start()]);
  await eventually("the end of one", async () => {
    const [only] = await replays.latest("receipt", 1);
    return only?.endedAt ?? undefined;
  });
  assertEquals([tasks.length, new Set(tasks).size], [310, 310]);
  assertEquals((await replays.latest("paused", 1))[0]?.sent, 0);
  assertEquals(await replays.latest("gone", 1), []);
  await subscriptions.resume("paused");
  await eventually("the end of the other", () => ended(database));
  // The replay that waited, and the events of the pause.
  assertEquals([tasks.length, new Set(tasks).size], [620, 620]);
  const [resumed] = await replays.latest("paused", 1);
  assertEquals([resumed?.sent, resumed?.again], [10, false]);
});

Deno.test("EventReplayer keeps the rate of a replay, and dead-letters events without arguments", async () => {
  await using fixture = await open();
  const { events, replays, tasks, times, database, letters } = fixture;
  const wrong = untold(0, 0, { data: "no object" });
  await database.query(
    `update celeriac.subscription set deliver = '{"task": "receipt", "queue": "celeriac.default", "args": "/data"}'`,
  );
  await events.record([...untold(1, 10), ...wrong]);
  await replays.add(replay({ rate: 20 }));
  await using replayer = fixture.replayer();
  await replayer.start();
  assertEquals(await eventually("the end", () => ended(database)), 10);
  assertEquals(tasks.length, 10);
  // Two at a time, ten times a second: the fifth pair cannot be earlier. A loaded machine makes it later.
  assert(times.at(-1)! - times[0]! >= 390, `${times.at(-1)! - times[0]!} ms`);
  const { letters: found } = await letters.list({}, { limit: 10 });
  assertEquals(found.map(({ reason }) => reason), ["invalid-input"]);
  assertStringIncludes(found[0]!.detail!, "subscription 'receipt': Cannot take arguments");
});

Deno.test("EventReplayer waits longer after each failure, keeps the error, and continues other replays", async () => {
  await using fixture = await open();
  const { events, replays, tasks, database, subscriptions } = fixture;
  await subscriptions.add({ ...RECEIPT, name: "broken" });
  await events.record(untold(1, 10));
  const broken = replay({ subscription: "broken" });
  await replays.add(broken);
  const { publisher } = fixture;
  let isBroken = true;
  await using replayer = fixture.replayer({
    publisher: {
      send: (entry, options) =>
        isBroken && entry.message.headers["celeriac-subscription"] === "broken"
          ? Promise.reject(new TypeError("Cannot send: \0 broken"))
          : publisher.send(entry, options),
    },
  });
  await replayer.start();
  const twice = await eventually("two failures", async () => {
    const [found] = await replays.latest("broken", 1);
    return found && found.failures >= 2 ? found : undefined;
  });
  assertEquals([twice.failures, twice.endedAt, twice.sent], [2, null, 0]);
  assertStringIncludes(twice.error!, "broken");
  assert(twice.failedAt instanceof Date);
  assertEquals(await replays.countFailing(), 1);
  const [row] = await database.query<{ seconds: number }>(
    "select extract(epoch from next_at - failed_at)::float8 as seconds from celeriac.replay",
  );
  assert(row!.seconds > 1.5 && row!.seconds < 2.5, `${row!.seconds} s`);
  await replays.add(replay());
  await eventually("the end of the other", async () => {
    const [other] = await replays.latest("receipt", 1);
    return other?.endedAt ?? undefined;
  });
  assertEquals(tasks.length, 10);
  isBroken = false;
  await database.query("update celeriac.replay set next_at = now() where ended_at is null");
  assertEquals(await eventually("the end", () => ended(database)), 20);
  const [done] = await replays.latest("broken", 1);
  assertEquals([done?.failures, done?.error, done?.failedAt], [0, null, null]);
  assertEquals(await replays.countFailing(), 0);
});

Deno.test("a slow replay reads little more than it sends", async () => {
  await using fixture = await open();
  const { events, replays, database } = fixture;
  await events.record(untold(1, 100));
  await replays.add(replay({ rate: 20 }));
  const pages: number[] = [];
  const counted: Database = new Proxy(database, {
    get: (target, name) => {
      if (name === "query") {
        return async (...[statement, values]: Parameters<Database["query"]>) => {
          const rows = await target.query(statement, values);
          if (statement.includes("bytes_before")) pages.push(rows.length);
          return rows;
        };
      }
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  await using replayer = fixture.replayer({ database: counted });
  await replayer.start();
  await eventually("6 tasks", async () => {
    const [found] = await replays.latest("receipt", 1);
    return (found?.sent ?? 0) >= 6 || undefined;
  });
  // Two tasks in each step.
  assertEquals(Math.max(...pages), 4);
});
