import { assertEquals, assertStringIncludes } from "@std/assert";
import { bucketOf, BUCKETS } from "../../../shared/series/histogram.ts";
import type { SeriesEntry, SeriesQuery } from "../../../shared/series/series_store.ts";
import { createFixture } from "./fixture.ts";
import { bearer, keyedFixture, testKey } from "./access/keys.ts";

const NOW = new Date("2030-01-02T03:04:05Z");
const clock = { now: () => NOW };

function entry(changes: Partial<SeriesEntry> = {}): SeriesEntry {
  const counts = new Array<number>(BUCKETS).fill(0);
  counts[bucketOf(0.2)] = 4;
  return {
    at: new Date("2030-01-02T03:03:00Z"),
    task: "add",
    queue: "celeriac.default",
    succeeded: 3,
    failed: 1,
    retried: 0,
    rejected: 0,
    revoked: 0,
    runs: { counts, sum: 0.8 },
    waits: { counts: [], sum: 0 },
    ...changes,
  };
}

function seriesOf(entries: readonly SeriesEntry[]) {
  const queries: SeriesQuery[] = [];
  const read = (query: SeriesQuery) => {
    queries.push(query);
    return Promise.resolve([...entries]);
  };
  const at = new Date("2030-01-02T03:03:00Z");
  const counted = [{ at, queue: "celeriac.text", ready: 7 }, { at, queue: "other", ready: 1 }];
  const depths = { read: () => Promise.resolve(counted) };
  return { queries, series: { store: { read }, depths } };
}

Deno.test("GET /v1/series sums entries, and splits them by task or queue", async () => {
  const entries = [entry(), entry({ task: "ping" }), entry({ queue: "celeriac.text" })];
  const { queries, series } = seriesOf(entries);
  await using fixture = await createFixture({}, { series, clock });
  const get = async (query: string) => {
    const answer = await fixture.app.request(`/v1/series${query}`);
    return await answer.json();
  };
  const all = await get("?buckets=true");
  assertEquals([all.since, all.until, all.step], [
    "2030-01-02T02:04:00.000Z",
    "2030-01-02T03:04:05.000Z",
    60,
  ]);
  assertEquals(all.series.length, 1);
  const [point] = all.series[0].points;
  assertEquals([point.at, point.succeeded, point.failed], ["2030-01-02T03:03:00.000Z", 9, 3]);
  assertEquals([point.run.count, point.run.p50, point.run.buckets.length], [12, 0.175, BUCKETS]);
  assertEquals([point.wait.count, point.wait.mean, point.wait.p99], [0, null, null]);

  const byTask = await get("?by=task&step=300&since=2030-01-02T01:02:03Z");
  const summary = byTask.series.map((
    { task, queue, points }: {
      task: string;
      queue: string | null;
      points: { succeeded: number }[];
    },
  ) => [task, queue, points[0]?.succeeded]);
  assertEquals(summary, [["add", null, 6], ["ping", null, 3]]);
  assertEquals(byTask.since, "2030-01-02T01:00:00.000Z");
  assertEquals((await get("?by=queue")).series.length, 2);
  await get("?task=add&queue=q&since=2029-01-01T00:00:00Z");
  const { since, step, ...named } = queries.at(-1)!;
  assertEquals([named.task, named.queue, step], ["add", "q", 2400]);
  assertEquals(since >= new Date(NOW.getTime() - 73 * 3_600_000), true);
});

Deno.test("GET /v1/series refuses ranges and steps that it cannot show", async () => {
  const { series } = seriesOf(Array.from({ length: 50_001 }, () => entry()));
  await using fixture = await createFixture({}, { series, clock });
  const cases: [query: string, text: string][] = [
    ["?step=61", "step"],
    ["?step=30", "step"],
    ["?step=60&since=2029-12-31T00:00:00Z", "at most 1440 points"],
    ["?since=2030-01-02T03:05:00Z", "a time before"],
    ["?by=worker", "by"],
    ["?from=2030-01-02T03:05:00Z", "from"],
    ["", "choose a longer step"],
  ];
  for (const [query, text] of cases) {
    const answer = await fixture.app.request(`/v1/series${query}`);
    assertEquals(answer.status, 422, query);
    assertStringIncludes((await answer.json()).detail, text);
  }
});

Deno.test("GET /v1/series counts only tasks that the key's patterns match", async () => {
  const { series } = seriesOf([entry(), entry({ task: "ping", succeeded: 5 })]);
  const key = testKey({ scopes: ["tasks:read"], tasks: ["ping"] });
  await using fixture = await keyedFixture([key], { series, clock });
  const answer = await fixture.app.request("/v1/series", { headers: bearer(key.token) });
  assertEquals((await answer.json()).series[0].points[0].succeeded, 5);
});

Deno.test("GET /v1/queue-depths returns the points of each queue that the key's patterns match", async () => {
  const { series } = seriesOf([]);
  const key = testKey({ scopes: ["tasks:read"], queues: ["celeriac.*"] });
  await using fixture = await keyedFixture([key], { series, clock });
  const get = (query: string) =>
    fixture.app.request(`/v1/queue-depths${query}`, { headers: bearer(key.token) });
  assertEquals(await (await get("?step=300")).json(), {
    since: "2030-01-02T02:00:00.000Z",
    until: "2030-01-02T03:04:05.000Z",
    step: 300,
    queues: [{ queue: "celeriac.text", points: [{ at: "2030-01-02T03:03:00.000Z", ready: 7 }] }],
  });
  assertEquals((await get("?task=add")).status, 422);
});
