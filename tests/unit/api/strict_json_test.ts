import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { MAX_DEPTH, parseStrict } from "../../../api/http/strict_json.ts";
import { Problem } from "../../../api/http/problem.ts";

function refused(text: string): { kind: string; field: string | undefined } {
  const problem = assertThrows(() => parseStrict(text), Problem);
  return { kind: problem.kind, field: problem.errors[0]?.field };
}

Deno.test("parseStrict() equals JSON.parse for valid JSON", () => {
  fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
    const text = JSON.stringify(value);
    const odd = text.includes("\\u0000") || text.includes("__proto__") || /\\ud[89a-f]/.test(text);
    fc.pre(!odd && !/\d{16}/.test(text) && !/e\+/.test(text));
    assertEquals(parseStrict(text), JSON.parse(text));
  }));
});

Deno.test("parseStrict() rejects invalid JSON", () => {
  for (const text of ["", "{", "nul", "{'a': 1}", "[1,]", "NaN", '{"a": 1} x', "\u0000"]) {
    assertEquals(refused(text).kind, "invalid-json", text);
  }
});

Deno.test("parseStrict() rejects integers beyond 2^53 and names their field", () => {
  const cases: [string, string][] = [
    ['{"kwargs":{"x":9007199254740993}}', "kwargs.x"],
    ['{"kwargs":{"x":9007199254740992}}', "kwargs.x"],
    ['{"args":[1,-9007199254740992]}', "args.1"],
    ['{"args":[{"deep":[12345678901234567890]}]}', "args.0.deep.0"],
    ['{"args":[100000000000000000000000]}', "args.0"],
    ['{"kwargs":{"x":1e20}}', "kwargs.x"],
    ['{"kwargs":{"x":1e400}}', "kwargs.x"],
  ];
  for (const [text, field] of cases) {
    assertEquals(refused(text), { kind: "invalid-input", field }, text);
  }
});

Deno.test("parseStrict() accepts the largest safe integers and any float", () => {
  const text =
    '[9007199254740991,-9007199254740991,6.02e23,0.1234567890123456789,"9007199254740993"]';
  assertEquals(parseStrict(text), JSON.parse(text));
});

Deno.test("parseStrict() rejects NUL characters and lone surrogates in values and names", () => {
  assertEquals(refused('{"kwargs":{"x":"a\\u0000b"}}').field, "kwargs.x");
  assertEquals(refused('{"kwargs":{"x":["ok","\\ud800"]}}').field, "kwargs.x.1");
  assertEquals(refused('{"kwargs":{"x":"\\udc00 first"}}').field, "kwargs.x");
  assertEquals(refused('{"kwargs":{"\\u0000":1}}').field, "kwargs.\\u0000");
  assertEquals(refused('{"kwargs":{"\\ud800":1}}').kind, "invalid-input");
  assertEquals(parseStrict('"\\ud83d\\ude00"'), "😀");
});

Deno.test("parseStrict() rejects duplicate names in an object", () => {
  assertEquals(refused('{"kwargs":{"x":1,"x":2}}').field, "x");
  assertEquals(refused('{"a":{"b":1},"c":[{"b":1,"d":2,"b":3}]}').field, "b");
  assertEquals(refused('{"":1,"":2}').field, "");
  assertEquals(refused('{"a":1,"\\u0061":2}').field, "a");
  const same = '{"a":{"b":"\\"b\\":1"},"c":{"b":"x\\\\"},"d\\"":1}';
  assertEquals(parseStrict(same), JSON.parse(same));
});

Deno.test("parseStrict() rejects the name __proto__", () => {
  assertEquals(refused('{"kwargs":{"__proto__":{"x":1}}}').field, "kwargs.__proto__");
});

Deno.test("parseStrict() rejects excessive depth without a stack overflow", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  assertEquals(parseStrict(nested(MAX_DEPTH)), JSON.parse(nested(MAX_DEPTH)));
  assertEquals(refused(nested(MAX_DEPTH + 1)).kind, "invalid-input");
  assertEquals(refused('{"a":'.repeat(100_000) + "1" + "}".repeat(100_000)).kind, "invalid-input");
});
