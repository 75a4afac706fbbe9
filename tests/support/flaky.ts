/** Counts the test files that needed a second attempt in the last runs.
 * @module
 */
import { dirname } from "node:path";

/** Number of runs in the history. */
const RUNS = 10;
/** Second attempts of one file in these runs that fail a run. */
const TOO_MANY = 3;

/** For each run, oldest first, the files that needed a second attempt. */
type History = readonly (readonly string[])[];

/** Number of second attempts of a file. */
export interface Count {
  readonly file: string;
  readonly tries: number;
  /** Whether the number reached the limit. */
  readonly failed: boolean;
}

/** Number of runs, and of second attempts of each file. */
export interface FlakyTests {
  readonly runs: number;
  /** In descending order; files without a second attempt are absent. */
  readonly counts: readonly Count[];
}

/** Adds a run to a history of the last ten runs.
 *
 * @example
 * ```ts
 * import { addRun } from "./flaky.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const history = addRun(addRun([["a_test.ts"]], []), ["a_test.ts", "b_test.ts"]);
 * assertEquals(history.length, 3);
 * ```
 */
export function addRun(history: History, files: readonly string[]): History {
  return [...history, [...new Set(files)]].slice(-RUNS);
}

/** Counts the second attempts of each file.
 *
 * @example
 * ```ts
 * import { countTries } from "./flaky.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(countTries([["a"], ["a", "b"], [], ["b", "a"]]), {
 *   runs: 4,
 *   counts: [{ file: "a", tries: 3, failed: true }, { file: "b", tries: 2, failed: false }],
 * });
 * ```
 */
export function countTries(history: History): FlakyTests {
  const counts = [...new Set(history.flat())].map((file) => {
    const tries = history.filter((run) => run.includes(file)).length;
    return { file, tries, failed: tries >= TOO_MANY };
  });
  return { runs: history.length, counts: counts.sort((a, b) => b.tries - a.tries) };
}

/** Adds a run to the history in a file, and creates the file if it is missing.
 *
 * An unreadable history is replaced. */
export function recordRun(path: string, files: readonly string[]): FlakyTests {
  const history = addRun(readHistory(path), files);
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, JSON.stringify(history) + "\n");
  return countTries(history);
}

function readHistory(path: string): History {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return [];
    throw error;
  }
}
