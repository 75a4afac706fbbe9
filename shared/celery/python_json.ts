/** JSON as Python writes it, read and written without loss: bare `NaN` and `Infinity`, integers of any size, typed values. */
import { InvalidInput, Malformed } from "../errors.ts";
import { isUnwritable, unwritable } from "./plain_data.ts";
import { decodeTyped, mayBeTyped } from "./typed.ts";

/** Arrays and objects within one another that are still read and written. */
export const MAX_DEPTH = 512;

/** Digits of an integer that are still read: Python's own limit (`sys.int_info.default_max_str_digits`). */
const MAX_DIGITS = 4300;

/** Digits from which an integer may be beyond 2^53. */
const LONG = 16;

/** A number that nobody writes, put in the place of `NaN` for the parser. */
const NAN_LITERAL = "0e-999999";

const INTEGER = /^-?\d+$/;
const BACKSLASH = 92;

/** How to read. */
export interface ParseOptions {
  /** `decode` (default): typed values become text, as `typed.ts` says; `keep`: they stay objects. */
  readonly typed?: "decode" | "keep";
}

/** Reads JSON, tolerant as Python's parser is: `NaN`, `Infinity` and `-Infinity` become those numbers,
 * integers beyond 2^53 become bigint.
 *
 * @throws {Malformed} when it is no JSON, nested deeper than {@linkcode MAX_DEPTH}, holds an integer
 * of more than 4,300 digits or a typed value of unknown type
 *
 * @example
 * ```ts
 * import { parseJson, stringifyJson } from "./python_json.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseJson("[1152921504606846976, Infinity]"), [1152921504606846976n, Infinity]);
 * assertEquals(stringifyJson({ id: 2n ** 60n }), '{"id":1152921504606846976}');
 * ```
 */
export function parseJson(text: string, { typed = "decode" }: ParseOptions = {}): unknown {
  const { long, bare } = scan(text);
  let value: unknown;
  try {
    if (bare) value = JSON.parse(withoutBareWords(text, bare), revive);
    else value = long ? JSON.parse(text, revive) : JSON.parse(text);
  } catch (cause) {
    if (cause instanceof Malformed) throw cause;
    const reason = cause instanceof Error ? cause.message : "it cannot be parsed";
    throw new Malformed(`Cannot read JSON because ${reason}: send valid JSON`, undefined, {
      cause,
    });
  }
  return typed === "decode" && mayBeTyped(text) ? decodeTyped(value) : value;
}

/** Looks at a text outside its strings for what `JSON.parse` alone would get wrong, in one quick pass. */
function scan(text: string): { long: boolean; bare: number[] | undefined } {
  let long = false;
  let bare: number[] | undefined;
  let depth = 0;
  let digits = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    if (character >= 48 && character <= 57) { // 0 to 9
      if (++digits === LONG) long = true;
      continue;
    }
    digits = character === 46 ? -Infinity : 0; // the digits of a fraction do not count
    switch (character) {
      case 34: // "
        index = endOfString(text, index);
        break;
      case 91: // [
      case 123: // {
        if (++depth > MAX_DEPTH) {
          throw new Malformed(
            `Cannot read JSON because it is nested deeper than ${MAX_DEPTH}: flatten it`,
          );
        }
        break;
      case 93: // ]
      case 125: // }
        depth--;
        break;
      case 73: // I
        if (text.startsWith("Infinity", index)) (bare ??= []).push(index);
        break;
      case 78: // N
        if (text.startsWith("NaN", index) && text[index - 1] !== "-") {
          (bare ??= []).push(index);
          index += 2;
        }
    }
  }
  return { long, bare };
}

/** Index of the quote that ends the string that begins at `start`; the end of the text when none does. */
function endOfString(text: string, start: number): number {
  let end = start;
  while (true) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}

function withoutBareWords(text: string, positions: number[]): string {
  const parts: string[] = [];
  let from = 0;
  for (const position of positions) {
    const infinite = text[position] === "I";
    // The spaces keep the number from growing together with what stands beside it.
    const space = text[position - 1] === "-" ? "" : " ";
    parts.push(text.slice(from, position), space, infinite ? "1e999 " : `${NAN_LITERAL} `);
    from = position + (infinite ? "Infinity" : "NaN").length;
  }
  parts.push(text.slice(from));
  return parts.join("");
}

function revive(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value) && value !== 0) return value;
  const source = context?.source ?? "";
  if (source === NAN_LITERAL) return NaN;
  if (Number.isSafeInteger(value) || !INTEGER.test(source)) return value;
  if (source.length > MAX_DIGITS) {
    throw new Malformed(
      `Cannot read JSON because it holds an integer of ${source.length} digits: at most ${MAX_DIGITS} are read`,
    );
  }
  return BigInt(source);
}

/** Writes JSON that Python and Postgres read: bigint as an integer, numbers beyond 2^53 as the floats that
 * they are (`1e+20`), `Uint8Array` as base64, Date as ISO 8601 with `Z`, NaN and infinities as `null`, lone surrogates as U+FFFD, `undefined` at the top as
 * `null`. NUL stays escaped (`\u0000`), which columns of type `json` and `text` hold.
 *
 * @throws {InvalidInput} when it holds what JSON would lose (a `Map`, a `Set`, a class instance without `toJSON`, a function, a symbol, a
 * promise), when it is circular or nested deeper than {@linkcode MAX_DEPTH}, when a
 * `toJSON` throws, or when an object has just the keys `__type__` and `__value__` and is not typed
 * JSON: Python would refuse the whole text
 */
export function stringifyJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = needsReplacing(value, 0) ? JSON.stringify(value, replace) : JSON.stringify(value);
  } catch (cause) {
    if (cause instanceof Unwritable) throw unwritable(value, cause.part);
    if (cause instanceof InvalidInput) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidInput(`Cannot write JSON because ${reason}: give plain data`, undefined, {
      cause,
    });
  }
  if (text === undefined) return "null";
  if (text.includes("\\ud")) text = text.replace(/\\(?:u(d[89a-f][0-9a-f]{2})|.)/g, wellFormed);
  if (mayBeTyped(text)) refuseUntyped(text);
  return text;
}

/** Stops the search at what cannot be written. */
class Unwritable {
  constructor(readonly part: unknown) {}
}

/** Whether a value holds what `JSON.stringify` alone would get wrong. */
function needsReplacing(value: unknown, depth: number): boolean {
  if (typeof value === "number") return isBigFloat(value);
  if (isUnwritable(value)) throw new Unwritable(value);
  if (typeof value !== "object" || value === null) return typeof value === "bigint";
  if (value instanceof Date) return false;
  if (value instanceof Uint8Array || "toJSON" in value) return true;
  if (depth === MAX_DEPTH) {
    throw new InvalidInput(
      `Cannot write JSON because it is circular or nested deeper than ${MAX_DEPTH}: flatten it`,
    );
  }
  let needed = false;
  if (Array.isArray(value)) {
    for (const item of value) if (needsReplacing(item, depth + 1)) needed = true;
  } else {
    for (const item of Object.values(value)) if (needsReplacing(item, depth + 1)) needed = true;
  }
  return needed;
}

function replace(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === "bigint") return raw(String(value));
  if (typeof value === "number") return isBigFloat(value) ? raw(value.toExponential()) : value;
  if (isUnwritable(value)) throw new Unwritable(value);
  // `this` holds the value as it was: Buffer has a `toJSON`, and the replacer is called after it.
  const original = (this as Record<string, unknown>)[key];
  return original instanceof Uint8Array ? original.toBase64() : value;
}

/** A number that would be written with the digits of an integer, and read as one, but is not that exact. */
function isBigFloat(value: number): boolean {
  return Number.isInteger(value) && !Number.isSafeInteger(value);
}

/** A number in the digits given. TypeScript does not know `JSON.rawJSON` yet. */
function raw(number: string): unknown {
  return (JSON as JSON & { rawJSON(text: string): unknown }).rawJSON(number);
}

function wellFormed(escape: string, surrogate: string | undefined): string {
  return surrogate ? "\ufffd" : escape;
}

function refuseUntyped(text: string): void {
  try {
    decodeTyped(JSON.parse(text));
  } catch (cause) {
    throw new InvalidInput(
      "Cannot write JSON because an object of just the keys '__type__' and '__value__' is typed JSON to Python, which does not know this one: rename a key",
      undefined,
      { cause },
    );
  }
}
