import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { reprJson } from "../../../shared/celery/read_repr.ts";
import { repr, reprArgs } from "../../../shared/celery/repr.ts";

Deno.test("reprJson() reads Celery's representations of plain values", () => {
  const cases: [string, unknown][] = [
    ["()", []],
    ["(2,)", [2]],
    ["(2, 3)", [2, 3]],
    ["[2, 3]", [2, 3]],
    ["([[]],)", [[[]]]],
    ["{}", {}],
    ["{'a': {'b': [None, True, False]}}", { a: { b: [null, true, false] } }],
    ["(-1.5, 1e+16, 1e-05, 0.1)", [-1.5, 1e16, 1e-5, 0.1]],
    ["('it\\'s', '')", ["it's", ""]],
    ["('grün 😀\n',)", ["grün 😀\n"]],
    ["('C:\\dir',)", ["C:\\dir"]],
    ["('a, b: {c}',)", ["a, b: {c}"]],
  ];
  for (const [text, value] of cases) assertEquals(JSON.parse(reprJson(text)!), value, text);
  assertEquals(reprJson("(123456789012345678901234567890,)"), "[123456789012345678901234567890]");
});

Deno.test("reprJson() refuses truncated, ambiguous and non-JSON representations", () => {
  const cases = [
    "",
    "(",
    "(2",
    "(2, )",
    "(2, 3,)",
    "(2)x",
    "[2,]",
    "(1, ...)",
    "([...],)",
    "({...},)",
    "('a long text...',)",
    "('',",
    "('C:\\',)",
    "('a\\', 'b')",
    "('\\x00',)",
    "('\ufffd',)",
    '("it\'s",)',
    "(b'x',)",
    "(nan,)",
    "(inf,)",
    "(datetime.date(2026, 1, 2),)",
    "(Decimal('1.5'),)",
    "{1, 2}",
    "{1: 2}",
    "{'a'}",
    "(True1,)",
    "(01,)",
    "(1.,)",
    "(1_000,)",
    "<Order: 5>",
    "[".repeat(50_000),
  ];
  for (const text of cases) assertEquals(reprJson(text), undefined, text.slice(0, 50));
});

Deno.test("reprJson() returns the original value or undefined", () => {
  let read = 0;
  const value = fc.jsonValue({ maxDepth: 3 });
  const awkward = fc.string({
    unit: fc.constantFrom("'", "\\", ",", " ", ".", ")", "]", ":", "a"),
  });
  const args = fc.array(fc.oneof(value, awkward, fc.array(awkward)), { maxLength: 4 });
  fc.assert(
    fc.property(args, (given) => {
      for (const text of [repr(given), reprArgs(given)]) {
        const json = reprJson(text);
        if (json === undefined) continue;
        read++;
        assertEquals(JSON.stringify(JSON.parse(json)), JSON.stringify(given));
      }
    }),
    { numRuns: 2000, seed: 1 },
  );
  assert(read > 2000, `${read} read`);
});
