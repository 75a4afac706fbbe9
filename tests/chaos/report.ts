/** The report of the fault matrix: JSON, a Markdown table, and the tables in docs/why/reliability.md.
 *
 *     deno run --allow-read --allow-write=docs tests/chaos/report.ts
 *
 * As a program it writes the results of the last run and of the soak into the tables of
 * docs/why/reliability.md. Rows without a new report remain.
 * @module
 */
import { type Observation, RECOVERY_LIMIT } from "./observation.ts";

const JSON_PATH = "report/chaos.json";
const TABLE_PATH = "report/chaos.md";
const PAGE = "docs/why/reliability.md";
const SOAK_PATH = "report/soak.json";

/** Renders the table. */
export function table(observations: readonly Observation[]): string {
  const rows = observations.map((seen) => [
    seen.fault,
    seen.broker,
    `${seen.recoveries.length}`,
    number(seen.accepted),
    number(seen.accepted - seen.lost),
    `${seen.lost}`,
    `${unlikePromised(seen)}`,
    `${seen.doubled}`,
    seconds(seen.longestPause),
    seconds(Math.max(...seen.recoveries)),
  ]);
  return markdown([
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
  ], rows);
}

/** Number of tasks that ended differently from the expectation. */
function unlikePromised({ failed, deadLetters, wrong, early }: Observation): number {
  return failed + deadLetters + wrong + early;
}

/** Renders the table of a soak: number of cycles that recovered in time. */
export function soakTable(observations: readonly Observation[]): string {
  const rows = observations.map((seen) => {
    const sorted = seen.recoveries.toSorted((one, other) => one - other);
    const inTime = sorted.filter((value) => value <= RECOVERY_LIMIT).length;
    return [
      seen.fault,
      seen.broker,
      `${inTime} of ${sorted.length}`,
      number(seen.accepted),
      `${seen.lost}`,
      `${unlikePromised(seen)}`,
      `${seen.doubled}`,
      seconds(sorted[Math.floor(sorted.length / 2)] ?? 0),
      seconds(sorted.at(-1) ?? 0),
    ];
  });
  return markdown([
    "fault",
    "RabbitMQ",
    `within ${RECOVERY_LIMIT} s`,
    "accepted",
    "lost",
    "failed",
    "doubled effects",
    "median recovery",
    "slowest recovery",
  ], rows);
}

/** Adds an observation to a report, or replaces the one of the same fault and release. A matrix may therefore run in parts. */
export async function report(seen: Observation, kind: "chaos" | "soak"): Promise<void> {
  const path = kind === "soak" ? SOAK_PATH : JSON_PATH;
  await Deno.mkdir("report", { recursive: true });
  // parts of a matrix may run at the same time
  using turn = await Deno.open(`${path}.lock`, { create: true, write: true });
  await turn.lock(true);
  const before = await observed(path) ?? [];
  const same = ({ fault, broker }: Observation) => fault === seen.fault && broker === seen.broker;
  const all = before.some(same) ? before.map((one) => same(one) ? seen : one) : [...before, seen];
  await Deno.writeTextFile(path, JSON.stringify(all, null, 2) + "\n");
  if (kind === "chaos") await Deno.writeTextFile(TABLE_PATH, table(all) + "\n");
}

async function observed(path: string): Promise<Observation[] | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => column < 2 ? "---" : "--:");
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Writes rows to a table of the page: replaces rows of the same fault and release, appends others. */
function written(page: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [before, after] = [page.indexOf(begin), page.indexOf(end)];
  if (before < 0 || after < before) {
    throw new Error(`Cannot write ${PAGE} because it lacks ${begin} and ${end}: add both`);
  }
  const start = before + begin.length;
  const [head = "", rule = "", ...rows] = content.split("\n");
  const had = page.slice(start, after).split("\n").filter((line) => line.startsWith("|")).slice(2);
  const all = new Map([...had, ...rows].map((row) => [measured(row), row]));
  return `${page.slice(0, start)}\n\n${[head, rule, ...all.values()].join("\n")}\n\n${
    page.slice(after)
  }`;
}

/** Key of a row: fault and release. */
function measured(row: string): string {
  return row.split("|").slice(1, 3).map((cell) => cell.trim()).join("|");
}

function number(value: number): string {
  return value.toLocaleString("en");
}

function seconds(value: number): string {
  return `${value.toFixed(1)} s`;
}

if (import.meta.main) {
  let page = await Deno.readTextFile(PAGE);
  const matrix = await observed(JSON_PATH);
  const soak = await observed(SOAK_PATH);
  if (!matrix && !soak) {
    throw new Error(`Cannot write ${PAGE} because there is no report: run deno task test:chaos`);
  }
  if (matrix) page = written(page, "matrix", table(matrix));
  if (soak) page = written(page, "soak", soakTable(soak));
  await Deno.writeTextFile(PAGE, page);
}
