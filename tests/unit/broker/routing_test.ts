import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { matchesHeaders, matchesTopic } from "../../../shared/broker/routing.ts";

const word = fc.constantFrom("a", "b", "ab", "", "a*", "#b", "$", "ü");

function topic(...more: string[]): fc.Arbitrary<string> {
  return fc.array(fc.oneof(word, fc.constantFrom("a", ...more)), { maxLength: 6 })
    .map((words) => words.join("."));
}

/** Another implementation: a regular expression over words, each of which is followed by a newline. */
function asExpression(pattern: string): RegExp {
  const parts = pattern === "" ? [] : pattern.split(".");
  const sources = parts.map((part) => {
    if (part === "#") return "(?:[^\n]*\n)*";
    return part === "*" ? "[^\n]*\n" : `${RegExp.escape(part)}\n`;
  });
  return new RegExp(`^${sources.join("")}$`);
}

Deno.test("matchesTopic() matches as a regular expression over words does", () => {
  fc.assert(
    fc.property(topic("*", "#"), topic(), (pattern, key) => {
      const words = key === "" ? "" : key.split(".").map((one) => `${one}\n`).join("");
      assertEquals(matchesTopic(pattern, key), asExpression(pattern).test(words));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("matchesTopic() takes * and # for placeholders only when they are whole words", () => {
  assertEquals(matchesTopic("a*.b", "ax.b"), false);
  assertEquals(matchesTopic("a*.b", "a*.b"), true);
  assertEquals(matchesTopic("a.#b", "a.x.b"), false);
  assertEquals([matchesTopic("#", ""), matchesTopic("*", "")], [true, false]);
  assertEquals([matchesTopic("*.*", "."), matchesTopic("*", ".")], [true, false]);
});

Deno.test("matchesTopic() needs no exponential time", () => {
  const pattern = Array.from({ length: 64 }, () => "#.a").join(".");
  assertEquals(
    matchesTopic(`${pattern}.z`, Array.from({ length: 127 }, () => "a").join(".")),
    false,
  );
});

Deno.test("matchesHeaders() compares values with their types, and null with presence", () => {
  const all = (given: Parameters<typeof matchesHeaders>[0]) =>
    matchesHeaders(given, { tenant: "acme", count: 1, urgent: false, nothing: null });
  assertEquals(all({ tenant: "acme", count: 1 }), true);
  assertEquals(all({ count: "1" }), false);
  assertEquals(all({ urgent: null, nothing: null }), true);
  assertEquals(all({ missing: null }), false);
  assertEquals(all({ toString: null }), false);
  assertEquals(all({}), true);
  assertEquals(all({ "x-match": "any" }), false);
  assertEquals(all({ "x-match": "any", missing: null, count: 1 }), true);
  assertEquals(all({ "x-other": "ignored" }), true);
  assertEquals(all({ "x-match": "all-with-x", "x-other": "required" }), false);
});
