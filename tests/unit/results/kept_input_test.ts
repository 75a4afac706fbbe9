import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { defineTask, z } from "../../../shared/mod.ts";
import { keepInput, readKeptInput } from "../../../shared/results/kept_input.ts";

const PLAIN = { maxBytes: 1 << 20, redact: [], keys: [] };

Deno.test("keepInput() returns every JSON input unchanged, integers of any size too", () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.integer(),
      fc.bigInt({ min: 2n ** 53n }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("any"), { maxLength: 3 }),
      fc.dictionary(fc.string({ unit: "grapheme", maxLength: 3 }), tie("any"), { maxKeys: 3 }),
    ),
  })).any;
  fc.assert(
    fc.property(fc.array(value), fc.dictionary(fc.string(), value), (args, kwargs) => {
      const read = readKeptInput(keepInput({ args, kwargs }, PLAIN));
      assertEquals(read, { args, kwargs: { ...kwargs } });
    }),
    { numRuns: 200 },
  );
});

Deno.test("keepInput() says why it omits an input", () => {
  const large = keepInput({ args: ["\u00e9".repeat(50)], kwargs: {} }, { ...PLAIN, maxBytes: 100 });
  assertEquals(JSON.parse(large), { omitted: "too-large", bytes: 125 });
  const fits = keepInput({ args: ["\u00e9".repeat(50)], kwargs: {} }, { ...PLAIN, maxBytes: 125 });
  assertEquals(JSON.parse(fits).args.length, 1);
  for (const odd of [NaN, -Infinity, { __type__: "a", __value__: 1 }]) {
    const text = keepInput({ args: [], kwargs: { a: [odd] } }, PLAIN);
    assertEquals(JSON.parse(text), { omitted: "not-json" });
  }
});

Deno.test("keepInput() redacts paths, by name and by position, and changes no message", () => {
  const keys = ["user", "card"];
  const card = () => ({ number: "4111", owner: { pin: "0000" }, tags: [{ id: 1 }, { id: 2 }] });
  const cases: [path: string, input: { args: unknown[]; kwargs: object }, fields: string[]][] = [
    ["card.number", { args: [], kwargs: { card: card() } }, ["kwargs.card.number"]],
    ["card.number", { args: ["ada", card()], kwargs: {} }, ["args.1.number"]],
    ["card.tags.*.id", { args: [], kwargs: { card: card() } }, [
      "kwargs.card.tags.0.id",
      "kwargs.card.tags.1.id",
    ]],
    ["card.tags.1.id", { args: [], kwargs: { card: card() } }, ["kwargs.card.tags.1.id"]],
    ["*.number", { args: ["ada", card()], kwargs: {} }, ["args.1.number"]],
    ["user", { args: ["ada"], kwargs: { user: "twice" } }, ["args.0", "kwargs.user"]],
    ["card.absent.deep", { args: [], kwargs: { card: card() } }, []],
    ["user.name", { args: ["a text"], kwargs: {} }, []],
  ];
  for (const [path, input, fields] of cases) {
    const before = structuredClone(input);
    const given = { ...input, kwargs: input.kwargs as Record<string, unknown> };
    const text = keepInput(given, { ...PLAIN, keys, redact: [path.split(".")] });
    const kept = JSON.parse(text);
    assertEquals(kept.redacted ?? [], fields, path);
    assertEquals(input, before);
    for (const field of fields) {
      const value = field.split(".").reduce((part, name) => part[name], kept);
      assertEquals(value, "[redacted]");
    }
  }
  const all = keepInput({ args: [], kwargs: { card: card() } }, {
    ...PLAIN,
    keys,
    redact: [["card", "number"], ["card", "owner"]],
  });
  assert(!all.includes("4111") && !all.includes("0000"), all);
});

Deno.test("defineTask() checks keepInput", () => {
  const define = (keepInput: unknown) =>
    defineTask({
      name: "pay",
      input: z.object({ card: z.unknown() }),
      keepInput: keepInput as "always",
    });
  assertEquals(define(undefined).keepInput, { when: "failure", redact: [] });
  assertEquals(define("never").keepInput, { when: "never", redact: [] });
  assertEquals(define({ redact: ["card.number"] }).keepInput, {
    when: "failure",
    redact: [["card", "number"]],
  });
  const cases: [unknown, string][] = [
    ["sometimes", "keepInput 'sometimes' is none of failure, always, never: choose one"],
    [{ when: "success" }, "keepInput 'success' is none of"],
    [{ redacted: [] }, "its 'keepInput' has no key 'redacted': did you mean 'redact'?"],
    [{ redact: "card" }, "redact of its keepInput is not a list of paths"],
    [{ redact: ["crad.number"] }, "does not begin with an argument: begin with one of *, card"],
    [{ redact: ["card..number"] }, "path 'card..number'"],
    [{ redact: [7] }, "path '7'"],
  ];
  for (const [given, message] of cases) assertThrows(() => define(given), Error, message);
});
