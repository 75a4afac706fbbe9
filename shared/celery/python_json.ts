/** Reads and writes Python's JSON without loss: bare `NaN` and `Infinity`, integers of any size, typed values. */
import { InvalidInput, Malformed } from "../errors.ts";
import { isUnwritable, unwritable } from "./plain_data.ts";
import { decodeTyped, mayBeTyped } from "./typed.ts";

/** Maximum nesting depth of arrays and objects. */
export const MAX_DEPTH = 512;

/** Maximum digits of an integer: Python's limit (`sys.int_info.default_max_str_digits`). */
const MAX_DIGITS = 4300;

/** Minimum digits of an integer that may exceed 2^53. */
const LONG = 16;

/** Placeholder for `NaN` in the parser's input: a number that does not occur in practice. */
const NAN_LITERAL = "0e-999999";

const INTEGER = /^-?\d+$/;
const BACKSLASH = 92;

/** Options of {@linkcode parseJson}. */
export interface ParseOptions {
  /** `decode` (default): typed values become text (see `typed.ts`). `keep`: they stay objects. */
  readonly typed?: "decode" | "keep";
  /** Maximum nesting depth. Default {@linkcode MAX_DEPTH}. */
  readonly depth?: number;
}

/** Reads JSON as leniently as Python's parser: `NaN`, `Infinity` and `-Infinity` become numbers, integers beyond 2^53 become bigint.
 *
 * @throws {Malformed} when the text is not JSON, is nested deeper than `depth`, or contains an integer of more than 4,300
 * digits or a typed value of an unknown type
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
export function parseJson(
  text: string,
  { typed = "decode", depth = MAX_DEPTH }: ParseOptions = {},
): unknown {
  const { long, bare } = scan(text, depth);
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

/** Finds tokens outside of strings that `JSON.parse` alone would read wrongly, in one pass. */
function scan(text: string, maxDepth: number): { long: boolean; bare: number[] | undefined } {
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
    digits = character === 46 ? -Infinity : 0; // ignores the digits of a fraction
    switch (character) {
      case 34: // "
        index = endOfString(text, index);
        break;
      case 91: // [
      case 123: // {
        if (++depth > maxDepth) {
          throw new Malformed(
            `Cannot read JSON because it is nested deeper than ${maxDepth}: flatten it`,
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

/** Index of the closing quote of the string that starts at `start`; the length of the text if there is none. */
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
    // The spaces separate the number from adjacent characters.
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
      `Cannot read JSON because it contains an integer of ${source.length} digits: send at most ${MAX_DIGITS}`,
    );
  }
  return BigInt(source);
}

/** Writes JSON that Python and Postgres can read. bigint becomes an integer, numbers beyond 2^53 become floats (`1e+20`), `Uint8Array`
 * becomes base64, `Date` becomes ISO 8601 with `Z`. NaN, infinities and a top-level `undefined` become `null`; lone surrogates become
 * U+FFFD. NUL stays escaped (`\u0000`): columns of type `json` and `text` can store it.
 *
 * @throws {InvalidInput} when JSON would lose a value (a `Map`, a `Set`, a class instance without `toJSON`, a function, a symbol, a
 * promise), when the value is circular or nested deeper than {@linkcode MAX_DEPTH}, when a `toJSON` throws, or when an object has exactly
 * the keys `__type__` and `__value__` and is not typed JSON, because Python would refuse the whole text
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
  text = withoutSurrogates(text);
  if (mayBeTyped(text)) refuseUntyped(text);
  return text;
}

/** A value without parts. Integers are safe. */
export type Scalar = string | number | boolean | Date | null | undefined;

/** Writes a list of objects of scalars as {@linkcode stringifyJson} does, without its walks. */
export function stringifyScalars(list: readonly Readonly<Record<string, Scalar>>[]): string {
  return withoutSurrogates(JSON.stringify(list));
}

/** Replaces escapes of lone surrogates, the only ones that `JSON.stringify` writes. */
function withoutSurrogates(text: string): string {
  return text.includes("\\ud") ? text.replace(/\\(?:u(d[89a-f][0-9a-f]{2})|.)/g, wellFormed) : text;
}

/** Aborts the walk at a value that cannot be written. */
class Unwritable {
  constructor(readonly part: unknown) {}
}

/** Whether `JSON.stringify` alone would write some part wrongly. */
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
  // `this` holds the original value: Buffer has a `toJSON`, which is called before the replacer.
  const original = (this as Record<string, unknown>)[key];
  return original instanceof Uint8Array ? original.toBase64() : value;
}

/** A float that would be written like an integer, with more digits than its precision. */
function isBigFloat(value: number): boolean {
  return Number.isInteger(value) && !Number.isSafeInteger(value);
}

/** Writes a number with the given digits. TypeScript has no type for `JSON.rawJSON` yet. */
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
      "Cannot write JSON because an object with exactly the keys '__type__' and '__value__' is typed JSON in Python, and its type is unknown: rename a key",
      undefined,
      { cause },
    );
  }
}
