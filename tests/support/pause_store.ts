/** What the table of pauses must do. One suite, run against each database. */
import { assert, assertEquals } from "@std/assert";
import type { Database } from "../../shared/database/database.ts";
import { Outbox } from "../../shared/outbox/outbox.ts";
import { type ParkedEntry, PauseStore } from "../../shared/flow/pause_store.ts";
import type { PauseKey } from "../../shared/flow/pause.ts";
import { PostgresResultStore } from "../../shared/results/postgres.ts";
import { message, submission } from "./settlements.ts";

/** Registers the suite.
 *
 * @param name of the implementation
 * @param open creates a migrated database */
export function testPauseStore(
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

const QUEUE: PauseKey = { scope: "queue", name: "celeriac.default" };
const TASK: PauseKey = { scope: "task", name: "add" };
const BY = { reason: null, by: "root" };

function parked(taskId: string, pause: PauseKey = TASK): ParkedEntry {
  return { taskId, retries: 0, message: message(), pause };
}

/** Seconds until each entry is due, in the order of the ids. */
async function delays(database: Database): Promise<number[]> {
  const rows = await database.query<{ delay: number }>(
    "select extract(epoch from due_at - clock_timestamp())::float8 as delay from celeriac.outbox order by id",
  );
  return rows.map(({ delay }) => delay);
}

/** Each entry's task, and whether it is due. */
async function due(database: Database): Promise<Record<string, boolean>> {
  const rows = await database.query<{ task_id: string; due: boolean }>(
    "select task_id, due_at <= clock_timestamp() as due from celeriac.outbox order by id",
  );
  return Object.fromEntries(rows.map(({ task_id, due }) => [task_id, due]));
}

const CASES: Record<string, (database: Database) => Promise<void>> = {
  async "pause() keeps its beginning when it is repeated, and changes the reason"(database) {
    const store = new PauseStore({ database });
    const first = await store.pause(QUEUE, BY);
    assertEquals([first.scope, first.name, first.reason], ["queue", "celeriac.default", null]);
    const second = await store.pause(QUEUE, { reason: "a\0b", by: "key:1" });
    assertEquals(second.pausedAt, first.pausedAt);
    assertEquals([second.reason, second.pausedBy], ["a\uFFFDb", "key:1"]);
    await store.pause(TASK, BY);
    assertEquals((await store.list()).map(({ scope }) => scope), ["queue", "task"]);
    const { pauses } = await store.inForce();
    assertEquals(pauses.map(({ name }) => name), ["celeriac.default", "add"]);
  },

  async "parked messages are due after the resume and not before"(database) {
    const store = new PauseStore({ database });
    await store.pause(TASK, BY);
    await store.pause(QUEUE, BY);
    await store.park([parked("1"), parked("2"), parked("3", QUEUE)]);
    await store.park([parked("1")]);
    assertEquals(await store.release(100), 0);
    assertEquals(await due(database), { 1: false, 2: false, 3: false });
    const bytes = 2 * message().body.length;
    const waiting = await store.find(TASK);
    assertEquals([waiting?.parked, waiting?.parkedBytes], [2, bytes]);
    const outbox = new Outbox({ database });
    assertEquals([(await outbox.depth()).due, await outbox.lag()], [0, 0]);

    const resumed = await store.resume(TASK, { rate: null });
    assert(resumed?.resumedAt);
    const now = await store.inForce();
    assertEquals(now.pauses.map(({ name }) => name), [QUEUE.name]);
    assertEquals([now.parked, now.parkedBytes], [3, 1.5 * bytes]);
    assertEquals(await store.release(1), 1);
    const last = await store.find(TASK);
    assertEquals([last?.parked, last?.parkedBytes], [1, bytes / 2]);
    assertEquals(await store.release(1), 1);
    assertEquals(await due(database), { 1: true, 2: true, 3: false });
    assert(await outbox.lag() > 0);
    assertEquals(await store.find(TASK), undefined);
    assertEquals(await store.resume(TASK, { rate: null }), undefined);
  },

  async "a message that is parked after the resume is due at once"(database) {
    const store = new PauseStore({ database });
    await store.pause(TASK, BY);
    await store.resume(TASK, { rate: null });
    await store.park([parked("resumed"), parked("never", QUEUE)]);
    assertEquals(await due(database), { resumed: true, never: true });
    await store.release(100);
    assertEquals(await store.list(), []);
  },

  async "a resume with a rate makes messages due one after another"(database) {
    const store = new PauseStore({ database });
    await store.pause(TASK, BY);
    await store.park(Array.from({ length: 10 }, (_, index) => parked(`${index}`)));
    await store.resume(TASK, { rate: 2 });
    assertEquals(await store.release(100), 4);
    const [first, second, third, fourth, fifth] = await delays(database);
    assert(Math.abs(first!) < 0.4, `${first}`);
    assert(Math.abs(second! - first! - 0.5) < 0.01, `${second}`);
    assert(Math.abs(fourth! - third! - 0.5) < 0.01, `${fourth}`);
    assert(fifth! > 1e9, `${fifth}`);
    assert(await store.release(100) <= 1, "the next one may start two seconds later");

    await store.resume(TASK, { rate: null });
    assert(await store.release(100) >= 5);
    assertEquals(await store.list(), []);
  },

  async "a pause during a resume keeps the messages that are still parked"(database) {
    const store = new PauseStore({ database });
    await store.pause(TASK, BY);
    await store.park([parked("1"), parked("2")]);
    await store.resume(TASK, { rate: 0.1 });
    assertEquals(await store.release(100), 1);
    const again = await store.pause(TASK, { reason: "again", by: "root" });
    assertEquals([again.resumedAt, again.rate, again.parked], [null, null, 1]);
    assertEquals(await store.release(100), 0);
    assertEquals(await due(database), { 1: true, 2: false });
  },

  async "a revoke makes a parked message due, and a resume does not delay it"(database) {
    const store = new PauseStore({ database });
    const results = new PostgresResultStore({ database });
    await results.submitted([submission({ id: "3" })]);
    await results.revoke("3", "revoked");
    await store.pause(TASK, BY);
    await store.park([parked("1"), parked("2"), parked("3")]);
    await new Outbox({ database }).hasten(["1"]);
    assertEquals(await due(database), { 1: true, 2: false, 3: true });
    await store.resume(TASK, { rate: 0.1 });
    await store.release(100);
    assertEquals((await due(database))[1], true);
  },

  async "a message that a relay publishes is not made due again"(database) {
    const store = new PauseStore({ database });
    await store.pause(TASK, BY);
    await store.park([parked("1")]);
    await new Outbox({ database }).hasten(["1"]);
    await database.query(
      "update celeriac.outbox set offer = id, due_at = now() + interval '20 seconds'",
    );
    await store.resume(TASK, { rate: null });
    await store.release(100);
    assertEquals(await due(database), { 1: false });
    assertEquals(await store.list(), []);
  },
};
