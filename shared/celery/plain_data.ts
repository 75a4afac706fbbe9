/** Detects values that JSON would drop silently: maps, class instances, functions, promises that were not awaited. */
import { InvalidInput } from "../errors.ts";

/** Whether a value cannot be written as JSON without loss.
 *
 * Plain objects, arrays, `Uint8Array` and values with a `toJSON()` (`Date`, `URL`, `Temporal`) can be written. */
export function isUnwritable(value: unknown): boolean {
  if (typeof value === "function" || typeof value === "symbol") return true;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  if (value instanceof Uint8Array) return false;
  const prototype = Object.getPrototypeOf(value);
  // `Object.prototype` of any realm: objects of other realms are plain, too.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return false;
  return !("toJSON" in value);
}

/** The error for a value with a part that cannot be written.
 *
 * @example
 * ```ts
 * import { unwritable } from "./plain_data.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const tags = new Set(["a"]);
 * assertEquals(
 *   unwritable({ rows: [{ tags }] }, tags).message,
 *   "Cannot write 'rows.0.tags' as JSON because it is a Set: give an array, such as [...set]",
 * );
 * ```
 */
export function unwritable(whole: unknown, part: unknown): InvalidInput {
  const path = pathTo(whole, part) ?? [];
  const subject = path.length > 0 ? `'${path.join(".")}'` : "the value";
  const [what, remedy] = describe(part);
  return new InvalidInput(`Cannot write ${subject} as JSON because it is ${what}: ${remedy}`);
}

function describe(value: unknown): [what: string, remedy: string] {
  if (typeof value === "function") return ["a function", "give data"];
  if (typeof value === "symbol") return ["a symbol", "give a string"];
  if (value instanceof Map) return ["a Map", "give an object, such as Object.fromEntries(map)"];
  if (value instanceof Set) return ["a Set", "give an array, such as [...set]"];
  if (value instanceof Error) return ["an error", "throw it, or give its message"];
  if (typeof (value as { then?: unknown }).then === "function") {
    return ["a promise, or a query, that was not awaited", "await it"];
  }
  if (ArrayBuffer.isView(value)) return ["binary data", "give Array.from(it), or a Uint8Array"];
  const name = (value as object).constructor?.name || "class";
  return [`an instance of ${name}`, "give a plain object, such as { ...it }, or add toJSON()"];
}

function pathTo(whole: unknown, part: unknown): string[] | undefined {
  if (whole === part) return [];
  if (typeof whole !== "object" || whole === null || isUnwritable(whole) || "toJSON" in whole) {
    return undefined;
  }
  for (const [key, value] of Object.entries(whole)) {
    const path = pathTo(value, part);
    if (path) return [key, ...path];
  }
  return undefined;
}
