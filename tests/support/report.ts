/** Adds up the JUnit reports that the test runner wrote.
 *
 *     deno run -A tests/support/report.ts FOLDER [--budget=NAME=SECONDS]... [--history=FILE] [FAILED STEP...]
 *
 * As a program it prints what failed, how long each suite took beside its budget, and one line for
 * all reports of a folder. It exits with 1 unless something passed and nothing failed. Steps that
 * failed without a report that says so count as one each, and so does a file that was unsteady in
 * three of the last ten runs of the history.
 *
 * A report `NAME.again.xml` tells of a second run of the files that failed in `NAME.xml`. What
 * passed there counts as passed and is named as unsteady.
 * @module
 */
import { parseArgs } from "node:util";
import { compareBudgets, parseBudgets, readDurations } from "./durations.ts";
import { recordRun, type Unsteadiness } from "./unsteady.ts";

/** How many tests ended how; a step of a test counts as a test. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts one JUnit report.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tally } from "./report.ts";
 *
 * const xml = `<testsuites tests="3" failures="1" errors="0">
 *   <testsuite name="./a_test.ts" tests="3" disabled="1" errors="0" failures="1"></testsuite>
 * </testsuites>`;
 * assertEquals(tally(xml), { passed: 1, failed: 1, skipped: 1 });
 * ```
 */
export function tally(xml: string): Tally {
  return sum(
    opening(xml, "testsuite").map((tag) => {
      const failed = attribute(tag, "failures") + attribute(tag, "errors");
      const skipped = attribute(tag, "disabled");
      return { passed: attribute(tag, "tests") - failed - skipped, failed, skipped };
    }),
  );
}

/** A test that did not pass. */
export interface Failure {
  readonly file: string;
  readonly name: string;
  /** What the test said, cut to 2,000 characters. */
  readonly message: string;
}

/** The tests that failed, in order.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { failures } from "./report.ts";
 *
 * const xml = `<testcase name="a &lt; b" classname="./a_test.ts" time="0.1">
 *   <failure message="no">Error: no</failure>
 * </testcase>`;
 * assertEquals(failures(xml), [{ file: "./a_test.ts", name: "a < b", message: "no" }]);
 * ```
 */
export function failures(xml: string): Failure[] {
  return cases(xml).flatMap(({ message, ...test }) =>
    message === undefined ? [] : { ...test, message }
  );
}

/** What two runs of a suite come to.
 *
 * @param again the report of the second run, of the files that failed in the first */
export function settled(first: string, again: string): {
  readonly tally: Tally;
  readonly failed: readonly Failure[];
  /** Failed first, passed then. */
  readonly unsteady: readonly Failure[];
} {
  const key = ({ file, name }: { file: string; name: string }) => `${file}\n${name}`;
  const passed = new Set(cases(again).filter(({ message }) => message === undefined).map(key));
  const told = failures(first);
  const unsteady = told.filter((failure) => passed.has(key(failure)));
  const failed = told.filter((failure) => !passed.has(key(failure)));
  const counted = tally(first);
  return {
    tally: {
      ...counted,
      passed: counted.passed + unsteady.length,
      failed: counted.failed - unsteady.length,
    },
    failed,
    unsteady,
  };
}

/** The files that a report of `deno test` tells of, as it writes them (`./tests/a_test.ts`). */
export function reportedFiles(xml: string): string[] {
  return opening(xml, "testsuite").map((tag) => / name="([^"]*)"/.exec(tag)?.[1] ?? "");
}

/** A report of tests that failed without leaving one.
 *
 * @param message the reason. Default: that they died */
export function failureReport(suite: string, tests: readonly string[], message = "died"): string {
  const cases = tests.map((name) =>
    `<testcase name="${escaped(name)}" classname="${escaped(suite)}"><error message="${
      escaped(message)
    }"/></testcase>`
  );
  const counts = `tests="${tests.length}" failures="0" errors="${tests.length}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="${escaped(suite)}" ${counts}>
<testsuite name="${escaped(suite)}" ${counts} disabled="0">
${cases.join("\n")}
</testsuite>
</testsuites>
`;
}

export function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce((total, one) => ({
    passed: total.passed + one.passed,
    failed: total.failed + one.failed,
    skipped: total.skipped + one.skipped,
  }), { passed: 0, failed: 0, skipped: 0 });
}

/** The line that ends a run. */
export function lineOf({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** A run is good when something passed and nothing failed. */
export function isGood({ passed, failed }: Tally): boolean {
  return passed > 0 && failed === 0;
}

/** Every test and step that a report tells of. */
export function cases(xml: string): { file: string; name: string; message?: string }[] {
  const all = xml.matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g);
  return [...all].map(([, attributes = "", inside = ""]) => {
    const [, name = ""] = /(?:^| )name="([^"]*)"/.exec(attributes) ?? [];
    const [, file = ""] = / classname="([^"]*)"/.exec(attributes) ?? [];
    const wrong = /<(?:failure|error) message="([^"]*)"/.exec(inside);
    const message = wrong ? { message: unescaped(wrong[1] ?? "").slice(0, 2_000) } : {};
    return { file: unescaped(file), name: unescaped(name), ...message };
  });
}

function opening(xml: string, element: string): string[] {
  return xml.match(new RegExp(`<${element} [^>]*>`, "g")) ?? [];
}

function attribute(tag: string, name: string): number {
  return Number(new RegExp(` ${name}="(\\d+)"`).exec(tag)?.[1] ?? 0);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

function unescaped(text: string): string {
  const characters: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'" };
  return text
    .replaceAll(/&(lt|gt|quot|apos);/g, (_, name) => characters[name] ?? "")
    .replaceAll(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replaceAll("&amp;", "&");
}

function print(title: string, all: readonly Failure[]): void {
  for (const { file, name, message } of all) {
    console.log(`\n${title}: ${name} (${file})\n${message.replaceAll(/^/gm, "    ")}`);
  }
}

/** A history that cannot be kept is no failure of the tests. */
function recorded(history: string, files: readonly string[]): Unsteadiness {
  try {
    return recordRun(history, files);
  } catch (error) {
    console.log(`\nWARNING: Cannot keep the history of unsteady tests in ${history}: ${error}`);
    return { runs: 0, counts: [] };
  }
}

/** Prints the tally of second tries.
 *
 * @returns how many files needed too many */
function printTries({ runs, counts }: Unsteadiness): number {
  if (counts.length > 0) console.log(`\nSecond tries in the last ${runs} runs, of 10 that count:`);
  for (const { file, tries, failed } of counts) {
    console.log(`${failed ? "FAILED: " : ""}${file}: ${tries}`);
  }
  return counts.filter(({ failed }) => failed).length;
}

if (import.meta.main) {
  const { values: { budget, history }, positionals: [folder = "report", ...steps] } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      budget: { type: "string", multiple: true, default: [] },
      history: { type: "string" },
    },
  });
  const read = (name: string) => {
    try {
      return Deno.readTextFileSync(`${folder}/${name}`);
    } catch {
      return "";
    }
  };
  const results = [...Deno.readDirSync(folder)]
    .filter(({ name }) => name.endsWith(".xml") && !name.endsWith(".again.xml"))
    .map(({ name }) => settled(read(name), read(name.replace(/xml$/, "again.xml"))));
  for (const { failed, unsteady } of results) {
    print("UNSTEADY, passed only the second time", unsteady);
    print("FAILED", failed);
  }
  const unsteady = results.flatMap(({ unsteady }) => unsteady.map(({ file }) => file));
  const tooUnsteady = history ? printTries(recorded(history, unsteady)) : 0;
  const { table, warnings } = compareBudgets(readDurations(folder), parseBudgets(budget));
  console.log(`\n${[table, ...warnings].join("\n")}`);
  const told = sum(results.map(({ tally }) => tally));
  const total = { ...told, failed: (told.failed || steps.length) + tooUnsteady };
  console.log(`\n${lineOf(total)}`);
  Deno.exit(isGood(total) ? 0 : 1);
}
