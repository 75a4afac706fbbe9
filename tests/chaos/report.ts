/** The matrix' report: JSON for machines, a table for people, and the table in docs/reliability.md.
 *
 *     deno run --allow-read --allow-write=docs tests/chaos/report.ts
 *
 * As a program it writes the last run's table into docs/reliability.md.
 * @module
 */
import type { Observation } from "./observation.ts";

const JSON_PATH = "report/chaos.json";
const TABLE_PATH = "report/chaos.md";
const PAGE = "docs/reliability.md";
const BEGIN = "<!-- matrix -->";
const END = "<!-- /matrix -->";

/** Renders the table.
 *
 * @example
 * ```ts
 * import { table } from "./report.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(table([]).split("\n").length, 2);
 * ```
 */
export function table(observations: readonly Observation[]): string {
  const rows = observations.map((seen) => [
    seen.fault,
    seen.broker,
    `${seen.recoveries.length}`,
    number(seen.accepted),
    number(seen.final),
    `${seen.lost}`,
    `${seen.failed + seen.deadLetters}`,
    `${seen.doubled}`,
    seconds(seen.longestPause),
    seconds(Math.max(...seen.recoveries)),
  ]);
  const head = [
    "fault",
    "RabbitMQ",
    "times",
    "accepted",
    "final",
    "lost",
    "failed",
    "doubled effects",
    "longest pause",
    "slowest recovery",
  ];
  const rule = head.map((_, column) => column < 2 ? "---" : "--:");
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Adds an observation to the report of this run. */
export async function report(observations: readonly Observation[]): Promise<void> {
  await Deno.mkdir("report", { recursive: true });
  await Deno.writeTextFile(JSON_PATH, JSON.stringify(observations, null, 2) + "\n");
  await Deno.writeTextFile(TABLE_PATH, table(observations) + "\n");
}

function number(value: number): string {
  return value.toLocaleString("en");
}

function seconds(value: number): string {
  return `${value.toFixed(1)} s`;
}

if (import.meta.main) {
  const observations: Observation[] = JSON.parse(await Deno.readTextFile(JSON_PATH));
  const page = await Deno.readTextFile(PAGE);
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before < 0 || after < before) {
    throw new Error(`Cannot write ${PAGE}: it lacks ${BEGIN} and ${END}`);
  }
  const head = page.slice(0, before + BEGIN.length);
  await Deno.writeTextFile(PAGE, `${head}\n\n${table(observations)}\n\n${page.slice(after)}`);
}
