import { assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import { CloudEvent as SdkEvent, HTTP, type Message } from "cloudevents";
import * as fc from "fast-check";
import { InvalidInput } from "../../../shared/errors.ts";
import type { CloudEvent } from "../../../shared/events/cloud_event.ts";
import { type HttpEvents, readHttpEvents } from "../../../shared/events/http.ts";
import { timeOf } from "../../../shared/results/uuid_time.ts";
import { toBatchHttp, toBinaryHttp, toStructuredHttp } from "../../support/cloud_event_http.ts";
import { anyValue, events, plainValue, textValue } from "./event_arbitrary.ts";

const READ = { source: "/celeriac", parse: JSON.parse };
const EVENT = { specversion: "1.0", id: "1", source: "/shop", type: "orders.paid" };

function request(contentType: string | undefined, body: unknown, headers = {}): HttpEvents {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return {
    headers: new Headers({ ...(contentType && { "content-type": contentType }), ...headers }),
    body: new TextEncoder().encode(text),
  };
}

function refusal(given: HttpEvents): InvalidInput {
  return assertThrows(() => readHttpEvents(given, READ), InvalidInput) as InvalidInput;
}

Deno.test("readHttpEvents() reads what toStructuredHttp() and toBatchHttp() write", () => {
  fc.assert(fc.property(fc.array(events(anyValue)), (list) => {
    assertEquals(readHttpEvents(toBatchHttp(list), READ), list);
    for (const one of list) assertEquals(readHttpEvents(toStructuredHttp(one), READ), [one]);
  }));
});

Deno.test("readHttpEvents() reads what toBinaryHttp() writes, except the types of extensions", () => {
  fc.assert(fc.property(events(textValue), (event) => {
    const [read] = readHttpEvents(toBinaryHttp(event), READ);
    const written = event.data !== undefined && event.datacontenttype === undefined
      ? { ...event, datacontenttype: "application/json" }
      : event;
    assertEquals(read, written);
  }));
  const [read] = readHttpEvents(
    toBinaryHttp({ ...EVENT, count: 3 } as unknown as CloudEvent),
    READ,
  );
  assertEquals(read?.count, "3");
});

Deno.test("the SDK of CloudEvents reads what we write, and we read what it writes", () => {
  fc.assert(
    fc.property(events(plainValue, plainValue), (event) => {
      // The SDK adds a missing time.
      const ours = { ...event, time: event.time ?? "2030-01-02T03:04:05.000Z" };
      const { id, source, type } = event;
      for (const write of [toStructuredHttp, toBinaryHttp]) {
        const { headers, body } = write(ours as CloudEvent);
        const message = {
          headers: Object.fromEntries(headers),
          body: new TextDecoder().decode(body),
        };
        const [read] = [HTTP.toEvent<unknown>(message)].flat();
        assertEquals([read?.id, read?.source, read?.type, read?.subject], [
          ours.id,
          ours.source,
          ours.type,
          ours.subject,
        ]);
      }
      const theirs = new SdkEvent({ id, source, type, tenant: "acme", data: { order: "17" } });
      const written = [HTTP.structured(theirs), HTTP.binary(theirs)];
      for (const message of written) {
        const [read] = readHttpEvents(ofSdk(message), READ);
        assertEquals([read?.id, read?.type, read?.data], [id, type, { order: "17" }]);
      }
    }),
    { numRuns: 50 },
  );
});

function ofSdk({ headers, body }: Message<unknown>): HttpEvents {
  const given = Object.entries(headers).map(([name, value]) => [name, String(value)]);
  return request(undefined, body, Object.fromEntries(given));
}

Deno.test("readHttpEvents() completes a plain event with id and source, and no time", () => {
  const [event] = readHttpEvents(request("application/json", { type: "a", data: [1] }), READ);
  assertEquals({ ...event, id: "" }, {
    specversion: "1.0",
    id: "",
    source: "/celeriac",
    type: "a",
    data: [1],
  });
  assertInstanceOf(timeOf(event!.id), Date);
  const given = { type: "a", id: "7", source: "/shop", subject: "s", tenant: "acme" };
  assertEquals(readHttpEvents(request(undefined, given), READ), [
    { specversion: "1.0", ...given } as unknown as CloudEvent,
  ]);
});

Deno.test("readHttpEvents() reads quotes and percent-encoding of header values", () => {
  const headers = {
    ...{ "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "a" },
    ...{ "ce-subject": "%C3%A4%20b", "CE-Tenant": '"a \\"b\\""' },
  };
  const [event] = readHttpEvents(request("text/plain", "hi", headers), READ);
  assertEquals([event?.subject, event?.tenant, event?.data], ["ä b", 'a "b"', "hi"]);
});

Deno.test("readHttpEvents() refuses invalid events and names the field", () => {
  const structured = (changes: object) =>
    request("application/cloudevents+json", { ...EVENT, ...changes });
  const binary = (changes: Record<string, string>) =>
    request("application/json", "{}", {
      ...{ "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "a" },
      ...changes,
    });
  const cases: [HttpEvents, string | undefined, string][] = [
    [structured({ type: undefined }), "type", "it has no `type`: add it"],
    [structured({ specversion: undefined }), "specversion", 'add "specversion": "1.0"'],
    [structured({ specversion: "0.3" }), "specversion", "its specversion '0.3' is not '1.0'"],
    [structured({ type: "x".repeat(300) }), "type", "is 300 bytes long: use at most 255"],
    [structured({ type: "ä".repeat(128) }), "type", "is 256 bytes long"],
    [structured({ type: "a\0b" }), "type", "its type contains the character U+0000: remove it"],
    [structured({ subject: "a\ud800" }), "subject", "U+D800"],
    [structured({ tenant: "\u{1ffff}" }), "tenant", "U+1FFFF"],
    [structured({ id: "" }), "id", "its id is empty: send a value"],
    [structured({ id: 7 }), "id", "its id is no text"],
    [structured({ subject: "" }), "subject", "or leave it out"],
    [structured({ source: "my shop" }), "source", "its source 'my shop' is no URI reference"],
    [structured({ dataschema: "/x" }), "dataschema", "is no absolute URI"],
    [structured({ datacontenttype: "json" }), "datacontenttype", "is no media type"],
    [structured({ time: "2030-01-02" }), "time", "is no time of RFC 3339"],
    [structured({ time: "2030-01-02T03:04Z" }), "time", "with seconds"],
    [structured({ time: "2030-02-30T03:04:05Z" }), "time", "is no time"],
    [structured({ time: "2030-01-02T03:04:05" }), "time", "time zone"],
    [structured({ Tenant: "a" }), "Tenant", "attribute 'Tenant' because its name is not 1 to 64"],
    [structured({ my_tenant: "a" }), "my_tenant", "lower-case letters or digits"],
    [structured({ count: 1.5 }), "count", "32-bit integer"],
    [structured({ count: 2 ** 31 }), "count", "32-bit integer"],
    [structured({ tags: ["a"] }), "tags", "neither text nor boolean"],
    [structured({ data: 1, data_base64: "AA==" }), "data_base64", "both data and data_base64"],
    [structured({ data_base64: "?" }), "data_base64", "no base64"],
    [structured({ tenant: "x".repeat(50_000) }), undefined, "its attributes have 50"],
    [binary({ "ce-type": "" }), "type", "its type is empty"],
    [binary({ "ce-subject": "%FF" }), "subject", "header ce-subject is not UTF-8"],
    [binary({ "ce-data": "text" }), "data", "not part of the binary"],
    [binary({ "ce-datacontenttype": "text/plain" }), "datacontenttype", "not part of the binary"],
    [binary({ "ce-my-tenant": "a" }), "my-tenant", "lower-case"],
    [binary({ "ce-__proto__": "a" }), "__proto__", "lower-case"],
    [
      request("application/cloudevents+avro", ""),
      undefined,
      "format 'application/cloudevents+avro'",
    ],
    [request("text/plain", "hi"), undefined, "add the header ce-specversion"],
    [request("application/json", []), undefined, "it is no object: send one"],
    [request("application/json", { data: 1 }), "type", "it has no `type`"],
    [request("application/cloudevents-batch+json", EVENT), undefined, "the batch is no array"],
    [
      request("application/cloudevents-batch+json", [EVENT, EVENT, { ...EVENT, type: 1 }]),
      "[2].type",
      "no text",
    ],
    [request("application/cloudevents-batch+json", [EVENT, 7]), "[1]", "no object"],
    [
      request("application/cloudevents-batch+json", [EVENT, { ...EVENT, data: "other" }]),
      "[1].id",
      "the source, id and time of [0] but other content",
    ],
  ];
  for (const [given, field, words] of cases) {
    const error = refusal(given);
    assertStringIncludes(error.message, words);
    assertEquals(error.message.startsWith("Cannot accept "), true, error.message);
    assertEquals(error.field, field, error.message);
  }
});

Deno.test("readHttpEvents() refuses a body that is not UTF-8", () => {
  const headers = new Headers({ "content-type": "application/cloudevents+json" });
  assertStringIncludes(refusal({ headers, body: new Uint8Array([0xff]) }).message, "not UTF-8");
});

Deno.test("readHttpEvents() accepts times with a leap second, in lower case, or with an offset", () => {
  for (
    const time of [
      "2016-12-31T23:59:60Z",
      "1985-04-12t23:20:50.52z",
      "1937-01-01T12:00:27.87+00:20",
    ]
  ) {
    const [event] = readHttpEvents(
      request("application/cloudevents+json", { ...EVENT, time }),
      READ,
    );
    assertEquals(event?.time, time);
  }
});
