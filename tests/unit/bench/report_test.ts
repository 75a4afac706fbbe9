/** The tables and the picture of a run. */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { type BenchDocument, withLaterRun } from "../../bench/kit/document.ts";
import { combineRounds, type RoundResult } from "../../bench/kit/figures.ts";
import { parseOptions } from "../../bench/kit/options.ts";
import { formatAmount } from "../../bench/report/amounts.ts";
import { figureTables } from "../../bench/report/figure_tables.ts";
import { replaceGenerated } from "../../bench/report/page.ts";
import { drawPicture } from "../../bench/report/picture.ts";
import { compareTargets } from "../../bench/report/targets.ts";

const MEASUREMENTS = [
  { name: "end-to-end", title: "End to end", method: "Batches over HTTP." },
  { name: "listing", title: "Listing", method: "One client." },
];

function rounds(system: string, throughput: number, cpu: number): RoundResult[] {
  return [0.9, 1, 1.1].map((factor) => ({
    measurement: "end-to-end",
    system,
    durability: `durable as ${system}`,
    samples: [
      { figure: "throughput", value: throughput * factor, unit: "tasks/s", better: "higher" },
      { figure: "CPU", value: cpu, unit: "s per 1,000 tasks", better: "lower" },
      { figure: "CPU of the worker", value: cpu / 2, unit: "s per 1,000 tasks", better: "lower" },
      { figure: "memory of the worker", value: 90, unit: "MiB", better: "lower" },
    ],
  }));
}

const listing: RoundResult = {
  measurement: "listing",
  system: "Celeriac, 1,000 records",
  durability: "fsynced",
  samples: [
    { figure: "rare name: p99", value: 1030, unit: "ms", better: "lower" },
    { figure: "no filter: p99", value: 4.2, unit: "ms", better: "lower" },
    { figure: "series of 72 hours: p99", value: 2000, unit: "ms", better: "lower" },
  ],
};

const figures = combineRounds([
  ...rounds("Celeriac", 7_206, 0.247),
  ...rounds("bare amqplib loop, same promises", 8_000, 0.16),
  ...rounds("BullMQ, everysec", 4_000, 0.205),
  ...rounds("pg-boss, notify", 8_000, 0.2),
  ...rounds("pg-boss, polling", 9_000, 0.2),
  ...rounds("Celery <slow>", 170, 11.3),
  listing,
]);

const run: BenchDocument = {
  version: 1,
  date: "2026-11-30T12:00:00.000Z",
  commit: "abc1234",
  machine: {
    cores: 2,
    processor: "Test CPU",
    memoryGibibytes: 4,
    kernel: "6.1",
    deno: "2.9.6",
    loadAverage: 0.1,
    fsyncMs: { p50: 0.8, p99: 2 },
  },
  releases: { postgres: "15.9", rabbitmq: "3.10.8" },
  peers: { bullmq: "6.7.0" },
  options: parseOptions([], []),
  rounds: 3,
  figures,
  failures: [{
    measurement: "end-to-end",
    system: "Celery, defaults",
    durability: "result fsynced",
    failed: 3,
    rounds: 3,
    reason: "TimeoutError: `no` broker",
  }, {
    measurement: "listing",
    system: "Celeriac, 1,000 records",
    durability: "fsynced",
    failed: 1,
    rounds: 3,
    reason: "no database",
  }],
};

Deno.test("figureTables() shows a row for each system, with ranges and durability", () => {
  const text = figureTables(run, MEASUREMENTS);
  assertMatch(
    text,
    /\| Celeriac +\| 7,206 \(6,485 to 7,927\) +\| 0\.247 +\| durable as Celeriac +\|/,
  );
  assertStringIncludes(text, "with fsync and full_page_writes on");
  assertStringIncludes(text, "bullmq 6.7.0");
  assertMatch(text, /by process:\n\n\| system +\| worker/);
  assert(!text.includes("memory of the worker"), "memory of parts is only in the document");
  assertMatch(text, /\| rare name: p99 +\| 1,030 ms +\|/);
});

Deno.test("figureTables() shows failed systems with their first error", () => {
  const text = figureTables(run, MEASUREMENTS);
  assertMatch(text, /\| Celery, defaults +\| failed +\| +\| result fsynced +\|/);
  assertStringIncludes(text, "**Celery, defaults failed in 3 of 3 rounds.** Its first error:");
  assertStringIncludes(text, "`TimeoutError: 'no' broker`");
  assertStringIncludes(text, "**Celeriac, 1,000 records failed in 1 of 3 rounds.**");
  const only = figureTables({ ...run, figures: [] }, MEASUREMENTS);
  assertMatch(only, /\| Celery, defaults +\| failed +\| result fsynced +\|/);
});

Deno.test("compareTargets() compares ratios within the run and leaves out missing figures", () => {
  const results = compareTargets(figures);
  assertEquals(
    results.map(({ what, reached, floor, met }) => [what, reached, floor, met]),
    [
      ["end to end, against BullMQ everysec", "1.80 x", "2.00 x", true],
      ["end to end, against pg-boss with outputs", "0.801 x", "0.889 x", false],
      ["end to end, CPU", "0.247 ms per task", "0.160 ms per task", false],
      ["lists, the slowest one, p99", "1,030 ms", undefined, false],
    ],
  );
});

Deno.test("withLaterRun() replaces the measurements of the later run, and says so", () => {
  const faster = combineRounds([{ ...listing, samples: [{ ...listing.samples[0]!, value: 12 }] }]);
  const later = { ...run, commit: "def5678", figures: faster, failures: [] };
  const both = withLaterRun(run, later);
  assertEquals(both.figures.filter(({ measurement }) => measurement === "listing"), faster);
  assertEquals(both.figures.length, figures.length - 3 + 1);
  assertEquals(both.failures.map(({ measurement }) => measurement), ["end-to-end"]);
  assertStringIncludes(
    figureTables(both, MEASUREMENTS),
    "Measured again at commit def5678: listing.",
  );
  const elsewhere = { ...later, machine: { ...run.machine, cores: 64 } };
  assertThrows(() => withLaterRun(run, elsewhere), Error, "because their machines differ");
});

Deno.test("drawPicture() draws each system once per panel, cuts long bars and escapes names", () => {
  const svg = drawPicture(run);
  assertEquals(svg.match(/<text class="system"/g)?.length, 12);
  assertEquals(svg.match(/<path class="cut"/g)?.length, 1, "CPU of Celery");
  assertEquals(svg.match(/<text class="durability"[^>]*>durable as /g)?.length, 12);
  assertStringIncludes(svg, "Celery &lt;slow&gt;");
  assertStringIncludes(svg, "prefers-color-scheme: dark");
  const widths = [...svg.matchAll(/<rect class="bar[^>]* width="([\d.]+)"/g)].map(([, width]) =>
    Number(width)
  );
  assert(widths.every((width) => width > 0 && width <= 560), widths.join());
  const opened = svg.match(/<(?!\/)(\w+)/g)?.length ?? 0;
  const closed = (svg.match(/<\/\w+>/g)?.length ?? 0) + (svg.match(/\/>/g)?.length ?? 0);
  assertEquals(opened, closed, "well-formed");
});

Deno.test("replaceGenerated() keeps the rest of the page", () => {
  const page = "# Title\n\n<!-- bench: generated -->\n\nold\n\n<!-- /bench -->\n\nend\n";
  assertEquals(
    replaceGenerated(page, "new"),
    "# Title\n\n<!-- bench: generated -->\n\nnew\n\n<!-- /bench -->\n\nend\n",
  );
  assertThrows(() => replaceGenerated("# Title", "new"), Error, "because the page lacks");
});

Deno.test("formatAmount() keeps three significant digits below 100", () => {
  assertEquals(
    [7206.4, 100, 10.84, 1.234, 0.2471, 0].map(formatAmount),
    ["7,206", "100", "10.8", "1.23", "0.247", "0"],
  );
  assertEquals(formatAmount(NaN), "?");
});
