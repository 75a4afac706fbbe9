import { assertEquals, assertThrows } from "@std/assert";
import { z } from "zod";
import { parseJson } from "../../../shared/celery/python_json.ts";
import { decodeTyped } from "../../../shared/celery/typed.ts";
import { Malformed } from "../../../shared/errors.ts";

const typed = (type: unknown, value: unknown) => ({ __type__: type, __value__: value });

Deno.test("decodeTyped() returns strings that contract schemas accept", () => {
  const schema = z.object({
    when: z.iso.datetime(),
    local: z.iso.datetime(),
    day: z.iso.date(),
    clock: z.iso.time(),
    price: z.stringFormat("decimal", /^\d+\.\d+$/),
    id: z.guid(),
    text: z.base64(),
    bytes: z.base64(),
  });
  // As kombu 5.7.0 sent them.
  const sent = {
    when: typed("datetime", "2026-01-02T03:04:05.678901+02:00"),
    local: typed("datetime", "2026-01-02T03:04:05"),
    day: typed("date", "2026-01-02"),
    clock: typed("time", "03:04:00"),
    price: typed("decimal", "1.5"),
    id: typed("uuid", { hex: "00000000000000000000000000000005" }),
    text: typed("bytes", "abc"),
    bytes: typed("base64", "/wBhYg=="),
  };
  assertEquals(schema.parse(parseJson(JSON.stringify(sent))), {
    when: "2026-01-02T01:04:05.678901Z",
    local: "2026-01-02T03:04:05Z",
    day: "2026-01-02",
    clock: "03:04:00",
    price: "1.5",
    id: "00000000-0000-0000-0000-000000000005",
    text: "YWJj",
    bytes: "/wBhYg==",
  });
});

Deno.test("decodeTyped() works at any depth and keeps other objects unchanged", () => {
  const value = [[{ a: typed("decimal", "NaN"), b: { ...typed("date", "x"), c: 1 } }], "__type__"];
  assertEquals(decodeTyped(value), [
    [{ a: "NaN", b: { ...typed("date", "x"), c: 1 } }],
    "__type__",
  ]);
});

Deno.test("decodeTyped() refuses what kombu cannot decode", () => {
  for (
    const value of [
      typed("foo", "x"),
      typed(null, "x"),
      typed({}, "x"),
      typed("datetime", "soon"),
      typed("datetime", 5),
      typed("date", "2026-02-30"),
      typed("time", "25:00"),
      typed("decimal", "1,5"),
      typed("decimal", ""),
      typed("uuid", "00000000000000000000000000000005"),
      typed("uuid", { hex: "5" }),
      typed("base64", "/"),
      typed("bytes", null),
    ]
  ) {
    assertThrows(() => decodeTyped([value]), Malformed, undefined, JSON.stringify(value));
  }
});
