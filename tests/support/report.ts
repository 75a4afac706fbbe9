/** Adds up the JUnit reports that the test runner wrote.
 *
 *     deno run --allow-read=report tests/support/report.ts FOLDER [FAILED STEP...]
 *
 * As a program it prints one line for all reports of a folder and exits with 1 unless something
 * passed and nothing failed. Steps that failed without a report that says so count as one each.
 * @module
 */

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

/** The files that a report of `deno test` tells of, as it writes them (`./tests/a_test.ts`). */
export function reportedFiles(xml: string): string[] {
  return opening(xml, "testsuite").map((tag) => / name="([^"]*)"/.exec(tag)?.[1] ?? "");
}

/** A report of something that failed without leaving a report. */
export function failureReport(suite: string, failures: readonly string[]): string {
  const cases = failures.map((name) =>
    `<testcase name="${escaped(name)}" classname="${
      escaped(suite)
    }"><error message="died"/></testcase>`
  );
  const counts = `tests="${failures.length}" failures="0" errors="${failures.length}"`;
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

function opening(xml: string, element: string): string[] {
  return xml.match(new RegExp(`<${element} [^>]*>`, "g")) ?? [];
}

function attribute(tag: string, name: string): number {
  return Number(new RegExp(` ${name}="(\\d+)"`).exec(tag)?.[1] ?? 0);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

if (import.meta.main) {
  const [folder = "report", ...steps] = Deno.args;
  const reports = [...Deno.readDirSync(folder)].filter((entry) => entry.name.endsWith(".xml"));
  const told = sum(
    reports.map((entry) => tally(Deno.readTextFileSync(`${folder}/${entry.name}`))),
  );
  const total = { ...told, failed: told.failed || steps.length };
  console.log(lineOf(total));
  Deno.exit(isGood(total) ? 0 : 1);
}
