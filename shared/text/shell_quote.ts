/** Quoting for commands that a person pastes. */

/** Puts a word between single quotes of a POSIX shell.
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
