/** Patterns of task and queue names: `*` matches any text.
 * @module
 */

/** A predicate for names that match one of some patterns.
 *
 * @example
 * ```ts
 * import { matcher } from "./pattern.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const matches = matcher(["orders.*", "ping"]);
 * assertEquals(["orders.confirm", "ping", "pings"].map(matches), [true, true, false]);
 * ```
 */
export function matcher(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.includes("*")) return () => true;
  const split = patterns.map((pattern) => pattern.split("*"));
  return (name) => split.some((parts) => hasParts(name, parts));
}

/** Whether a name consists of some parts with any text between them. A regular expression with many `.*` could take hours.
 *
 * Takes each part at its first place, because a later one leaves less text for the parts after it. */
function hasParts(name: string, [first = "", ...others]: readonly string[]): boolean {
  const last = others.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let end = first.length;
  for (const part of others) {
    const start = name.indexOf(part, end);
    if (start < 0) return false;
    end = start + part.length;
  }
  return name.length - end >= last.length && name.endsWith(last);
}

/** Whether every name that `narrow` matches is also matched by `wide`.
 *
 * Each narrow pattern must be inside one wide pattern. The answer may be `false` for patterns that only together
 * contain it, never `true` for one that is not contained.
 *
 * @example
 * ```ts
 * import { arePatternsWithin } from "./pattern.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(arePatternsWithin(["orders.mail.*"], ["orders.*"]), true);
 * assertEquals(arePatternsWithin(["*"], ["orders.*"]), false);
 * ```
 */
export function arePatternsWithin(narrow: readonly string[], wide: readonly string[]): boolean {
  // A `*` of the narrow pattern is a character here, which only a `*` of the wide pattern matches.
  const matches = matcher(wide);
  return narrow.every(matches);
}
