import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { fromIso, toIso } from "../../../shared/celery/time.ts";
import { InvalidInput, Malformed } from "../../../shared/errors.ts";

Deno.test("toIso() writes six digits and a numeric offset when the fraction is short", () => {
  assertEquals(toIso(new Date("2026-01-02T03:04:05.120Z")), "2026-01-02T03:04:05.120000+00:00");
  assertEquals(toIso(new Date("2026-01-02T03:04:05Z")), "2026-01-02T03:04:05.000000+00:00");
});

Deno.test("toIso() refuses times that Python's datetime does not support", () => {
  for (const time of [NaN, Date.UTC(10000, 0, 1), -62_135_596_800_001]) {
    assertThrows(() => toIso(new Date(time)), InvalidInput);
  }
  assertEquals(toIso(new Date(-62_135_596_800_000)), "0001-01-01T00:00:00.000000+00:00");
  assertEquals(toIso(new Date(Date.UTC(10000, 0, 1) - 1)), "9999-12-31T23:59:59.999000+00:00");
});

Deno.test("fromIso() reads every form that a Celery client sends", () => {
  const expected = new Date("2026-11-23T16:20:37.160Z");
  for (
    const text of [
      "2026-11-23T16:20:37.160942+00:00",
      "2026-11-23T16:20:37.160Z",
      "2026-11-23T16:20:37.16z",
      "2026-11-23T16:20:37.160942", // naive is UTC
      "2026-11-23 17:20:37.160942+01:00",
      "2026-11-23T17:20:37,160+0100",
      "2026-11-23T08:20:37.160-08",
      "2026-11-23T16:19:37.160999999-00:01",
      "2026-11-23T16:21:07.160+00:00:30",
    ]
  ) assertEquals(fromIso(text), expected, text);
  assertEquals(fromIso("2030-01-02T03:04:05+02:00"), new Date("2030-01-02T01:04:05Z"));
  assertEquals(fromIso("2030-01-02T03:04"), new Date("2030-01-02T03:04:00Z"));
  assertEquals(fromIso("2030-01-02"), new Date("2030-01-02T00:00:00Z"));
  assertEquals(fromIso("0001-01-01T00:00:00").getTime(), -62_135_596_800_000);
});

Deno.test("fromIso() refuses text that is not a time", () => {
  for (
    const text of [
      "",
      "tomorrow",
      "1795453470",
      "2026-13-01T00:00:00",
      "2026-02-30T00:00:00",
      "2026-01-01T24:00:00",
      "2026-01-01T00:60:00",
      "2026-01-01T00:00:60",
      "2026-01-01T00:00:00+25:00",
      "2026-01-01T00:00:00+01:60",
      "2026-01-01T00:00:00+00:00 ",
      "0000-12-31T00:00:00",
      "0001-01-01T00:00:00+01:00",
      "+02026-01-01T00:00:00",
    ]
  ) assertThrows(() => fromIso(text), Malformed, "ISO 8601", text);
});

Deno.test("fromIso() reads the output of toIso()", () => {
  const min = new Date(-62_135_596_800_000);
  const max = new Date(253_402_300_799_999);
  fc.assert(fc.property(fc.date({ min, max, noInvalidDate: true }), (date) => {
    assertEquals(fromIso(toIso(date)), date);
  }));
});

Deno.test("fromIso() throws nothing but Malformed", () => {
  const text = fc.stringMatching(/^\d{1,5}-\d\d-\d\d[T ]?[\d:.,Z+-]{0,24}$/);
  fc.assert(fc.property(text, (text) => {
    try {
      fromIso(text);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
    }
  }));
});
