/** "Did you mean": the nearest of the known words. */
import { levenshteinDistance } from "@std/text";

/** Letters of a word that may stand for the longer word that it begins. */
const SHORTENED = 3;

/** The candidate nearest to a word, or `undefined` when none is near (a third of its letters may differ, at least two).
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
    // Two words differ by the difference of their lengths at least: there may be thousands of candidates.
    if (Math.abs(candidate.length - given.length) >= bestDistance) continue;
    const distance = levenshteinDistance(given, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}
