/** Resumes while messages are being parked. Needs two connections. */
import { assertEquals } from "@std/assert";
import { type ParkedEntry, PauseStore } from "../../../shared/flow/pause_store.ts";
import type { PauseKey } from "../../../shared/flow/pause.ts";
import { migratedPostgres } from "../../support/migrated.ts";
import { message } from "../../support/settlements.ts";

const TASK: PauseKey = { scope: "task", name: "add" };
const BY = { reason: null, by: "root" };

function parked(taskId: string): ParkedEntry {
  return { taskId, retries: 0, message: message(), pause: TASK };
}

Deno.test("a resume waits for messages that are being parked, and releases them", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PauseStore({ database });
  await store.pause(TASK, BY);
  let resumed = false;
  let resuming: Promise<unknown> | undefined;
  await database.transaction(async (sql) => {
    await new PauseStore({ database: sql }).park([parked("1")]);
    resuming = store.resume(TASK, { rate: null }).then(() => resumed = true);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assertEquals(resumed, false);
  });
  await resuming;
  assertEquals(await store.release(10), 1);
  assertEquals(await store.list(), []);
});

Deno.test("no message stays parked when pauses and resumes alternate with 50 parking workers", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PauseStore({ database });
  await Promise.all([
    ...Array.from(
      { length: 50 },
      (_, worker) => store.park([parked(`${worker}`), parked(`x${worker}`)]),
    ),
    (async () => {
      for (let turn = 0; turn < 20; turn++) {
        await store.pause(TASK, BY);
        await store.resume(TASK, { rate: null });
        await store.release(10);
      }
    })(),
  ]);
  while (await store.release(1000) > 0);
  const [row] = await database.query<{ waiting: number; due: number }>(
    `select (select count(*)::float8 from celeriac.parked) as waiting,
      (count(*) filter (where due_at <= clock_timestamp()))::float8 as due from celeriac.outbox`,
  );
  assertEquals(row, { waiting: 0, due: 100 });
});
