import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { MAX_DEPTH, parseJson, stringifyJson } from "../../../shared/celery/python_json.ts";
import { InvalidInput, Malformed } from "../../../shared/errors.ts";

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

Deno.test("parseJson() reads NaN and Infinity", () => {
  assertEquals(parseJson("[NaN, Infinity, -Infinity]"), [NaN, Infinity, -Infinity]);
  assertEquals(parseJson("NaN"), NaN);
  assertEquals(parseJson('{"a":NaN,"b":[-Infinity,"NaN \\" Infinity"]}'), {
    a: NaN,
    b: [-Infinity, 'NaN " Infinity'],
  });
});

Deno.test("parseJson() returns bigint only for integers beyond 2^53", () => {
  assertEquals(parseJson("1152921504606846976"), 2n ** 60n);
  assertEquals(parseJson("[-9007199254740993, 9007199254740991]"), [
    -9007199254740993n,
    9007199254740991,
  ]);
  assertEquals(parseJson("[0.1234567890123456789, 12345678901234567890.5, 1e300, 0, -0]"), [
    0.12345678901234568,
    12345678901234567890.5,
    1e300,
    0,
    -0,
  ]);
  assertEquals(parseJson('"12345678901234567890"'), "12345678901234567890");
  assertEquals(parseJson("[12345678901234567890, NaN, 0]"), [12345678901234567890n, NaN, 0]);
});

Deno.test("parseJson() refuses an integer with more digits than Python reads", () => {
  assertEquals(parseJson("9".repeat(4300)), 10n ** 4300n - 1n);
  assertThrows(() => parseJson("9".repeat(4301)), Malformed, "4300");
});

Deno.test("parseJson() refuses text that is not JSON", () => {
  for (
    const text of [
      "",
      "{",
      "[1,]",
      "nan",
      "-NaN",
      "1NaN",
      "NaN1",
      "1Infinity",
      "Infinity1",
      "--Infinity",
      "[Infinit]",
      '"\n"',
      '"\\',
      '"\\"',
      "undefined",
    ]
  ) assertThrows(() => parseJson(text), Malformed, "Cannot read JSON", text);
});

Deno.test("parseJson() refuses deep nesting without overflowing the stack", () => {
  assert(Array.isArray(parseJson(nested(MAX_DEPTH))));
  assertThrows(() => parseJson(nested(MAX_DEPTH + 1)), Malformed, "nested deeper");
  assertThrows(() => parseJson(nested(200_000)), Malformed, "nested deeper");
  assertThrows(() => parseJson('{"a":'.repeat(20_000)), Malformed, "nested deeper");
  assertEquals(parseJson(JSON.stringify(nested(2000))), nested(2000));
});

Deno.test("parseJson() keeps typed values with the option keep", () => {
  const text = '{"__type__":"decimal","__value__":"1.5"}';
  assertEquals(parseJson(text), "1.5");
  assertEquals(parseJson(text, { typed: "keep" }), { __type__: "decimal", __value__: "1.5" });
});

Deno.test("parseJson() reads __proto__ as an ordinary key", () => {
  const value = parseJson('{"__proto__":{"x":1},"n":NaN}') as Record<string, unknown>;
  assertEquals(Object.keys(value), ["__proto__", "n"]);
  assertStrictEquals(value["x"], undefined);
});

Deno.test("parseJson() agrees with JSON.parse() on the output of JSON.stringify()", () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
    const text = JSON.stringify(value);
    const expected = JSON.parse(text, (_key, item) => {
      const big = typeof item === "number" && Number.isInteger(item) &&
        !Number.isSafeInteger(item) && /^-?\d+$/.test(String(item));
      return big ? BigInt(String(item)) : item;
    });
    assertEquals(parseJson(text, { typed: "keep" }), expected);
  }));
});

Deno.test("parseJson() throws nothing but Malformed", () => {
  const scrap = fc.constantFrom(...'[]{},:"\\ -.0123456789eENaNInfinitytruenull'.split(""), "NaN");
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.array(scrap).map((all) => all.join("")));
  fc.assert(
    fc.property(text, (text) => {
      try {
        parseJson(text);
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("stringifyJson() writes values without a JSON type", () => {
  const value = {
    big: 2n ** 70n,
    bytes: new Uint8Array([255, 192, 97, 98]),
    date: new Date("2026-01-02T03:04:05.678Z"),
    numbers: [NaN, Infinity, -Infinity],
    nothing: undefined,
  };
  assertEquals(
    stringifyJson(value),
    '{"big":1180591620717411303424,"bytes":"/8BhYg==","date":"2026-01-02T03:04:05.678Z","numbers":[null,null,null]}',
  );
});

Deno.test("stringifyJson() writes a number beyond 2^53 as a float", () => {
  assertEquals(
    stringifyJson([1e20, 2 ** 53, 2 ** 53 - 1]),
    "[1e+20,9.007199254740992e+15,9007199254740991]",
  );
  assertEquals(parseJson(stringifyJson(1e20)), 1e20);
});

Deno.test("stringifyJson() writes undefined, NaN and Infinity as null", () => {
  for (const value of [undefined, null, NaN, Infinity]) {
    assertEquals(stringifyJson(value), "null");
  }
});

Deno.test("stringifyJson() replaces only lone surrogates", () => {
  assertEquals(stringifyJson("a\ud800b"), '"a\ufffdb"');
  assertEquals(stringifyJson({ "\udfff": "\ud83d\ude00" }), '{"\ufffd":"\u{1f600}"}');
  assertEquals(stringifyJson("\\ud800 \\\ud800"), '"\\\\ud800 \\\\\ufffd"');
});

Deno.test("stringifyJson() refuses unwritable values with a reason", () => {
  const circular: unknown[] = [];
  circular.push(circular);
  const throwing = {
    toJSON() {
      throw new Error("not me");
    },
  };
  assertThrows(() => stringifyJson(circular), InvalidInput, "circular");
  assertThrows(() => stringifyJson(throwing), InvalidInput, "not me");
  assertThrows(() => stringifyJson(JSON.parse(nested(MAX_DEPTH + 1))), InvalidInput, "deeper");
  assertEquals(stringifyJson(JSON.parse(nested(MAX_DEPTH))), nested(MAX_DEPTH));
});

Deno.test("stringifyJson() writes typed JSON only if Python can read it", () => {
  const date = { __type__: "date", __value__: "2026-01-02" };
  assertEquals(stringifyJson([date]), JSON.stringify([date]));
  assertEquals(stringifyJson({ ...date, more: 1 }), JSON.stringify({ ...date, more: 1 }));
  for (const value of [{ ...date, __type__: "foo" }, { ...date, __value__: "soon" }]) {
    assertThrows(() => stringifyJson({ deep: [value] }), InvalidInput, "__type__");
  }
});

Deno.test("parseJson() reads the output of stringifyJson()", () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, false),
      fc.double({ noDefaultInfinity: true, noNaN: true }).filter((x) => !Object.is(x, -0)),
      fc.bigInt().filter((x) => !Number.isSafeInteger(Number(x))),
      fc.string({ unit: "grapheme" }).map((text) => text.toWellFormed()),
      fc.array(tie("any"), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie("any"), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).any;
  fc.assert(fc.property(value, (value) => {
    assertEquals(parseJson(stringifyJson(value)), value);
  }));
});
