/** Compares the rows of docs/reference/celery.md with the tests that passed with real Celery. */
import { columns } from "../../cli/terminal/columns.ts";
import { cases } from "./report.ts";

/** A column: a stack of `celery_stacks.ts` on the RabbitMQ of a suite. */
const PLACES = [
  { head: "5.2.7", stack: "c52", release: "5.2.7", suite: "interop" },
  { head: "5.7.0", stack: "c57", release: "5.7.0", suite: "interop" },
  {
    head: "5.7.0, RabbitMQ 4.3",
    stack: "c57",
    release: "5.7.0",
    suite: "interop-rabbitmq-4.3",
  },
] as const;

/** A feature or a pitfall, and its tests. */
interface Claim {
  readonly what: string;
  readonly files: readonly string[];
}

/** Returns a line per table row that names a test with real Celery: `yes` if all of its tests passed, `NO` if one
 * did not, `-` if none ran. The name of a test contains its stack; a row that ends with a release applies to that release only.
 *
 * @param document text of docs/reference/celery.md
 * @param reports JUnit reports by suite name; if a test is reported twice, the later result counts
 *
 * @example
 * ```ts
 * import { celeryTable } from "./celery_table.ts";
 * import { assertMatch } from "@std/assert";
 *
 * const document = "| retry | tests/interop/a_test.ts |";
 * const interop = `<testcase name="a (c52)" classname="./tests/interop/a_test.ts"></testcase>`;
 * assertMatch(celeryTable(document, new Map([["interop", interop]])), /^retry +yes +- +-$/m);
 * ```
 */
export function celeryTable(document: string, reports: ReadonlyMap<string, string>): string {
  const rows = claimsOf(document).map(({ what, files }) => [
    what,
    ...PLACES.map(({ stack, release, suite }) => {
      const [, only = release] = /\((5\.\d\.\d)\)$/.exec(what) ?? [];
      if (only !== release) return "-";
      const shown = cases(reports.get(suite) ?? "").filter(({ file, name }) =>
        files.includes(file.replace(/^\.\//, "")) && name.includes(stack)
      );
      const passed = new Map(
        shown.map(({ file, name, message }) => [file + name, message === undefined]),
      );
      if (passed.size === 0) return "-";
      return [...passed.values()].every(Boolean) ? "yes" : "NO";
    }),
  ]);
  return columns(["with real Celery", ...PLACES.map(({ head }) => head)], rows);
}

function claimsOf(document: string): Claim[] {
  return document.split("\n").filter((line) => line.startsWith("| ")).flatMap((line) => {
    const [what = "", ...cells] = line.slice(1, -1).split(" | ").map((cell) => cell.trim());
    const files = cells.join(" ").match(/tests\/interop\/[\w/]+_test\.ts/g) ?? [];
    return files.length === 0 ? [] : [{ what, files }];
  });
}
