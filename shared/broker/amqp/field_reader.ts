/** Decodes AMQP field tables, the wire format of headers. */
import { Buffer } from "node:buffer";
import type { HeaderValue } from "../message.ts";
import { readText } from "./text_reader.ts";

/** Maximum nesting of tables and arrays; deeper ones are decoded as empty. */
const MAX_DEPTH = 64;

/** Decodes the fields of a table, without its length prefix: integers beyond 2^53 as bigint, timestamps as Date.
 *
 * Supports the tags of RabbitMQ's errata to AMQP 0-9-1 (section 3, "Field types"), and `L` (signed, 64 bits) and `U` (signed, 16 bits)
 * of the specification (4.2.1). On invalid bytes it skips the rest of the innermost table.
 *
 * @example
 * ```ts
 * import { decodeFields } from "./field_reader.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decodeFields(new Uint8Array([1, 0x78, 0x4c, 0, 0, 1, 0, 0, 0, 0, 0])), { x: 2 ** 40 });
 * ```
 */
export function decodeFields(bytes: Uint8Array): Record<string, HeaderValue> {
  return new FieldReader(bytes).table(bytes.length, 0);
}

class FieldReader {
  readonly #bytes: Buffer;
  #view: DataView | undefined;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  table(end: number, depth: number): Record<string, HeaderValue> {
    const fields: Record<string, HeaderValue> = {};
    while (this.#offset < end) {
      const name = this.#text(this.#length(1, end));
      const value = this.#offset < end ? this.#value(end, depth) : undefined;
      if (value === undefined) break;
      if (name === "__proto__") define(fields, name, value);
      else fields[name] = value;
    }
    this.#offset = end;
    return fields;
  }

  #array(end: number, depth: number): HeaderValue[] {
    const values: HeaderValue[] = [];
    while (this.#offset < end) {
      const value = this.#value(end, depth);
      if (value === undefined) break;
      values.push(value);
    }
    this.#offset = end;
    return values;
  }

  /** `undefined` for an unknown tag or when bytes are missing. */
  #value(end: number, depth: number): HeaderValue | undefined {
    const tag = this.#bytes[this.#offset++]!;
    const size = SIZES[tag];
    if (size !== undefined) {
      const at = this.#offset;
      if (at + size > end) return undefined;
      this.#offset += size;
      return this.#fixed(tag, at);
    }
    if (!PREFIXED.has(tag) || this.#offset + 4 > end) return undefined;
    const length = this.#length(4, end);
    const until = this.#offset + length;
    if (tag === 0x53) return this.#text(length);
    if (tag === 0x78) {
      this.#offset = until;
      return new Uint8Array(this.#bytes.subarray(until - length, until));
    }
    if (depth >= MAX_DEPTH) {
      this.#offset = until;
      return tag === 0x41 ? [] : {};
    }
    return tag === 0x41 ? this.#array(until, depth + 1) : this.table(until, depth + 1);
  }

  #fixed(tag: number, at: number): HeaderValue | undefined {
    switch (tag) { // without a view, which would be allocated for each table
      case 0x56: // V
        return null;
      case 0x49: // I
        return this.#uint32(at) | 0;
      case 0x74: // t
        return this.#bytes[at] !== 0;
    }
    const view = this.#view ??= new DataView(
      this.#bytes.buffer,
      this.#bytes.byteOffset,
      this.#bytes.byteLength,
    );
    switch (tag) {
      case 0x62: // b
        return view.getInt8(at);
      case 0x42: // B
        return view.getUint8(at);
      case 0x73: // s
      case 0x55: // U
        return view.getInt16(at);
      case 0x75: // u
        return view.getUint16(at);
      case 0x69: // i
        return view.getUint32(at);
      case 0x6c: // l
      case 0x4c: // L
        return plain(view.getBigInt64(at));
      case 0x66: // f
        return view.getFloat32(at);
      case 0x64: // d
        return view.getFloat64(at);
      case 0x44: // D
        return view.getUint32(at + 1) / 10 ** view.getUint8(at);
      case 0x54: // T
        return timestamp(view.getBigUint64(at));
    }
  }

  #length(size: 1 | 4, end: number): number {
    const length = size === 1 ? this.#bytes[this.#offset]! : this.#uint32(this.#offset);
    this.#offset += size;
    return Math.max(0, Math.min(length, end - this.#offset));
  }

  #text(length: number): string {
    const from = this.#offset;
    this.#offset += length;
    return readText(this.#bytes, from, this.#offset);
  }

  #uint32(at: number): number {
    const bytes = this.#bytes;
    return bytes[at]! * 2 ** 24 + (bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!);
  }
}

/** Defines `__proto__` as a property, because an assignment would change the prototype. Of duplicate names the last value counts. */
function define(fields: Record<string, HeaderValue>, name: string, value: HeaderValue): void {
  Object.defineProperty(fields, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** Size in bytes of the value, by tag, for tags of fixed size. */
const SIZES: readonly (number | undefined)[] = Object.entries(
  { t: 1, b: 1, B: 1, s: 2, U: 2, u: 2, I: 4, i: 4, l: 8, L: 8, f: 4, d: 8, D: 5, T: 8, V: 0 },
).reduce<(number | undefined)[]>(
  (sizes, [tag, size]) => sizes.with(tag.charCodeAt(0), size),
  new Array(256).fill(undefined),
);

/** `S`, `x`, `A`, `F`: four bytes of length, then the value. */
const PREFIXED: ReadonlySet<number> = new Set([0x53, 0x78, 0x41, 0x46]);

function plain(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function timestamp(seconds: bigint): Date | number | bigint {
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? plain(seconds) : date;
}
