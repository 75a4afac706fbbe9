import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { repr, reprArgs } from "../../../shared/celery/repr.ts";

Deno.test("repr() represents values like Python", () => {
  const cases: [unknown, string][] = [
    [2, "2"],
    [-0.5, "-0.5"],
    [1e-5, "1e-05"],
    [1.5e-300, "1.5e-300"],
    [1e22, "1e+22"],
    [NaN, "nan"],
    [-Infinity, "-inf"],
    [2n ** 64n, "18446744073709551616"],
    [true, "True"],
    [null, "None"],
    [undefined, "None"],
    ["it's", "'it\\'s'"],
    ["a\nb\\ü", "'a\nb\\ü'"],
    [[], "[]"],
    [[1, ["a"]], "[1, ['a']]"],
    [{}, "{}"],
    [{ a: 1, b: { c: null } }, "{'a': 1, 'b': {'c': None}}"],
    [[[[1]]], "[[[1]]]"],
    [[[[[1]]]], "[[[[...]]]]"],
    [{ a: { b: { c: { d: 1 } } } }, "{'a': {'b': {'c': {...}}}}"],
    [new Uint8Array([97, 98]), "b'ab'"],
    [new Uint8Array([255, 0]), "b'ff00'"],
    [new Date(0), "'1970-01-01T00:00:00.000Z'"],
    [new Date(NaN), "'Invalid Date'"],
  ];
  for (const [value, expected] of cases) assertEquals(repr(value), expected);
});

Deno.test("reprArgs() writes a tuple", () => {
  assertEquals(reprArgs([]), "()");
  assertEquals(reprArgs([2]), "(2,)");
  assertEquals(reprArgs([2, "b"]), "(2, 'b')");
});

Deno.test("repr() truncates after its budget and closes open brackets", () => {
  assertEquals(repr(Array(9).fill(1), { budget: 8 }), "[1, 1, 1..., ...]");
  assertEquals(repr({ a: [1, 2, 3], b: 4 }, { budget: 10 }), "{'a': [1, , ...]}");
  assertEquals(repr("one two three", { budget: 8 }), "'one two...'");
  assertEquals(repr("unbroken", { budget: 4 }), "'unbr...'");
  assertEquals(repr(new Uint8Array(5).fill(97), { budget: 3 }), "b'aaa...'");
});

Deno.test("repr() is storable: no NUL, no lone surrogate", () => {
  assertEquals(repr("a\0b\ud800"), "'a\\x00b\ufffd'");
});

Deno.test("repr() terminates on circular values", () => {
  const circular: unknown[] = [];
  circular.push(circular, 1);
  assertEquals(repr(circular), "[[[[...], 1], 1], 1]");
});

Deno.test("repr() does not scan huge arguments", () => {
  const huge = [" ".repeat(2 ** 26), Array(2 ** 20).fill({ a: 1 })];
  const began = performance.now();
  for (let count = 0; count < 100; count++) repr(huge);
  assert(performance.now() - began < 5000);
});

Deno.test("repr() stays within its budget and is always storable", () => {
  const value = fc.anything({ withDate: true, withBigInt: true, withTypedArray: true });
  fc.assert(fc.property(value, fc.integer({ min: 1, max: 200 }), (value, budget) => {
    const text = repr([value, value], { budget });
    assert(text.isWellFormed());
    assert(!text.includes("\0"));
    // A piece that starts within the budget is escaped (4 for 1) and quoted completely; then ", ..." and brackets.
    assert(text.length <= 5 * budget + 40, text);
  }));
});
