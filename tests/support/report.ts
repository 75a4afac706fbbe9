/** Summarizes the JUnit reports of the test runner.
 *
 *     deno run -A tests/support/report.ts FOLDER [--budget=NAME=SECONDS]... [--history=FILE] [FAILED STEP...]
 *
 * As a program it prints the failures, the duration and budget of each suite, and one line for
 * all reports of a folder. It exits with 1 unless at least one test passed and none failed. Steps that
 * failed without a report count as one failure each. So does a file that was flaky in
 * three of the last ten runs of the history.
 *
 * A report `NAME.again.xml` belongs to the second run of the files that failed in `NAME.xml`. Tests
 * that passed there count as passed and are listed as flaky.
 * @module
 */
import { parseArgs } from "node:util";
import { compareBudgets, parseBudgets, readDurations } from "./durations.ts";
import { type FlakyTests, recordRun } from "./flaky.ts";

/** Number of tests by outcome; a step counts as a test. */
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

/** A failed test. */
export interface Failure {
  readonly file: string;
  readonly name: string;
  /** The failure message, cut to 2,000 characters. */
  readonly message: string;
}

/** Returns the failed tests in order.
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

/** Combines two runs of a suite.
 *
 * @param again the report of the second run of the failed files */
export function settled(first: string, again: string): {
  readonly tally: Tally;
  readonly failed: readonly Failure[];
  /** Failed in the first run, passed in the second. */
  readonly flaky: readonly Failure[];
} {
  const key = ({ file, name }: { file: string; name: string }) => `${file}\n${name}`;
  const passed = new Set(cases(again).filter(({ message }) => message === undefined).map(key));
  const told = failures(first);
  const flaky = told.filter((failure) => passed.has(key(failure)));
  const failed = told.filter((failure) => !passed.has(key(failure)));
  const counted = tally(first);
  return {
    tally: {
      ...counted,
      passed: counted.passed + flaky.length,
      failed: counted.failed - flaky.length,
    },
    failed,
    flaky,
  };
}

/** Returns the files in a report of `deno test`, in its notation (`./tests/a_test.ts`). */
export function reportedFiles(xml: string): string[] {
  return opening(xml, "testsuite").map((tag) => / name="([^"]*)"/.exec(tag)?.[1] ?? "");
}

/** Creates a report for tests that failed without one.
 *
 * @param message the reason. Default: a crash */
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

/** The last line of a run. */
export function lineOf({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Whether at least one test passed and none failed. */
export function isGood({ passed, failed }: Tally): boolean {
  return passed > 0 && failed === 0;
}

/** Returns every test and step of a report. */
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

/** Updates the history. A history that cannot be written fails no test. */
function recorded(history: string, files: readonly string[]): FlakyTests {
  try {
    return recordRun(history, files);
  } catch (error) {
    console.log(`\nWARNING: Cannot keep the history of flaky tests in ${history}: ${error}`);
    return { runs: 0, counts: [] };
  }
}

/** Prints the number of second attempts.
 *
 * @returns number of files that exceeded the limit */
function printTries({ runs, counts }: FlakyTests): number {
  if (counts.length > 0) {
    console.log(`\nSecond attempts in the last ${runs} of at most 10 runs:`);
  }
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
  for (const { failed, flaky } of results) {
    print("FLAKY, passed only on the second attempt", flaky);
    print("FAILED", failed);
  }
  const flaky = results.flatMap(({ flaky }) => flaky.map(({ file }) => file));
  const tooFlaky = history ? printTries(recorded(history, flaky)) : 0;
  const { table, warnings } = compareBudgets(readDurations(folder), parseBudgets(budget));
  console.log(`\n${[table, ...warnings].join("\n")}`);
  const told = sum(results.map(({ tally }) => tally));
  const total = { ...told, failed: (told.failed || steps.length) + tooFlaky };
  console.log(`\n${lineOf(total)}`);
  Deno.exit(isGood(total) ? 0 : 1);
}
