import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { parseExactly } from "../../../cli/terminal/exact_json.ts";

const again = (text: string) => JSON.stringify(parseExactly(text));

Deno.test("parseExactly() keeps the digits of every number", () => {
  const numbers = ["9007199254740993", "-9007199254740993", "1.0", "1e400", "-0", "1E+2"];
  for (const number of [...numbers, "0.1000000000000000055511151231257827", "12"]) {
    assertEquals(again(number), number);
    assertEquals(again(`{"a":[${number},{"b":${number}}]}`), `{"a":[${number},{"b":${number}}]}`);
  }
});

Deno.test("parseExactly() leaves other values as JSON.parse() reads them", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const text = JSON.stringify(value);
    assertEquals(again(text), text);
  }));
  assertEquals(parseExactly('{"a":1,"b":[null,true,"x",2.5]}'), {
    a: 1,
    b: [null, true, "x", 2.5],
  });
  assertThrows(() => parseExactly("{x"), SyntaxError);
});
