/** Which rows of docs/reference/celery.md a run has shown with real Celery. */
import { columns } from "../../cli/terminal/columns.ts";
import { cases } from "./report.ts";

/** Where a row is shown: a stack of `celery_stacks.ts` on the RabbitMQ of a suite. */
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

/** A trap or a feature, and the tests that show it. */
interface Claim {
  readonly what: string;
  readonly files: readonly string[];
}

/** A line per row of the document's tables that names a test with real Celery: `yes` where all of its tests have passed, `NO` where one has
 * not, `-` where none ran. A test says in its name which stack it is of; a row that ends with a release is of that one only.
 *
 * @param document text of docs/reference/celery.md
 * @param reports JUnit reports by the name of their suite; of a test that is told twice the later counts
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
