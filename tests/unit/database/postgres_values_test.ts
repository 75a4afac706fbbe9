import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decodeArray, decodeBytes, encode } from "../../../shared/database/postgres_values.ts";

Deno.test("encode() encodes every type of parameter", () => {
  assertEquals(encode(undefined), null);
  assertEquals(encode(12345678901234567890n), "12345678901234567890");
  assertEquals(encode(new Date(0)), "1970-01-01T00:00:00.000Z");
  assertEquals(encode({ a: [1] }), '{"a":[1]}');
  assertEquals(encode([]), "{}");
  assertEquals(encode([[1, null], [true, 'q"\\']]), '{{"1",NULL},{"true","q\\"\\\\"}}');
  assertThrows(() => encode(new Date(NaN)), RangeError);
});

Deno.test("decodeArray() reads what encode() writes", () => {
  const words = fc.array(fc.option(fc.string()));
  fc.assert(fc.property(words, (list) => {
    assertEquals(decodeArray(encode(list)!, String), list);
  }));
});

Deno.test("decodeArray() reads unquoted elements", () => {
  assertEquals(decodeArray('{a b,NULL,"NULL",null,"",x}', String), [
    "a b",
    null,
    "NULL",
    "null",
    "",
    "x",
  ]);
  assertEquals(decodeArray("{}", String), []);
});

Deno.test("decodeBytes() reads both formats", () => {
  assertEquals(decodeBytes("\\x00ff5c"), new Uint8Array([0, 255, 92]));
  assertEquals(decodeBytes("a\\000\\377\\\\"), new Uint8Array([97, 0, 255, 92]));
  assertEquals(decodeBytes(""), new Uint8Array());
});
