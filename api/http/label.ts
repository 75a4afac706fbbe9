/** What an id or a name can be. */
import { z } from "zod";

/** Whether a text has 1 to 255 characters, none a control character: the database would refuse a NUL.
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

/** The schema. It shows its bounds only: programs that make values from JSON Schema choke on the pattern. */
export const label = z.string().min(1).max(255).refine(
  isLabel,
  "expected 1 to 255 characters, none a control character",
);
