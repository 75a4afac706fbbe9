import { assertEquals } from "@std/assert";
import { v7 } from "uuid";
import { ALL_RIGHTS, Caller } from "../../../api/access/caller.ts";
import type { NewBulkJob } from "../../../api/bulk/bulk_job.ts";
import { BulkStore } from "../../../api/bulk/bulk_store.ts";
import type { Database } from "../../../shared/database/database.ts";
import { type Migrated, migratedPglite, migratedPostgres } from "../../support/migrated.ts";

const EXPIRES = new Date("2030-01-02T03:04:05.678Z");

function newJob(given: Partial<NewBulkJob> = {}): NewBulkJob {
  return {
    id: v7(),
    action: "retry",
    terminate: false,
    filter: { q: "state:failure", ids: ["a", "é"] },
    frozenAt: new Date("2026-11-30T09:00:00.123Z"),
    matched: 7,
    caller: new Caller("key:abc", "mail", { ...ALL_RIGHTS, tasks: ["mail.*"], expiresAt: EXPIRES }),
    ...given,
  };
}

const CASES: Record<string, (store: BulkStore) => Promise<void>> = {
  async "add() and find() keep every field"(store) {
    const job = newJob();
    await store.add(job);
    const { caller, createdAt, ...found } = (await store.find(job.id))!;
    const { caller: given, ...fields } = job;
    assertEquals(found, {
      ...fields,
      position: null,
      done: 0,
      refused: 0,
      refusals: [],
      endedAt: null,
      stopped: null,
    });
    assertEquals([caller.id, caller.name, caller.rights], [given.id, given.name, given.rights]);
    assertEquals(Math.abs(createdAt.getTime() - Date.now()) < 60_000, true);
    assertEquals(await store.find(v7()), undefined);
  },

  async "list() returns the jobs of one caller or of all, newest first"(store) {
    const root = new Caller("root", "root", ALL_RIGHTS);
    const jobs = [newJob(), newJob({ caller: root }), newJob({ matched: null })];
    for (const job of jobs) await store.add(job);
    const ids = async (caller: string | null) => (await store.list(caller)).map(({ id }) => id);
    assertEquals(await ids(null), jobs.map(({ id }) => id).toReversed());
    assertEquals(await ids("root"), [jobs[1]!.id]);
  },

  async "claim() gives each job to one process until its lease ends"(store) {
    const { id } = await store.add(newJob());
    const claims = await Promise.all([store.claim(60), store.claim(60)]);
    assertEquals(claims.map((job) => job?.id).filter(Boolean), [id]);
    assertEquals(await store.claim(60), undefined);
    await store.postpone(id, 0);
    assertEquals((await store.claim(60))?.id, id);
  },

  async "advance() adds up the steps until the last one, each once"(store) {
    const job = await store.add(newJob());
    const refusals = Array.from({ length: 15 }, (_, index) => ({ id: `t${index}`, reason: "x\0" }));
    const first = { next: "50", done: 35, refusals };
    await store.advance(job, first);
    // Another process that had taken over stores the same step.
    await store.advance(job, first);
    const second = (await store.find(job.id))!;
    assertEquals([second.position, second.done, second.refused], ["50", 35, 15]);
    await store.advance(second, { next: null, done: 1, refusals });
    const last = (await store.find(job.id))!;
    assertEquals([last.done, last.refused, last.refusals.length], [36, 30, 20]);
    assertEquals([last.endedAt !== null, last.stopped], [true, null]);
    assertEquals(await store.claim(60), undefined);
  },

  async "stop() ends a job, whose running step still counts"(store) {
    const job = await store.add(newJob());
    assertEquals((await store.stop(job.id, "ada stopped it"))?.stopped, "ada stopped it");
    assertEquals(await store.stop(job.id, "again"), undefined);
    const step = { next: "50", done: 50, refusals: [] };
    await store.advance(job, step);
    await store.advance(job, step);
    const { done, endedAt } = (await store.find(job.id))!;
    assertEquals([done, endedAt !== null], [50, true]);
    assertEquals(await store.claim(60), undefined);
  },

  async "add() starts a job once"(store) {
    const job = await store.add(newJob());
    await store.advance(job, { next: "50", done: 50, refusals: [] });
    const again = await store.add({ ...newJob({ action: "rerun" }), id: job.id });
    assertEquals([again.action, again.done], ["retry", 50]);
    assertEquals((await store.list(null)).length, 1);
  },
};

for (
  const [name, open] of [
    ["Postgres", () => migratedPostgres()],
    ["PGlite", () => migratedPglite()],
  ] as [string, () => Promise<Migrated<Database>>][]
) {
  Deno.test(`BulkStore on ${name}`, async (test) => {
    await using fixture = await open();
    const { database } = fixture;
    for (const [title, run] of Object.entries(CASES)) {
      await test.step(title, async () => {
        await database.script("truncate celeriac.bulk_job");
        await run(new BulkStore({ database }));
      });
    }
  });
}
