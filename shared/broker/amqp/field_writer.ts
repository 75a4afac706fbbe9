/** Encodes AMQP field tables, the wire format of headers. */
import { Buffer } from "node:buffer";
import type { Headers, HeaderValue } from "../message.ts";
import { amqpSeconds, checkInteger, checkNumber } from "../headers.ts";

const INT32 = 2 ** 31;

/** Strings up to this length are written by a loop, which is faster than a native call. */
const SHORT = 64;

/** Headers that this module encodes instead of amqplib.
 *
 * py-amqp up to 5.3.1 reads tag `s` as a string, and `b` and `l` as unsigned; one message with such a header stops every worker of its
 * queue. Integers are therefore written as `I`, or beyond 32 bits as `l`. Negative integers beyond 32 bits are doubles, exact to 2^53.
 * Other numbers are doubles; `undefined` is omitted; a Date is a timestamp in whole seconds.
 *
 * @example
 * ```ts
 * import { Buffer } from "node:buffer";
 * import { FieldTable } from "./field_writer.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const buffer = Buffer.alloc(64);
 * const length = new FieldTable({ retries: 200 }).write(buffer, 0);
 * assertEquals(buffer.toString("latin1", 4, length), "\x07retriesI\0\0\0\xc8");
 * ```
 */
export class FieldTable {
  readonly #headers: Headers;

  constructor(headers: Headers) {
    this.#headers = headers;
  }

  /** Writes length and fields; returns the number of bytes written.
   *
   * @param size maximum number of bytes. Default: up to the buffer's end
   * @throws {InvalidInput} for a value that AMQP cannot represent (headers.ts)
   * @throws {RangeError} when they need more bytes */
  write(buffer: Buffer, offset: number, size: number = buffer.length - offset): number {
    return new FieldWriter(buffer, offset, size).table(this.#headers, "");
  }
}

class FieldWriter {
  readonly #buffer: Buffer;
  readonly #size: number;
  readonly #end: number;
  #offset: number;

  constructor(buffer: Buffer, offset: number, size: number) {
    this.#buffer = buffer;
    this.#offset = offset;
    this.#size = size;
    this.#end = offset + size;
  }

  table(headers: Headers, prefix: string): number {
    const start = this.#reserve(4);
    for (const name of Object.keys(headers)) {
      const value = headers[name];
      if (value === undefined) continue;
      const length = this.#reserve(1);
      const size = this.#text(name);
      if (size > 255) throw new RangeError(`The name of header '${prefix}${name}' is too long`);
      this.#buffer[length] = size;
      this.#value(value, prefix, name);
    }
    return this.#close(start);
  }

  #value(value: HeaderValue, prefix: string, name: string): void {
    switch (typeof value) {
      case "string":
        return this.#longText(value);
      case "boolean":
        this.#tag(0x74); // t
        this.#buffer[this.#reserve(1)] = value ? 1 : 0;
        return;
      case "number":
        return this.#number(checkNumber(value, prefix + name));
      case "bigint":
        return this.#integer(checkInteger(value, prefix + name));
    }
    if (value === null) return this.#tag(0x56); // V
    if (Array.isArray(value)) return this.#array(value, prefix + name);
    if (value instanceof Date) {
      this.#tag(0x54); // T
      const seconds = BigInt(amqpSeconds(value, prefix + name));
      this.#buffer.writeBigUInt64BE(seconds, this.#reserve(8));
    } else if (value instanceof Uint8Array) {
      this.#tag(0x78); // x
      this.#buffer.writeUInt32BE(value.length, this.#reserve(4));
      this.#buffer.set(value, this.#reserve(value.length));
    } else {
      this.#tag(0x46); // F
      this.table(value, `${prefix}${name}.`);
    }
  }

  #array(values: readonly HeaderValue[], path: string): void {
    this.#tag(0x41); // A
    const start = this.#reserve(4);
    for (let index = 0; index < values.length; index++) {
      this.#value(values[index] ?? null, path, `[${index}]`);
    }
    this.#close(start);
  }

  #integer(value: number | bigint): void {
    if (typeof value === "number") return this.#number(value);
    this.#tag(0x6c); // l
    this.#buffer.writeBigInt64BE(value, this.#reserve(8));
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || value < -INT32) {
      this.#tag(0x64); // d
      this.#buffer.writeDoubleBE(value, this.#reserve(8));
    } else if (value < INT32) {
      this.#tag(0x49); // I
      this.#buffer.writeInt32BE(value, this.#reserve(4));
    } else this.#integer(BigInt(value));
  }

  #longText(text: string): void {
    this.#tag(0x53); // S
    const start = this.#reserve(4);
    this.#text(text);
    this.#close(start);
  }

  /** Writes UTF-8; returns the number of bytes written. */
  #text(text: string): number {
    const start = this.#offset;
    if (text.length <= SHORT && this.#ascii(text)) return text.length;
    this.#offset = start;
    const size = Buffer.byteLength(text);
    this.#buffer.write(text, this.#reserve(size), "utf8");
    return size;
  }

  /** Writes ASCII text. Returns `false` for other text; the caller then overwrites the bytes. */
  #ascii(text: string): boolean {
    const at = this.#reserve(text.length);
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return false;
      this.#buffer[at + index] = code;
    }
    return true;
  }

  #tag(tag: number): void {
    this.#buffer[this.#reserve(1)] = tag;
  }

  /** Writes the length reserved at `start`; returns it plus its own four bytes. */
  #close(start: number): number {
    this.#buffer.writeUInt32BE(this.#offset - start - 4, start);
    return this.#offset - start;
  }

  #reserve(size: number): number {
    const at = this.#offset;
    if (at + size > this.#end) {
      throw new RangeError(`Headers take more than the ${this.#size} bytes allowed`);
    }
    this.#offset = at + size;
    return at;
  }
}
