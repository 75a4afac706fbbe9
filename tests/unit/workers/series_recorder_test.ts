import { assertEquals } from "@std/assert";
import { defineTask, z } from "../../../shared/mod.ts";
import { DatabaseUnavailable, DatabaseUnreached } from "../../../shared/errors.ts";
import { newId } from "../../../shared/results/uuid_time.ts";
import { bucketOf, BUCKETS } from "../../../shared/series/histogram.ts";
import type { SeriesEntry } from "../../../shared/series/series_store.ts";
import type { DeliveryResult } from "../../../workers/delivery/delivery_result.ts";
import type { Outcome } from "../../../workers/delivery/outcome.ts";
import { SeriesRecorder } from "../../../workers/series_recorder.ts";

const MINUTE = new Date("2030-01-02T03:04:00Z");
const CONTRACT = defineTask({ name: "add", input: z.object({}) });
const SUCCESS: Outcome = { kind: "success", result: "1", stored: false };

function at(seconds: number): Date {
  return new Date(MINUTE.getTime() + seconds * 1000);
}

/** A result of task `add`. */
function result(changes: Partial<DeliveryResult> & { eta?: Date; id?: string } = {}) {
  const { eta = null, id = newId(at(0)), ...rest } = changes;
  const task = { task: "add", id, eta, retries: 0 };
  return {
    queue: "q",
    task,
    outcome: SUCCESS,
    startedAt: at(2),
    runtime: 0.02,
    ...rest,
  } as DeliveryResult;
}

/** A recorder that is not started, and the writes that it makes. */
function recorder() {
  const fixture = { now: at(10), error: undefined as Error | undefined };
  const writes: (readonly SeriesEntry[])[] = [];
  const series = new SeriesRecorder({
    clock: { now: () => fixture.now },
    contracts: { get: (name) => name.startsWith("unknown") ? undefined : CONTRACT },
    store: {
      add(entries) {
        if (fixture.error) return Promise.reject(fixture.error);
        writes.push(structuredClone(entries));
        return Promise.resolve();
      },
    },
  });
  return { fixture, writes, series };
}

function bucket(seconds: number, count = 1): number[] {
  return Array.from({ length: BUCKETS }, (_, index) => index === bucketOf(seconds) ? count : 0);
}

Deno.test("SeriesRecorder counts outcomes, run times and waits per minute, task and queue", async () => {
  const { fixture, writes, series } = recorder();
  series.observe(result());
  series.observe(result());
  series.observe(result({ queue: "other", eta: at(1.5) }));
  series.observe(result({ outcome: { kind: "known" } }));
  fixture.now = at(60);
  series.observe(
    result({
      id: "cd2a5b8e-2a55-4f4e-9f7c-3b6b3b0c7a11",
      outcome: { kind: "revoked", why: "expired" },
      startedAt: null,
      runtime: null,
    }),
  );
  await series.write();
  assertEquals(writes.length, 1);
  const [first, second, third, ...more] = writes[0]!;
  assertEquals(more, []);
  assertEquals([first?.at, first?.task, first?.queue, first?.succeeded], [MINUTE, "add", "q", 2]);
  assertEquals(first?.runs, { counts: bucket(0.02, 2), sum: 0.04 });
  assertEquals(first?.waits, { counts: bucket(2, 2), sum: 4 });
  assertEquals([second?.queue, second?.waits], ["other", { counts: bucket(0.5), sum: 0.5 }]);
  assertEquals([third?.at, third?.revoked, third?.succeeded], [at(60), 1, 0]);
  assertEquals(third?.waits.sum, 0);
  await series.write();
  assertEquals(writes.length, 1);
});

Deno.test("SeriesRecorder repeats a write only if the database cannot have received it", async () => {
  const { fixture, writes, series } = recorder();
  series.observe(result());
  fixture.error = new DatabaseUnreached("Cannot reach it");
  await series.write().catch(() => {});
  series.observe(result());
  fixture.error = undefined;
  await series.write();
  assertEquals(writes[0]?.map(({ succeeded }) => succeeded), [2]);

  series.observe(result());
  fixture.error = new DatabaseUnavailable("It did not answer");
  await series.write().catch(() => {});
  fixture.error = undefined;
  await series.write();
  assertEquals(writes.length, 1);
});

Deno.test("SeriesRecorder writes each key once when the clock goes back", async () => {
  const { fixture, writes, series } = recorder();
  series.observe(result());
  fixture.now = at(60);
  series.observe(result());
  fixture.now = at(59);
  series.observe(result());
  await series.write();
  assertEquals(writes[0]?.map(({ at, succeeded }) => [at, succeeded]), [[MINUTE, 2], [at(60), 1]]);
});

Deno.test("SeriesRecorder writes names that the table can store, each key once", async () => {
  const { writes, series } = recorder();
  const named = (task: string) => {
    const { task: one, ...rest } = result();
    series.observe({ ...rest, task: { ...one!, task } } as DeliveryResult);
  };
  for (const name of ["a\0b", "a\u{fffd}b", "a\0b", "x".repeat(5000)]) named(name);
  await series.write();
  assertEquals(writes[0]?.map(({ task, succeeded }) => [task, succeeded]), [
    ["a\u{fffd}b", 3],
    ["x".repeat(255), 1],
  ]);
});

Deno.test("SeriesRecorder bounds its memory", async () => {
  const { writes, series } = recorder();
  for (let index = 0; index < 6000; index++) series.observe(result({ queue: `q${index}` }));
  await series.write();
  assertEquals(writes[0]?.length, 5000);
});

Deno.test("SeriesRecorder counts tasks without a contract under one name", async () => {
  const { writes, series } = recorder();
  for (let index = 0; index < 6000; index++) {
    const { task, ...rest } = result();
    series.observe({ ...rest, task: { ...task!, task: `unknown${index}` } } as DeliveryResult);
  }
  await series.write();
  assertEquals(writes[0]?.map(({ task, succeeded }) => [task, succeeded]), [["other", 6000]]);
});
