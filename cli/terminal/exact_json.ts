/** JSON whose numbers keep the digits that they are written with. */

type Source = { readonly source?: string };

/** Parses JSON. A number that JavaScript would write differently, such as an integer above 2^53, becomes an object that
 * `JSON.stringify()` writes with its digits.
 *
 * @throws {SyntaxError} when the text is not JSON
 *
 * @example
 * ```ts
 * import { parseExactly } from "./exact_json.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const record = parseExactly('{"result": [9007199254740993, 1.50, 3]}');
 * assertEquals(JSON.stringify(record), '{"result":[9007199254740993,1.50,3]}');
 * ```
 */
export function parseExactly(text: string): unknown {
  const keep = (_name: string, value: unknown, { source }: Source): unknown =>
    typeof value !== "number" || source === undefined || JSON.stringify(value) === source
      ? value
      : raw(source);
  return JSON.parse(text, keep as (name: string, value: unknown) => unknown);
}

/** TypeScript has no type for `JSON.rawJSON` yet. */
function raw(number: string): unknown {
  return (JSON as JSON & { rawJSON(text: string): unknown }).rawJSON(number);
}
