/** Quotes words for commands to paste into a shell. */

/** Quotes a word with single quotes for a POSIX shell.
 *
 * @example
 * ```ts
 * import { shellQuote } from "./shell_quote.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(shellQuote("it's"), `'it'\\''s'`);
 * ```
 */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
