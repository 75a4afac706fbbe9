import { assertEquals, assertStringIncludes } from "@std/assert";
import { BUCKETS } from "../../../../shared/series/histogram.ts";
import type { SeriesEntry, SeriesQuery } from "../../../../shared/series/series_store.ts";
import type { DepthEntry } from "../../../../shared/series/depth_store.ts";
import { createFixture } from "../fixture.ts";

const NOW = new Date("2026-01-01T12:00:30Z");

function entry(at: string, succeeded: number): SeriesEntry {
  const none = { counts: Array(BUCKETS).fill(0), sum: 0 };
  const rest = { failed: 0, retried: 0, rejected: 0, revoked: 0, runs: none, waits: none };
  return { at: new Date(at), task: "add", queue: "celeriac.default", succeeded, ...rest };
}

async function chartsOf(
  query: string,
  entries: readonly SeriesEntry[],
  counted: readonly DepthEntry[] = [],
) {
  const asked: SeriesQuery[] = [];
  const read = (query: SeriesQuery) => {
    asked.push(query);
    return Promise.resolve([...entries]);
  };
  const depths = { read: () => Promise.resolve([...counted]) };
  const parts = { series: { store: { read }, depths }, clock: { now: () => NOW } };
  await using fixture = await createFixture({}, parts);
  const answer = await fixture.app.request(`/charts${query}`, { headers: { accept: "text/html" } });
  return { status: answer.status, text: await answer.text(), asked };
}

Deno.test("GET /charts shows a table of each step, with the sum of all tasks per minute", async () => {
  const at = "2026-01-01T11:55:00.000Z";
  const { text, asked } = await chartsOf("?range=6h&task=add", [entry(at, 10), entry(at, 5)]);
  assertEquals(asked, [{
    since: new Date("2026-01-01T06:05:00Z"),
    until: new Date("2026-01-01T12:05:00Z"),
    step: 300,
    task: "add",
    addUp: { tasks: true, queues: true },
  }]);
  const [table = ""] = /<tbody>.*?<\/tbody>/s.exec(text) ?? [];
  assertEquals(table.match(/<tr>/g)?.length, 72);
  const [row = ""] = new RegExp(`<tr><td>\\s*<time datetime="${at}".*?</tr>`, "s").exec(table) ??
    [];
  assertStringIncludes(row, '<td data-value="3">3</td>');
  assertEquals(text.match(/<figure class="chart">/g)?.length, 4);
});

Deno.test("GET /charts draws the depth of the five deepest queues, but not for one task", async () => {
  const at = new Date("2026-01-01T11:55:00.000Z");
  const depths = [1, 2, 3, 4, 5, 60].map((ready) => ({ at, queue: `queue-${ready}`, ready }));
  const { text } = await chartsOf("", [], depths);
  assertEquals(text.match(/<figure class="chart">/g)?.length, 5);
  const [legend = ""] = /Messages in the deepest queues.*?<\/ul>/s.exec(text) ?? [];
  assertEquals(legend.match(/queue-\d+/g), ["queue-60", ...[5, 4, 3, 2].map((n) => `queue-${n}`)]);
  assertStringIncludes(text, '<td data-value="60">60</td>');
  const one = await chartsOf("?task=add", [entry(at.toISOString(), 1)], depths);
  assertEquals(one.text.includes("deepest queues"), false);
});

Deno.test("GET /charts says that no task ended, and loads no script for it", async () => {
  const { status, text, asked } = await chartsOf("?range=century", []);
  assertEquals([status, asked[0]?.step], [200, 60]);
  assertStringIncludes(text, "No task ended in this time range.");
  assertEquals(text.includes("/assets/uplot"), false);
});

Deno.test("GET /charts refuses more points than it reads, because sums without them would be wrong", async () => {
  const one = entry("2026-01-01T11:55:00.000Z", 1);
  const { status, text } = await chartsOf("", Array(50_001).fill(one));
  assertEquals(status, 422);
  assertStringIncludes(text, "more than 50000 points of single tasks");
});
