/** Converts text to a form that Postgres can store. */

const REPLACEMENT = "\u{fffd}";

/** Replaces NUL and lone surrogates with U+FFFD, because Postgres cannot store them in `text`.
 *
 * @example
 * ```ts
 * import { sanitizeText } from "./sanitize_text.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(sanitizeText("a\0b\ud800"), "a\u{fffd}b\u{fffd}");
 * assertEquals(sanitizeText(null), null);
 * ```
 */
export function sanitizeText<Text extends string | null>(text: Text): Text {
  return text === null ? text : text.toWellFormed().replaceAll("\0", REPLACEMENT) as Text;
}

/** Maximum value of Postgres' `integer`. */
export const MAX_INTEGER = 2 ** 31 - 1;
