/** Decodes the two frames before the body of each message: `basic.deliver` and the properties. amqplib's decoders make a native call for
 * each text. */
import type { Buffer } from "node:buffer";
import type { MessageProperties } from "amqplib";
import { decodeFields } from "./field_reader.ts";
import { readText } from "./text_reader.ts";

/** Fields of `basic.deliver`. */
export interface DeliverFields {
  readonly consumerTag: string;
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
}

/** Decodes the arguments of `basic.deliver`.
 *
 * @throws {RangeError} when bytes are missing */
export function decodeDeliver(bytes: Buffer): DeliverFields {
  const reader = new ArgumentReader(bytes, 0);
  return reader.whole({
    consumerTag: reader.shortText(),
    deliveryTag: reader.uint64(),
    redelivered: (reader.uint8() & 1) !== 0,
    exchange: reader.shortText(),
    routingKey: reader.shortText(),
  });
}

/** Decodes the properties of a message. Properties that are not set are `undefined`.
 *
 * @throws {RangeError} when bytes are missing */
export function decodeProperties(bytes: Buffer): MessageProperties {
  const flags = bytes[0]! << 8 | bytes[1]!;
  const reader = new ArgumentReader(bytes, 2);
  const shortText = (flag: number) => (flags & flag) === 0 ? undefined : reader.shortText();
  const uint8 = (flag: number) => (flags & flag) === 0 ? undefined : reader.uint8();
  return reader.whole({
    contentType: shortText(0x8000),
    contentEncoding: shortText(0x4000),
    headers: (flags & 0x2000) === 0 ? undefined : reader.table(),
    deliveryMode: uint8(0x1000),
    priority: uint8(0x0800),
    correlationId: shortText(0x0400),
    replyTo: shortText(0x0200),
    expiration: shortText(0x0100),
    messageId: shortText(0x0080),
    timestamp: (flags & 0x0040) === 0 ? undefined : reader.uint64(),
    type: shortText(0x0020),
    userId: shortText(0x0010),
    appId: shortText(0x0008),
    clusterId: shortText(0x0004),
  });
}

class ArgumentReader {
  readonly #bytes: Buffer;
  #offset: number;

  constructor(bytes: Buffer, offset: number) {
    this.#bytes = bytes;
    this.#offset = offset;
  }

  uint8(): number {
    return this.#bytes[this.#offset++]!;
  }

  /** Rounded beyond 2^53, like amqplib's. */
  uint64(): number {
    return this.#uint32() * 2 ** 32 + this.#uint32();
  }

  shortText(): string {
    const from = this.#offset + 1;
    this.#offset = from + this.#bytes[from - 1]!;
    return readText(this.#bytes, from, this.#offset);
  }

  table(): MessageProperties["headers"] {
    const length = this.#uint32();
    const from = this.#offset;
    this.#offset = from + length;
    return decodeFields(this.#bytes.subarray(from, this.#offset)) as MessageProperties["headers"];
  }

  /** Returns what was read.
   *
   * @throws {RangeError} when it ends behind the last byte */
  whole<Read>(read: Read): Read {
    if (this.#offset <= this.#bytes.length) return read;
    throw new RangeError(`Cannot read a frame because it ends after ${this.#bytes.length} bytes`);
  }

  #uint32(): number {
    const bytes = this.#bytes;
    const at = this.#offset;
    this.#offset = at + 4;
    return bytes[at]! * 2 ** 24 + (bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!);
  }
}
