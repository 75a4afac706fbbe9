/** Typed JSON: how kombu 5.3 and later write values that JSON has no type for.
 *
 * They are objects with exactly two keys, `__type__` and `__value__` (kombu/utils/json.py). Contracts describe JSON, so each is converted
 * to the string format of JSON schemas:
 *
 * | `__type__` | becomes |
 * |---|---|
 * | `datetime` | ISO 8601 in UTC with `Z` (fits `z.iso.datetime()`); UTC if it has no offset |
 * | `date`, `time` | `2026-01-02`, `03:04:05.6` (fit `z.iso.date()`, `z.iso.time()`) |
 * | `decimal` | its digits, as text |
 * | `uuid` | lower case, with dashes |
 * | `bytes`, `base64` | base64 of the bytes (fits `z.base64()`) |
 * @module
 */
import { Malformed } from "../errors.ts";
import { isObject } from "./shape.ts";
import { fromIso } from "./time.ts";

const TIME = /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?([+-]\d\d:\d\d(:\d\d)?)?$/;
const DECIMAL = /^[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|infinity|s?nan\d*)$/i;
const HEX = /^[0-9a-f]{32}$/;

/** Whether a JSON text may contain typed values: a cheap test, so that most texts need no walk. */
export function mayBeTyped(text: string): boolean {
  return text.includes('"__type__"');
}

/** Replaces typed values, at any depth, by strings. Mutates `value`, which must be new parser output of bounded depth.
 *
 * @throws {Malformed} like kombu, when a type is unknown or a value does not match its type
 *
 * @example
 * ```ts
 * import { decodeTyped } from "./typed.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const when = { __type__: "datetime", __value__: "2026-01-02T03:04:05+01:00" };
 * assertEquals(decodeTyped({ when }), { when: "2026-01-02T02:04:05Z" });
 * ```
 */
export function decodeTyped(value: unknown): unknown {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) value[index] = decodeTyped(value[index]);
    return value;
  }
  if (!isObject(value)) return value;
  const keys = Object.keys(value);
  for (const key of keys) {
    const item = value[key];
    if (typeof item === "object" && item !== null) set(value, key, decodeTyped(item));
  }
  const typed = keys.length === 2 && keys.includes("__type__") && keys.includes("__value__");
  return typed ? textOf(value["__type__"], value["__value__"]) : value;
}

function textOf(type: unknown, value: unknown): string {
  if (type === "uuid") return uuid(isObject(value) ? value["hex"] : undefined);
  if (typeof value !== "string") throw malformed(type, value);
  switch (type) {
    case "datetime":
      return datetime(value);
    case "date":
      return datetime(value).slice(0, 10);
    case "time":
      if (!TIME.test(value)) throw malformed(type, value);
      return value;
    case "decimal":
      if (!DECIMAL.test(value)) throw malformed(type, value);
      return value;
    case "bytes":
      return new TextEncoder().encode(value).toBase64();
    case "base64":
      return base64(value);
    default:
      throw malformed(type, value);
  }
}

function datetime(value: string): string {
  const time = fromIso(value).toISOString().slice(0, "2026-01-02T03:04:05".length);
  const fraction = /[.,](\d+)/.exec(value)?.[1];
  return fraction ? `${time}.${fraction}Z` : `${time}Z`;
}

function uuid(hex: unknown): string {
  const digits = typeof hex === "string" ? hex.replaceAll("-", "").toLowerCase() : "";
  if (!HEX.test(digits)) throw malformed("uuid", hex);
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function base64(value: string): string {
  try {
    return Uint8Array.fromBase64(value).toBase64();
  } catch (cause) {
    throw malformed("base64", value, cause);
  }
}

function malformed(type: unknown, value: unknown, cause?: unknown): Malformed {
  const shown = `${JSON.stringify(value) ?? "nothing"}`.slice(0, 64);
  return new Malformed(
    `Cannot read typed JSON because ${shown} is not a value of type ${
      `${JSON.stringify(type)}`.slice(0, 64)
    }: send datetime, date, time, decimal, uuid, bytes or base64 as kombu writes them, or plain JSON`,
    undefined,
    { cause },
  );
}

/** Sets an own property of any name: plain assignment to `__proto__` would set the prototype. */
function set(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") Object.defineProperty(target, key, { value });
  else target[key] = value;
}
