/** Test files that needed a second try, over the last runs.
 * @module
 */
import { dirname } from "node:path";

/** Runs that count. */
const RUNS = 10;
/** Second tries of one file in these runs that fail a run. */
const TOO_MANY = 3;

/** For each run the files that needed a second try, oldest run first. */
type History = readonly (readonly string[])[];

/** How often a file needed a second try. */
export interface Count {
  readonly file: string;
  readonly tries: number;
  /** Whether it was too often. */
  readonly failed: boolean;
}

/** The runs that count, and how often each file needed a second try in them. */
export interface Unsteadiness {
  readonly runs: number;
  /** Most often first; files that needed none are absent. */
  readonly counts: readonly Count[];
}

/** Adds a run to a history, which keeps the last ten.
 *
 * @example
 * ```ts
 * import { addRun } from "./unsteady.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const history = addRun(addRun([["a_test.ts"]], []), ["a_test.ts", "b_test.ts"]);
 * assertEquals(history.length, 3);
 * ```
 */
export function addRun(history: History, files: readonly string[]): History {
  return [...history, [...new Set(files)]].slice(-RUNS);
}

/** Counts the second tries of each file.
 *
 * @example
 * ```ts
 * import { countTries } from "./unsteady.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(countTries([["a"], ["a", "b"], [], ["b", "a"]]), {
 *   runs: 4,
 *   counts: [{ file: "a", tries: 3, failed: true }, { file: "b", tries: 2, failed: false }],
 * });
 * ```
 */
export function countTries(history: History): Unsteadiness {
  const counts = [...new Set(history.flat())].map((file) => {
    const tries = history.filter((run) => run.includes(file)).length;
    return { file, tries, failed: tries >= TOO_MANY };
  });
  return { runs: history.length, counts: counts.sort((a, b) => b.tries - a.tries) };
}

/** Adds a run to the history in a file, which it makes where there is none.
 *
 * A history that cannot be read starts anew. */
export function recordRun(path: string, files: readonly string[]): Unsteadiness {
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
