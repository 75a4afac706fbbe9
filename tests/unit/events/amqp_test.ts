import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import type { Headers } from "../../../shared/broker/message.ts";
import { checkHeaders } from "../../../shared/broker/header_limit.ts";
import { stringifyJson } from "../../../shared/celery/python_json.ts";
import { InvalidInput, Malformed } from "../../../shared/errors.ts";
import { attributeHeaders, readEventMessage, toEventMessage } from "../../../shared/events/amqp.ts";
import { cloudEvent } from "../../../shared/events/cloud_event.ts";
import { writePayload } from "../../support/cloud_event_http.ts";
import { anyValue, events } from "./event_arbitrary.ts";

const REQUIRED: Headers = {
  cloudEvents_specversion: "1.0",
  cloudEvents_id: "1",
  cloudEvents_source: "/shop",
  cloudEvents_type: "orders.paid",
};

function binary(headers: Headers, contentType?: string, body = "") {
  return {
    properties: contentType === undefined ? {} : { contentType },
    headers: { ...REQUIRED, ...headers },
    body: new TextEncoder().encode(body),
  };
}

Deno.test("readEventMessage() reads what toEventMessage() writes, with scalars as headers", () => {
  fc.assert(fc.property(events(anyValue), (event) => {
    const message = toEventMessage(event, "key");
    assertEquals(readEventMessage(message), event);
    assertEquals([message.routingKey, message.properties.messageId], [event.type, "key"]);
    checkHeaders(message.headers);
    for (const value of Object.values(message.headers)) {
      assertEquals(typeof value === "object", false);
    }
  }));
});

Deno.test("readEventMessage() reads the binary mode with each prefix", () => {
  const prefixes = fc.constantFrom("cloudEvents_", "cloudEvents:", "ce-");
  fc.assert(fc.property(events(anyValue), prefixes, (event, prefix) => {
    const { cloudEvents_datacontenttype: _, ...rest } = attributeHeaders(event);
    const headers = Object.entries(rest).map(([name, value]) =>
      [name.replace("cloudEvents_", prefix), value] as const
    );
    const {
      datacontenttype: contentType = event.data === undefined ? undefined : "application/json",
    } = event;
    const read = readEventMessage({
      properties: contentType === undefined ? {} : { contentType },
      headers: Object.fromEntries(headers),
      body: writePayload(event),
    });
    const typed = contentType === undefined ? {} : { datacontenttype: contentType };
    assertEquals(read, { ...event, ...typed });
  }));
});

Deno.test("readEventMessage() prefers the prefix with `_`, and turns times and bytes into text", () => {
  const event = readEventMessage(binary({
    "ce-tenant": "oldest",
    "cloudEvents:tenant": "old",
    cloudEvents_tenant: "new",
    cloudEvents_time: new Date("2030-01-02T03:04:05Z"),
    cloudEvents_digest: new Uint8Array([1, 2]),
    unrelated: ["x"],
  }));
  assertEquals([event.tenant, event.time, event.digest], [
    "new",
    "2030-01-02T03:04:05.000Z",
    "AQI=",
  ]);
  assertEquals("unrelated" in event, false);
});

Deno.test("readEventMessage() reads a time in milliseconds, and refuses one that is out of range", () => {
  const { time } = readEventMessage(binary({ cloudEvents_time: 1_893_553_445_678 }));
  assertEquals(time, "2030-01-02T03:04:05.678Z");
  const tooLate = binary({ cloudEvents_time: 9e15 });
  assertEquals(
    (assertThrows(() => readEventMessage(tooLate), InvalidInput) as InvalidInput).field,
    "time",
  );
});

Deno.test("readEventMessage() keeps integers beyond 2^53 and typed values of Celery", () => {
  const data = '{"id":1152921504606846976,"at":{"__type__":"datetime","__value__":"2030-01-02"}}';
  const { data: read } = readEventMessage(binary({}, "application/json", data));
  assertEquals(read, {
    id: 2n ** 60n,
    at: { __type__: "datetime", __value__: "2030-01-02" },
  });
});

Deno.test("readEventMessage() takes the payload from the body alone", () => {
  for (const name of ["data", "data_base64", "Type"]) {
    for (const prefix of ["cloudEvents_", "cloudEvents:", "ce-"]) {
      const message = binary({ ...REQUIRED, [prefix + name]: "AA==" });
      assertThrows(() => readEventMessage(message), InvalidInput, `attribute '${name}'`);
    }
  }
});

Deno.test("readEventMessage() refuses malformed events", () => {
  const structured = (body: string) => ({
    properties: { contentType: "application/cloudevents+json; charset=UTF-8" },
    headers: {},
    body: new TextEncoder().encode(body),
  });
  const refused = (given: Parameters<typeof readEventMessage>[0]) =>
    assertThrows(() => readEventMessage(given), InvalidInput) as InvalidInput;
  assertEquals(refused(binary({ cloudEvents_id: "" })).field, "id");
  assertEquals(refused(binary({ cloudEvents_list: ["a"] })).field, "list");
  assertEquals(refused(binary({ cloudEvents___proto__: "a" })).field, "__proto__");
  assertEquals(
    refused({ properties: {}, headers: {}, body: new Uint8Array() }).field,
    "specversion",
  );
  assertEquals(refused(structured("[]")).message.includes("no object"), true);
  assertThrows(() => readEventMessage(structured("{")), Malformed);
  const avro = { ...structured(""), properties: { contentType: "application/cloudevents+avro" } };
  assertStringIncludes(refused(avro).message, "is not supported");
});

Deno.test("toEventMessage() has headers within the limit for the largest attributes", () => {
  const names = Array.from({ length: 700 }, (_, index) => [`a${index}`, "x".repeat(60)]);
  const event = cloudEvent({
    ...{ specversion: "1.0", id: "1", source: "/shop", type: "t" },
    ...Object.fromEntries(names),
  });
  checkHeaders(toEventMessage(event, "key").headers);
});

Deno.test("readEventMessage() refuses events so deep that no response of the API could contain them", () => {
  const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  const read = (depth: number) => readEventMessage(binary({}, "application/json", nested(depth)));
  // As in `GET /v1/events`, and in the message of a task with the whole event as its argument.
  stringifyJson({ events: [{ event: read(496) }] });
  stringifyJson([[], { event: read(496) }, {}]);
  assertThrows(() => read(497), Malformed, "deeper than 496");
});
