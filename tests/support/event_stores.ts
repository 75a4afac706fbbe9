/** What the tables of events must do. One suite, run against each database. */
import { setTimeout as delay } from "node:timers/promises";
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Database } from "../../shared/database/database.ts";
import { stringifyJson } from "../../shared/celery/python_json.ts";
import { DatabaseRefused } from "../../shared/errors.ts";
import { type CloudEvent, cloudEvent } from "../../shared/events/cloud_event.ts";
import {
  EVENT_PAGE_BYTES,
  EventStore,
  isCut,
  type NewEvent,
} from "../../shared/events/event_store.ts";
import { eventKey } from "../../shared/events/event_key.ts";
import { ReplayStore } from "../../shared/events/replay_store.ts";
import { SubscriptionCache } from "../../shared/events/subscription_cache.ts";
import { SubscriptionStore } from "../../shared/events/subscription_store.ts";

/** Registers the suite.
 *
 * @param name of the implementation
 * @param open creates a migrated database */
export function testEventStores(
  name: string,
  open: () => Promise<{ readonly database: Database } & AsyncDisposable>,
): void {
  for (const [title, test] of Object.entries(CASES)) {
    Deno.test(`${name}: ${title}`, async () => {
      await using fixture = await open();
      await test(fixture.database);
    });
  }
}

/** An event, recorded or not. */
export function newEvent(id: string, changes: Partial<CloudEvent> = {}): NewEvent {
  const event = cloudEvent({
    specversion: "1.0",
    id,
    source: "/shop",
    type: "orders.paid",
    ...changes,
  });
  return { key: eventKey(event), event, tasks: { receipt: `task-${id}` } };
}

const RECEIPT = {
  name: "receipt",
  patterns: ["orders.*", "#"],
  where: { tenant: "acme", urgent: null, count: 3 },
  match: "any",
  deliver: { task: "receipt", queue: "celeriac.default", args: { order: "/data/order" } },
} as const;

const CASES: Record<string, (database: Database) => Promise<void>> = {
  async "after() and before() end a page by its bytes, also of data that compress well"(database) {
    const store = new EventStore({ database });
    const random = Array.from({ length: 4 }, (_, index) => {
      const bytes = new Uint8Array(1024 * 1024);
      for (let at = 0; at < bytes.length; at += 65_536) {
        crypto.getRandomValues(bytes.subarray(at, at + 65_536));
      }
      return newEvent(`random${index}`, { data: bytes.toBase64() });
    });
    const even = Array.from(
      { length: 2 },
      (_, index) => newEvent(`even${index}`, { data: "a".repeat(EVENT_PAGE_BYTES / 2) }),
    );
    const large = newEvent("large", { data: "b".repeat(EVENT_PAGE_BYTES) });
    const all = [...random, ...even, large];
    for (const one of all) await store.record([one]);
    const pages = { after: [] as number[], before: [] as number[] };
    const found = { after: [] as string[], before: [] as string[] };
    for (let position = 0;;) {
      const page = await store.after(position, { limit: 100 });
      if (page.length === 0) break;
      pages.after.push(page.length);
      found.after.push(...page.map(({ key }) => key));
      assertEquals(isCut(page), true);
      position = page.at(-1)!.position;
    }
    for (let position = Number.MAX_SAFE_INTEGER;;) {
      const page = await store.before(position, { limit: 100 });
      if (page.length === 0) break;
      pages.before.push(page.length);
      found.before.push(...page.map(({ key }) => key));
      position = page.at(-1)!.position;
    }
    // 1.33 MiB each, then 2 MiB, then 4 MiB; a page exceeds 4 MiB by its last event at most.
    assertEquals(pages, { after: [3, 3, 1], before: [1, 2, 3, 1] });
    assertEquals(found.after, all.map(({ key }) => key));
    assertEquals(found.before, found.after.toReversed());
  },

  async "record() stores each event once and returns the new keys"(database) {
    const store = new EventStore({ database });
    const now = new Date().toISOString();
    const one = newEvent("1", { time: now, data: { text: "a\0b", big: 2n ** 60n } });
    const two = newEvent("2", { subject: "s", data_base64: "AA==" });
    const old = newEvent("3", { time: "2001-01-01T00:00:00Z" });
    const late = newEvent("4", { time: "9999-01-01T00:00:00Z" });
    assertEquals(await store.record([]), new Set());
    assertEquals(await store.record([one, two, one]), new Set([one.key, two.key]));
    assertEquals(await store.record([two, old, late]), new Set([old.key, late.key]));
    const keys = [one, two, old, late].map(({ key }) => key);
    assertEquals(await store.known([...keys, "other"]), new Set(keys));
    const found = await store.find(one.key);
    assertEquals([found?.event, found?.tasks], [one.event, one.tasks]);
    assert(Math.abs(Date.now() - found!.recordedAt.getTime()) < 60_000);
    assertEquals(await store.find("other"), undefined);
    assertEquals(await store.contents([]), new Map());
    assertEquals(
      await store.contents([one.key, "other", two.key]),
      new Map([one, two].map(({ key, event }) => [key, stringifyJson(event)])),
    );
    const large = newEvent("5", { data: "b".repeat(EVENT_PAGE_BYTES) });
    await store.record([large]);
    const part = await store.contents([large.key, one.key, two.key]);
    assert(part.size >= 1 && part.size <= 3);
    assertEquals((await store.contents([large.key])).size, 1);
  },

  async "record() of concurrent transactions records 100 copies of one event once"(database) {
    const event = newEvent("1", { time: new Date().toISOString() });
    const fresh = await Promise.all(
      Array.from({ length: 100 }, () =>
        database.transaction(async (sql) => {
          const store = new EventStore({ database: sql });
          return (await store.record([event])).size;
        })),
    );
    assertEquals(fresh.reduce((sum, one) => sum + one), 1);
  },

  async "after() and before() page through events by position and type"(database) {
    const store = new EventStore({ database });
    assertEquals(await store.lastPosition(), 0);
    const types = ["a", "b", "a", "a", "b"];
    const events = types.map((type, index) => newEvent(String(index), { type }));
    await store.record(events.slice(0, 2));
    await store.record(events.slice(2));
    const ids = (found: readonly { event: CloudEvent }[]) => found.map(({ event }) => event.id);
    const first = await store.after(0, { limit: 2 });
    assertEquals(ids(first), ["0", "1"]);
    assertEquals(ids(await store.after(first[1]!.position, { limit: 9 })), ["2", "3", "4"]);
    assertEquals(ids(await store.after(0, { limit: 2, type: "a" })), ["0", "2"]);
    const last = await store.before(undefined, { limit: 2 });
    assertEquals(ids(last), ["4", "3"]);
    assertEquals(last[0]!.position, await store.lastPosition());
    assertEquals(ids(await store.before(last[1]!.position, { limit: 9, type: "a" })), ["2", "0"]);
  },

  async "expire_events() drops old days, and deletes old events of other partitions"(database) {
    const store = new EventStore({ database });
    const day = 86_400_000;
    const at = (days: number) => new Date(Date.now() + days * day).toISOString();
    const [today, ancient, unordered, recent] = [
      newEvent("today", { time: at(0) }),
      newEvent("ancient", { time: "2001-01-01T00:00:00Z" }),
      newEvent("unordered"),
      newEvent("recent", { time: at(-9) }),
    ] as const;
    await store.record([today, ancient, unordered, recent]);
    const expire = async (days: number, most = 100) => {
      const [row] = await database.query<{ dropped: number; deleted: number }>(
        "select dropped, deleted from celeriac.expire_events($1 * interval '1 day', $2)",
        [days, most],
      );
      return row;
    };
    assertEquals(await expire(7), { dropped: 0, deleted: 0 });
    await database.query(
      "update celeriac.event set recorded_at = now() - interval '8 days' where id <> 'recent'",
    );
    assertEquals(await expire(7, 1), { dropped: 0, deleted: 1 });
    assertEquals(await expire(7), { dropped: 0, deleted: 1 });
    const left = await store.after(0, { limit: 9 });
    assertEquals(left.map(({ event }) => event.id), ["today", "recent"]);
    // A day gone by, as if its partition had been made then.
    await database.script(`
      do $$
      declare day constant date := (now() at time zone 'UTC')::date - 9;
      begin
        delete from celeriac.event where id = 'recent';
        execute format('create table celeriac.event_%s partition of celeriac.event for values from (%L) to (%L)',
          to_char(day, 'YYYYMMDD'), celeriac.day_bound(day), celeriac.day_bound(day + 1));
      end $$`);
    await store.record([recent]);
    assertEquals(await expire(7), { dropped: 0, deleted: 0 });
    await database.query(
      "update celeriac.event set recorded_at = now() - interval '8 days' where id = 'recent'",
    );
    assertEquals(await expire(7), { dropped: 1, deleted: 0 });
    assertEquals(await store.known([recent.key, today.key]), new Set([today.key]));
    await assertRejects(() => expire(0), DatabaseRefused, "retention");
  },

  async "make_partitions() moves events out of the default partition"(database) {
    const store = new EventStore({ database });
    const partition = async (key: string) => {
      const [row] = await database.query<{ name: string }>(
        "select tableoid::regclass::text as name from celeriac.event where key = $1",
        [key],
      );
      return row?.name;
    };
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    const event = newEvent("1", { time: tomorrow });
    const name = `event_${tomorrow.slice(0, 10).replaceAll("-", "")}`;
    await database.script(`drop table celeriac.${name}`);
    await store.record([event]);
    assertEquals(await partition(event.key), "celeriac.event_default");
    const [row] = await database.query<{ made: number }>(
      "select celeriac.make_partitions(1) as made",
    );
    assertEquals(row?.made, 1);
    assertEquals(await partition(event.key), `celeriac.${name}`);
  },

  async "add() and find() keep a subscription as it is, and refuse a second one"(database) {
    const store = new SubscriptionStore({ database });
    const { createdAt, updatedAt, revision, ...added } = (await store.add(RECEIPT))!;
    const fresh = { source: "database", pausedAt: null, pausedAfter: null };
    assertEquals({ ...added }, { ...RECEIPT, ...fresh } as never);
    assert(revision !== "");
    assertEquals(createdAt, updatedAt);
    assertEquals(await store.add(RECEIPT), undefined);
    assertEquals((await store.find("receipt"))?.where, RECEIPT.where);
    assertEquals(await store.find("other"), undefined);
    assertEquals((await store.all()).length, 1);
    assertEquals(await store.list({ after: "receipt", limit: 9 }), []);
    assertEquals([await store.remove("receipt"), await store.remove("receipt")], [true, false]);
  },

  async "pause() keeps the beginning of a pause until it ends"(database) {
    const store = new SubscriptionStore({ database });
    await store.add(RECEIPT);
    const events = new EventStore({ database });
    await events.record([newEvent("1"), newEvent("2")]);
    const first = await store.pause("receipt");
    assert(first?.pausedAt instanceof Date);
    assertEquals(first?.pausedAfter, await events.lastPosition());
    await events.record([newEvent("3")]);
    assertEquals(await store.pause("receipt"), first);
    const { pausedAt, pausedAfter } = (await store.resume("receipt"))!;
    assertEquals([pausedAt, pausedAfter], [null, null]);
    const replays = new ReplayStore({ database });
    const [replay, ...others] = await replays.latest("receipt", 9);
    const last = await events.lastPosition();
    assertEquals([replay?.position, replay?.lastPosition], [last - 1, last]);
    assertEquals([replay?.again, replay?.since, others], [false, first!.pausedAt, []]);
    // Nothing was recorded in the second pause, and nothing is resumed twice.
    await store.pause("receipt");
    await Promise.all([store.resume("receipt"), store.resume("receipt")]);
    assertEquals((await replays.latest("receipt", 9)).length, 1);
    assertEquals(await store.resume("other"), undefined);
    assertEquals(await store.pause("other"), undefined);
  },

  async "lock() returns the revision of the subscriptions, which each change changes"(database) {
    const store = new SubscriptionStore({ database });
    const cache = new SubscriptionCache({ store, maxAgeMs: 0 });
    const events = new EventStore({ database });
    const revisions = new Set<string>();
    const changes = [
      () => store.add(RECEIPT),
      () => store.sync([{ ...RECEIPT, name: "one" }]),
      () => store.sync([{ ...RECEIPT, name: "one", patterns: ["b"] }]),
      () => store.pause("one"),
      () => store.resume("one"),
      () => store.remove("receipt"),
      () => store.prune(["one"]),
    ];
    for (const change of changes) {
      await change();
      const revision = await events.lock();
      assertEquals((await cache.current()).revision, revision);
      revisions.add(revision);
    }
    assertEquals(revisions.size, changes.length);
  },

  async "position_before() finds the last event before a time"(database) {
    const store = new EventStore({ database });
    const before = async (at: Date) => {
      const [row] = await database.query<{ position: number }>(
        "select celeriac.position_before($1)::float8 as position",
        [at],
      );
      return row?.position;
    };
    const now = async () => {
      await delay(2); // A Date has milliseconds, times in the database have microseconds.
      return (await database.query<{ now: Date }>("select clock_timestamp() as now"))[0]!.now;
    };
    assertEquals(await before(await now()), 0);
    const moments = [await now()];
    const positions = [0];
    for (let round = 0; round < 5; round++) {
      const count = round * 3 + 1;
      const ids = Array.from({ length: count }, (_, index) => `${round}-${index}`);
      await store.record(ids.map((id) => newEvent(id)));
      // Gaps, as conflicts leave them.
      await database.query("select nextval('celeriac.event_position') from generate_series(1, 7)");
      moments.push(await now());
      positions.push(await store.lastPosition());
    }
    assertEquals(await Promise.all(moments.map(before)), positions);
    await database.query("delete from celeriac.event where position <= $1", [positions[2]!]);
    assertEquals(await before(moments[1]!), 0);
    assertEquals(await before(moments[4]!), positions[4]);
  },

  async "replace() changes subscriptions with source database only"(database) {
    const store = new SubscriptionStore({ database });
    await store.sync([{ ...RECEIPT, name: "code" }]);
    await store.add(RECEIPT);
    await store.pause("receipt");
    const replaced = await store.replace({ ...RECEIPT, patterns: ["b"], where: {}, match: "all" });
    assertEquals([replaced?.patterns, replaced?.where, replaced?.match], [["b"], {}, "all"]);
    assert(replaced?.pausedAt instanceof Date);
    assertEquals(await store.replace({ ...RECEIPT, name: "code" }), undefined);
    assertEquals(await store.replace({ ...RECEIPT, name: "none" }), undefined);
  },

  async "sync() adds and changes the app's subscriptions, and only prune() removes them"(database) {
    const store = new SubscriptionStore({ database });
    await store.add({ ...RECEIPT, name: "mine" });
    const [one, two] = [{ ...RECEIPT, name: "one" }, { ...RECEIPT, name: "two" }];
    assertEquals(await store.sync([one, two, { ...RECEIPT, name: "mine" }]), ["mine"]);
    await store.pause("one");
    const before = await store.find("two");
    assertEquals(await store.sync([{ ...one, patterns: ["b"] }, two]), []);
    const changed = await store.find("one");
    assertEquals([changed?.patterns, changed?.source], [["b"], "code"]);
    assert(changed?.pausedAt instanceof Date);
    assertEquals(await store.find("two"), before);
    assertEquals(await store.sync([one]), []);
    assertEquals((await store.all()).map(({ name }) => name), ["mine", "one", "two"]);
    assertEquals(await store.remove("one"), false);
    assertEquals(await store.prune(["two", "mine", "three"]), ["two"]);
    assertEquals((await store.all()).map(({ name }) => name), ["mine", "one"]);
  },
};
