import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import "../../../shared/broker/amqp/codec.ts";
import { FieldTable } from "../../../shared/broker/amqp/field_writer.ts";
import { LastMethodFrame, PublishFields } from "../../../shared/broker/amqp/publish_fields.ts";
import type { Message, Properties } from "../../../shared/broker/message.ts";

/** amqplib's encoders: ours for {@linkcode PublishFields}, amqplib's own for other objects. */
const amqplib: {
  BasicPublish: number;
  BasicProperties: number;
  encodeMethod(id: number, channel: number, fields: object): Buffer;
  encodeProperties(id: number, channel: number, size: number, fields: object): Buffer;
} = createRequire(import.meta.resolve("amqplib"))("./lib/defs.js");

const BODY = new Uint8Array();

function encodeMethod(channel: number, fields: object): Buffer {
  return amqplib.encodeMethod(amqplib.BasicPublish, channel, fields);
}

function encodeProperties(channel: number, size: number, fields: object): Buffer {
  return amqplib.encodeProperties(amqplib.BasicProperties, channel, size, fields);
}

/** A message whose frames show no headers, so that amqplib encodes the rest of it alike. */
function message(properties: Properties, destination = { exchange: "", routingKey: "q" }): Message {
  return { ...destination, properties, headers: {}, body: BODY };
}

const text = fc.string({ unit: "grapheme", maxLength: 60 })
  .filter((text) => Buffer.byteLength(text) < 256);

const properties = fc.record({
  contentType: text,
  contentEncoding: text,
  deliveryMode: fc.constantFrom<1 | 2>(1, 2),
  priority: fc.integer({ min: 0, max: 255 }),
  correlationId: text,
  replyTo: text,
  expiration: text,
  messageId: text,
  timestamp: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  type: text,
  userId: text,
  appId: text,
}, { requiredKeys: [] });

const additions = fc.record(
  { mandatory: fc.boolean(), messageId: text, replyTo: text },
  { requiredKeys: ["mandatory"] },
);

Deno.test("the frames of PublishFields are those of amqplib", () => {
  const last = new LastMethodFrame();
  fc.assert(fc.property(
    properties,
    additions,
    fc.integer({ min: 1, max: 65_535 }),
    fc.integer({ min: 0, max: 2 ** 40 }),
    fc.record({ exchange: text, routingKey: text }),
    (properties, additions, channel, size, destination) => {
      const fields = new PublishFields(message(properties, destination), additions, last);
      const theirs = {
        ...properties,
        ...additions,
        ...destination,
        immediate: false,
        deliveryMode: properties.deliveryMode ?? 2,
        headers: {},
      };
      assertEquals(
        encodeProperties(channel, size, fields).toString("hex"),
        encodeProperties(channel, size, theirs).toString("hex"),
      );
      const method = encodeMethod(channel, theirs).toString("hex");
      assertEquals(encodeMethod(channel, fields).toString("hex"), method);
      assertEquals(encodeMethod(channel, fields).toString("hex"), method);
    },
  ));
});

Deno.test("PublishFields writes headers as FieldTable does", () => {
  const headers = { text: "語", retries: 200, timelimit: [null, null], stamps: { a: ["b"] } };
  const given = { ...message({}), headers };
  const frame = new PublishFields(given, { mandatory: true }, new LastMethodFrame())
    .headerFrame(1, 0);
  const table = Buffer.alloc(200);
  const length = new FieldTable(headers).write(table, 0);
  assertEquals(frame.subarray(21, 21 + length), table.subarray(0, length));
  assertEquals(frame.length, 21 + length + 2);
});

Deno.test("PublishFields reuses the method frame of one destination and channel only", () => {
  const last = new LastMethodFrame();
  const frame = (routingKey: string, channel: number, mandatory = true) =>
    encodeMethod(
      channel,
      new PublishFields(message({}, { exchange: "", routingKey }), { mandatory }, last),
    );
  const first = frame("a", 1);
  assertStrictEquals(frame("a", 1), first);
  for (const other of [frame("b", 1), frame("a", 2), frame("a", 1, false)]) {
    assertNotStrictEquals(other, first);
  }
  assertEquals(frame("a", 1), first);
});

Deno.test("a later message does not change an earlier header frame", () => {
  const encode = (correlationId: string) =>
    encodeProperties(
      1,
      0,
      new PublishFields(message({ correlationId }), { mandatory: true }, new LastMethodFrame()),
    );
  const first = encode("first");
  const copy = first.toString("hex");
  encode("other");
  assertEquals(first.toString("hex"), copy);
});

Deno.test("PublishFields rejects texts over 255 bytes and headers over 64 KiB", () => {
  const encode = (given: Message) =>
    new PublishFields(given, { mandatory: true }, new LastMethodFrame()).headerFrame(1, 0);
  for (const correlationId of ["x".repeat(256), "é".repeat(128), `${"x".repeat(300)}é`]) {
    assertThrows(() => encode(message({ correlationId })), TypeError, "correlationId");
  }
  encode(message({ correlationId: "é".repeat(127) }));
  assertThrows(
    () => encode({ ...message({}), headers: { x: "y".repeat(65_536) } }),
    RangeError,
    "65536",
  );
});
