/** Indents JSON for people without parsing it: numbers keep all their digits.
 * @module
 */

/** Deeper levels are indented like this one: otherwise deep JSON would become far longer. */
const DEPTH_MAX = 20;

/** Strings, of which the last may be cut off, and everything between them. */
const TOKEN = /"(?:[^"\\]|\\.)*"?|[[\]{},:]|[^\s"[\]{},:]+/g;

/** Indents JSON text, or its beginning, by two spaces.
 *
 * @example
 * ```ts
 * import { indented } from "./indent.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(indented('{"id":12345678901234567890}'), '{\n  "id": 12345678901234567890\n}');
 * assertEquals(indented('[ ]'), "[]");
 * ```
 */
export function indented(json: string): string {
  let depth = 0;
  let text = "";
  const line = () => `\n${"  ".repeat(Math.min(depth, DEPTH_MAX))}`;
  const tokens = json.match(TOKEN) ?? [];
  for (const [index, token] of tokens.entries()) {
    const next = tokens[index + 1];
    switch (token) {
      case "[":
      case "{":
        depth++;
        text += token;
        if (next !== "]" && next !== "}") text += line();
        break;
      case "]":
      case "}": {
        depth--;
        const before = tokens[index - 1];
        text += before === "[" || before === "{" ? token : line() + token;
        break;
      }
      case ",":
        text += token + line();
        break;
      case ":":
        text += ": ";
        break;
      default:
        text += token;
    }
  }
  return text;
}
