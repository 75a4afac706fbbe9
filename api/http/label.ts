/** The format of ids and names. */
import { z } from "zod";

/** Whether a text has 1 to 255 characters without control characters. Postgres rejects NUL.
 *
 * @example
 * ```ts
 * import { isLabel } from "./label.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(["a b", "\u{1f33f}", "", "a\nb"].map(isLabel), [true, true, false, false]);
 * ```
 */
export function isLabel(text: string): boolean {
  return /^\P{Cc}{1,255}$/u.test(text);
}

/** The schema of `cursor` in lists that are ordered by a name. */
export const nameCursor = z.string().max(200).refine(
  (text) => !text.includes("\0"),
  "expected `next` of a page",
).describe("`next` of the previous page");

/** The schema. OpenAPI shows only the length: generators of test values cannot handle the pattern. */
export const label = z.string().min(1).max(255).refine(
  isLabel,
  "expected 1 to 255 characters without control characters",
);
