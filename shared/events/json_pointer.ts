/** JSON pointers (RFC 6901) into an event. */
import { InvalidInput } from "../errors.ts";

/** The names that a pointer consists of; none for the whole document.
 *
 * @throws {InvalidInput} when the text is no pointer
 *
 * @example
 * ```ts
 * import { parsePointer } from "./json_pointer.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parsePointer("/data/a~1b/0"), ["data", "a/b", "0"]);
 * assertEquals(parsePointer(""), []);
 * ```
 */
export function parsePointer(pointer: unknown): string[] {
  if (typeof pointer !== "string" || !/^(?:\/(?:[^~/]|~[01])*)*$/.test(pointer)) {
    throw new InvalidInput(
      `Cannot use '${pointer}' because it is no JSON pointer: write one, such as '/data/order', or '' for the whole event`,
      "args",
    );
  }
  return pointer.split("/").slice(1).map((name) =>
    name.replaceAll("~1", "/").replaceAll("~0", "~")
  );
}

/** The value that a pointer selects; `undefined` when there is none.
 *
 * @example
 * ```ts
 * import { resolvePointer } from "./json_pointer.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const event = { data: { items: [{ price: 3 }] } };
 * assertEquals(resolvePointer(event, "/data/items/0/price"), 3);
 * assertEquals(resolvePointer(event, "/data/items/length"), undefined);
 * ```
 */
export function resolvePointer(document: unknown, pointer: string): unknown {
  let value = document;
  for (const name of parsePointer(pointer)) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) {
      return undefined;
    }
    if (Array.isArray(value) && !/^(?:0|[1-9]\d*)$/.test(name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
