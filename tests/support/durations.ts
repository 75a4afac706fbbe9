/** Compares the durations of suites with their budgets.
 * @module
 */
import { columns } from "../../cli/terminal/columns.ts";

const SUFFIX = ".seconds";

/** Writes a suite's duration to a file beside its report. */
export async function writeDuration(reports: string, name: string, seconds: number): Promise<void> {
  await Deno.mkdir(reports, { recursive: true });
  await Deno.writeTextFile(`${reports}/${name}${SUFFIX}`, `${Math.round(seconds)}\n`);
}

/** Reads the recorded durations, in seconds. */
export function readDurations(reports: string): Map<string, number> {
  const names = [...Deno.readDirSync(reports)].map(({ name }) => name);
  return new Map(
    names.filter((name) => name.endsWith(SUFFIX)).map((name) => [
      name.slice(0, -SUFFIX.length),
      Number(Deno.readTextFileSync(`${reports}/${name}`)),
    ]),
  );
}

/** Reads budgets from flags of the form `NAME=SECONDS`.
 *
 * @throws {TypeError} if a flag has another form */
export function parseBudgets(flags: readonly string[]): Map<string, number> {
  return new Map(flags.map((flag) => {
    const [, name, seconds] = /^([^=]+)=(\d+)$/.exec(flag) ?? [];
    if (!name) throw new TypeError(`Cannot read budget '${flag}': give NAME=SECONDS`);
    return [name, Number(seconds)];
  }));
}

/** Returns a table of durations and budgets in the order of the budgets, and a warning for each exceeded budget.
 *
 * @example
 * ```ts
 * import { compareBudgets } from "./durations.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { table, warnings } = compareBudgets(
 *   new Map([["chaos", 90], ["unit", 20]]),
 *   new Map([["unit", 30], ["chaos", 60]]),
 * );
 * assertEquals(table, "suite  took  budget\nunit   20 s  30 s\nchaos  90 s  60 s    OVER BUDGET");
 * assertEquals(warnings, ["WARNING: SUITE chaos TOOK 90 s, ITS BUDGET IS 60 s"]);
 * ```
 */
export function compareBudgets(
  durations: ReadonlyMap<string, number>,
  budgets: ReadonlyMap<string, number>,
): { readonly table: string; readonly warnings: readonly string[] } {
  const names = [...new Set([...budgets.keys(), ...durations.keys()])];
  const rows: string[][] = [];
  const warnings: string[] = [];
  for (const name of names) {
    const took = durations.get(name);
    const budget = budgets.get(name);
    const over = took !== undefined && budget !== undefined && took > budget;
    const cell = (seconds: number | undefined) => seconds === undefined ? "-" : `${seconds} s`;
    rows.push([name, cell(took), cell(budget), over ? "OVER BUDGET" : ""]);
    if (over) warnings.push(`WARNING: SUITE ${name} TOOK ${took} s, ITS BUDGET IS ${budget} s`);
  }
  return { table: columns(["suite", "took", "budget", ""], rows), warnings };
}
