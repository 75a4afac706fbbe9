/** Finds the closest known word, for "did you mean". */

/** Minimum length of a prefix that suggests the longer word. */
const SHORTENED = 3;

/** The candidate closest to a word, or `undefined` if none is close (a third of its letters may differ, at least two).
 *
 * @example
 * ```ts
 * import { closest } from "./closest.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(closest("prot", ["port", "host"]), "port");
 * assertEquals(closest("warn", ["warning", "error"]), "warning");
 * assertEquals(closest("zebra", ["port", "host"]), undefined);
 * ```
 */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  const given = word.slice(0, 100);
  for (const candidate of candidates) {
    if (given.length >= SHORTENED && candidate.startsWith(given)) return candidate;
    // The difference of the lengths is a lower bound: it avoids most comparisons among thousands of candidates.
    if (Math.abs(candidate.length - given.length) >= bestDistance) continue;
    const distance = editDistance(given, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** The Levenshtein distance: the number of inserted, deleted and substituted characters between two words. */
function editDistance(from: string, to: string): number {
  // Distances from the first letters of `from` to the first letters of `to`; one row at a time.
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of from.split("").entries()) {
    const next = [index + 1];
    for (let column = 0; column < to.length; column++) {
      const substitution = row[column]! + (to[column] === letter ? 0 : 1);
      next.push(Math.min(substitution, row[column + 1]! + 1, next[column]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
