/** What the table of series must do. One suite, run against each database. */
import { assertEquals } from "@std/assert";
import type { Database } from "../../shared/database/database.ts";
import { BUCKETS } from "../../shared/series/histogram.ts";
import { DepthStore } from "../../shared/series/depth_store.ts";
import { type SeriesEntry, SeriesStore } from "../../shared/series/series_store.ts";

const MINUTE_MS = 60_000;
const SPAN_MS = 20 * MINUTE_MS;

/** Counts of a minute: `succeeded` runs of a second each. */
function entry(at: Date, task: string, succeeded: number): SeriesEntry {
  const counts = new Array<number>(BUCKETS).fill(0);
  counts[3] = succeeded;
  return {
    at,
    task,
    queue: "q\0",
    succeeded,
    failed: 1,
    retried: 0,
    rejected: 0,
    revoked: 0,
    runs: { counts, sum: succeeded },
    waits: { counts: [], sum: 0 },
  };
}

/** Registers the suite.
 *
 * @param name of the implementation
 * @param open creates a migrated database */
export function testSeriesStore(
  name: string,
  open: () => Promise<{ readonly database: Database } & AsyncDisposable>,
): void {
  Deno.test(`${name}: series are added up by minute, task and queue, read by step, and expire`, async () => {
    await using fixture = await open();
    const { database } = fixture;
    const store = new SeriesStore({ database });
    const now = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
    const first = new Date(now - 10 * MINUTE_MS);
    const second = new Date(now - 9 * MINUTE_MS);
    const old = new Date(now - 100 * 60 * MINUTE_MS);
    await store.add([]);
    await store.add([entry(first, "a", 1), entry(first, "b", 2), entry(old, "a", 4)]);
    await store.add([entry(second, "a", 8), entry(first, "a", 16)]);

    const range = { since: first, until: new Date(now) };
    const minutes = await store.read({ ...range, step: 60 }, 10);
    assertEquals(minutes.map(({ at, task, succeeded, failed }) => [at, task, succeeded, failed]), [
      [first, "a", 17, 2],
      [first, "b", 2, 1],
      [second, "a", 8, 1],
    ]);
    assertEquals([minutes[0]?.runs.counts[3], minutes[0]?.runs.sum], [17, 17]);
    assertEquals([minutes[0]?.waits.counts, minutes[0]?.queue], [[], "q\uFFFD"]);

    const [both, ...others] = await store.read({ ...range, step: 300, task: "a" }, 10);
    assertEquals(others, []);
    assertEquals([both?.at, both?.succeeded, both?.runs.counts[3]], [first, 25, 25]);
    assertEquals((await store.read({ ...range, step: 60 }, 2)).length, 2);
    const [all, ...later] = await store.read({
      ...range,
      step: 300,
      addUp: { tasks: true, queues: true },
    }, 10);
    assertEquals([all?.task, all?.queue, all?.succeeded, all?.runs.counts[3], later], [
      "",
      "",
      27,
      27,
      [],
    ]);

    // Whole spans of 20 minutes come from another table, and have the same sums.
    const spans = {
      since: new Date(Math.floor(now / SPAN_MS - 1) * SPAN_MS),
      until: new Date(now + SPAN_MS),
    };
    for (const step of [2400, 2460]) {
      const sums = await store.read({ ...spans, step }, 10);
      assertEquals(
        sums.map(({ task, succeeded, runs }) => [task, succeeded, runs.counts[3], runs.sum]),
        [
          ["a", 25, 25, 25],
          ["b", 2, 2, 2],
        ],
        `${step}`,
      );
    }
    assertEquals(await store.read({ ...range, step: 60, queue: "other" }, 2), []);

    const [expired] = await database.query<{ deleted: number }>(
      "select celeriac.expire_series(interval '72 hours', 100) as deleted",
    );
    assertEquals(expired?.deleted, 1);
  });

  Deno.test(`${name}: depths are kept once a minute, read by their greatest per step, and expire`, async () => {
    await using fixture = await open();
    const { database } = fixture;
    const store = new DepthStore({ database });
    await store.add(new Map());
    assertEquals(await store.recentQueues(10), []);
    await database.query(
      `insert into celeriac.queue_depth (minute, queue, ready) values
        (date_trunc('minute', now()) - interval '2 minutes', 'a', 5),
        (date_trunc('minute', now()) - interval '1 minute', 'a', 7),
        (date_trunc('minute', now()) - interval '100 hours', 'old', 1)`,
    );
    await store.add(new Map([["a", 3], ["b", 0]]));
    await store.add(new Map([["b", 9]]));
    await new SeriesStore({ database }).add([entry(new Date(), "a", 1)]);
    assertEquals(await store.recentQueues(10), ["a", "b", "q\uFFFD"]);
    assertEquals(await store.recentQueues(1), ["a"]);

    const since = new Date(Math.floor(Date.now() / 3_600_000 - 1) * 3_600_000);
    const range = { since, until: new Date(since.getTime() + 3 * 3_600_000) };
    const whole = await store.read({ ...range, step: 3 * 3600 }, 10);
    assertEquals(whole, [{ at: since, queue: "a", ready: 7 }, { at: since, queue: "b", ready: 0 }]);
    const minutes = await store.read({ ...range, step: 60, queue: "a" }, 10);
    assertEquals(minutes.map(({ ready }) => ready), [5, 7, 3]);
    assertEquals((await store.read({ ...range, step: 60 }, 1)).length, 1);

    const [expired] = await database.query<{ deleted: number }>(
      "select celeriac.expire_queue_depths(interval '72 hours', 100) as deleted",
    );
    assertEquals(expired?.deleted, 1);
  });
}
