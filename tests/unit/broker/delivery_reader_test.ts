import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import "../../../shared/broker/amqp/broker.ts";
import { decodeDeliver, decodeProperties } from "../../../shared/broker/amqp/delivery_reader.ts";
import { FieldTable } from "../../../shared/broker/amqp/field_writer.ts";
import type { Headers } from "../../../shared/broker/message.ts";
import { readText } from "../../../shared/broker/amqp/text_reader.ts";

const require = createRequire(import.meta.resolve("amqplib"));
const amqplib = require("./lib/defs.js");

/** Adds headers, as our encoder writes them, to the properties of a frame of amqplib. */
function withHeaders(frame: Buffer, headers: Headers): Buffer {
  const flags = frame.readUInt16BE(PROPERTIES);
  let at = PROPERTIES + 2;
  // Two short texts precede the headers: the content type and the content encoding.
  for (const flag of [0x8000, 0x4000]) if (flags & flag) at += 1 + frame[at]!;
  const table = Buffer.alloc(64 * 1024);
  const length = new FieldTable(headers).write(table, 0);
  const head = Buffer.from(frame.subarray(PROPERTIES, at));
  head.writeUInt16BE(flags | 0x2000);
  return Buffer.concat([head, table.subarray(0, length), frame.subarray(at, -1)]);
}

/** Bytes of the overhead before the arguments of a method, and before the flags of properties. */
const METHOD = 11;
const PROPERTIES = 19;

const shortText = fc.string({ unit: "grapheme", maxLength: 40 });
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });

Deno.test("decodeDeliver() reads what amqplib writes", () => {
  const fields = fc.record({
    consumerTag: shortText,
    deliveryTag: fc.maxSafeNat(),
    redelivered: fc.boolean(),
    exchange: shortText,
    routingKey: shortText,
  });
  fc.assert(fc.property(fields, (given) => {
    const frame: Buffer = amqplib.encodeMethod(amqplib.BasicDeliver, 1, given);
    assertEquals(decodeDeliver(frame.subarray(METHOD, -1)), given);
  }));
});

Deno.test("decodeProperties() reads what amqplib writes", () => {
  const uint8 = fc.integer({ min: 0, max: 255 });
  const properties = fc.record({
    contentType: optional(shortText),
    contentEncoding: optional(shortText),
    headers: optional(fc.dictionary(shortText, fc.oneof(shortText, fc.integer(), fc.boolean()))),
    deliveryMode: optional(uint8),
    priority: optional(uint8),
    correlationId: optional(shortText),
    replyTo: optional(shortText),
    expiration: optional(shortText),
    messageId: optional(shortText),
    timestamp: optional(fc.maxSafeNat()),
    type: optional(shortText),
    userId: optional(shortText),
    appId: optional(shortText),
    clusterId: optional(shortText),
  });
  fc.assert(fc.property(properties, ({ headers, ...given }) => {
    const frame: Buffer = amqplib.encodeProperties(amqplib.BasicProperties, 1, 0, given);
    const read = decodeProperties(
      headers ? withHeaders(frame, headers) : frame.subarray(PROPERTIES, -1),
    );
    assertEquals({ ...read, headers: undefined }, { ...given, headers: undefined });
    assertEquals(Object.entries(read.headers ?? {}), Object.entries(headers ?? {}));
  }));
});

Deno.test("decodeDeliver() and decodeProperties() refuse a frame whose bytes are missing", () => {
  const deliver: Buffer = amqplib.encodeMethod(amqplib.BasicDeliver, 1, {
    consumerTag: "tag",
    deliveryTag: 1,
    redelivered: false,
    exchange: "",
    routingKey: "queue",
  });
  assertThrows(() => decodeDeliver(deliver.subarray(METHOD, -2)), RangeError);
  const frame: Buffer = amqplib.encodeProperties(amqplib.BasicProperties, 1, 0, {
    contentType: "application/json",
  });
  assertThrows(() => decodeProperties(frame.subarray(PROPERTIES, -2)), RangeError);
});

Deno.test("readText() reads what TextDecoder reads, whatever it read before", () => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 8 }),
    fc.constantFrom("queue", "quiue", "\u00e9\u00e9", "\u00c3\u00a9", "x".repeat(200)).map((text) =>
      new TextEncoder().encode(text)
    ),
  );
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 2 }), (texts) => {
      for (const text of [...texts, ...texts]) {
        const buffer = Buffer.concat([Buffer.from([0]), text, Buffer.from([0])]);
        assertEquals(readText(buffer, 1, 1 + text.length), decoder.decode(text));
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("readText() returns texts of equal length and slot separately", () => {
  const seen = new Set<string>();
  for (let number = 0; number < 5000; number++) {
    const text = String(number).padStart(8, "0");
    assertEquals(readText(Buffer.from(text), 0, 8), text);
    seen.add(text);
  }
  assert(seen.size === 5000);
});
