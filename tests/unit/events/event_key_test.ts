import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { eventKey, eventTaskId } from "../../../shared/events/event_key.ts";
import { timeOf } from "../../../shared/results/uuid_time.ts";
import { validate, version } from "uuid";

const time = fc.date({
  min: new Date("1970-01-01T00:00:00Z"),
  max: new Date("9999-12-31T23:59:59.999Z"),
  noInvalidDate: true,
});
const text = fc.string({ unit: fc.constantFrom(..."/az09 语🥕ä"), minLength: 1 });

/** The 74 bits of a UUID after its time, without version and variant. */
function hashBits(uuid: string): string {
  const bits = [...uuid.replaceAll("-", "")].map((digit) =>
    parseInt(digit, 16).toString(2).padStart(4, "0")
  ).join("");
  return bits.slice(52, 64) + bits.slice(66);
}

Deno.test("eventKey() is a UUIDv7 of the event's time with 74 bits of a SHA-256", () => {
  fc.assert(fc.property(time, text, text, (time, source, id) => {
    const key = eventKey({ source, id, time: time.toISOString() });
    assert(validate(key));
    assertEquals([version(key), timeOf(key)], [7, time]);
    const hash = createHash("sha256").update(`${source}\0${id}`).digest();
    const bits = [...hash].map((byte) => byte.toString(2).padStart(8, "0")).join("");
    // As the ids of followers: digits 12 to 14, half of 15, 16 to 18, and 20 to 31 of the hash.
    assertEquals(hashBits(key), bits.slice(48, 60) + bits.slice(62, 76) + bits.slice(80, 128));
  }));
});

Deno.test("eventKey() depends on the boundary between source and id", () => {
  fc.assert(fc.property(text, text, text, (one, two, three) => {
    const time = "2022-02-22T19:22:22Z";
    assertNotEquals(
      eventKey({ source: one + two, id: three, time }),
      eventKey({ source: one, id: two + three, time }),
    );
  }));
});

Deno.test("eventKey() ignores how a time is written, and fractions of a millisecond", () => {
  const keys = [
    "2022-02-22T19:22:22Z",
    "2022-02-22t19:22:22z",
    "2022-02-22T19:22:22.000999Z",
    "2022-02-23T04:22:22+09:00",
  ].map((time) => eventKey({ source: "/s", id: "1", time }));
  assertEquals(new Set(keys).size, 1);
});

Deno.test("eventKey() takes the time of an id that is a UUIDv7, unless the event has a time", () => {
  const id = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
  assertEquals(timeOf(eventKey({ source: "/s", id })), timeOf(id));
  const time = "2001-01-01T00:00:00Z";
  assertEquals(timeOf(eventKey({ source: "/s", id, time })), new Date(time));
});

Deno.test("eventKey() is a hash of version 8 without a time", () => {
  fc.assert(fc.property(text, text, (source, id) => {
    const key = eventKey({ source, id });
    assertEquals([validate(key), version(key), timeOf(key)], [true, 8, undefined]);
    assertEquals(eventKey({ source, id }), key);
  }));
});

Deno.test("eventKey() counts a time before 1970 as 1970", () => {
  const key = eventKey({ source: "/s", id: "1", time: "1969-12-31T23:59:59Z" });
  assertEquals(timeOf(key), new Date(0));
});

Deno.test("eventTaskId() has the time of the key, and differs by subscription and replay", () => {
  fc.assert(fc.property(fc.option(time), text, text, (time, name, replay) => {
    const event = { source: "/s", id: name, ...(time && { time: time.toISOString() }) };
    const key = eventKey(event);
    const ids = [
      key,
      eventTaskId(key, name),
      eventTaskId(key, name, replay),
      eventTaskId(key, `${name}${replay}`),
    ];
    assertEquals(new Set(ids).size, ids.length);
    assertEquals(ids.map(timeOf), ids.map(() => timeOf(key)));
    assertEquals(eventTaskId(key, name), ids[1]);
  }));
});
