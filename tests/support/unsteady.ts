/** Test files that needed a second try, over the last runs on this machine.
 * @module
 */
import { dirname } from "node:path";

/** Runs that count. */
const RUNS = 10;
/** Second tries of one file in these runs that are too many. */
const TOO_MANY = 3;

/** For each run the files that needed a second try, oldest run first. */
type History = readonly (readonly string[])[];

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

/** The files that needed a second try in too many of the runs.
 *
 * @example
 * ```ts
 * import { tooUnsteady } from "./unsteady.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(tooUnsteady([["a"], ["a", "b"], [], ["a", "b"]]), ["a"]);
 * ```
 */
export function tooUnsteady(history: History): string[] {
  const files = new Set(history.flat());
  return [...files].filter((file) => {
    return history.filter((run) => run.includes(file)).length >= TOO_MANY;
  });
}

/** Adds a run to the history in a file, which it makes where there is none.
 *
 * @returns the files that are too unsteady */
export function recordRun(path: string, files: readonly string[]): string[] {
  const history = addRun(readHistory(path), files);
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, JSON.stringify(history) + "\n");
  return tooUnsteady(history);
}

function readHistory(path: string): History {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return [];
    throw error;
  }
}
