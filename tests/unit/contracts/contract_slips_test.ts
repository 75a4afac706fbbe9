import { assertEquals, assertThrows } from "@std/assert";
import { stringifyJson } from "../../../shared/celery/python_json.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { ConfigurationError } from "../../../shared/errors.ts";

const iso = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

Deno.test("defineTask() takes schemas whose travelling side is JSON", () => {
  interface Tree {
    readonly name: string;
    readonly children: Tree[];
  }
  const tree: z.ZodType<Tree> = z.lazy(() =>
    z.object({ name: z.string(), children: z.array(tree) })
  );
  defineTask({
    name: "fine",
    input: z.object({
      at: iso,
      on: z.coerce.date(),
      many: z.coerce.bigint(),
      length: z.string().transform((text) => text.length),
      maybe: z.union([z.string(), z.undefined()]),
      tree,
      any: z.unknown(),
      table: z.record(z.string(), z.tuple([z.int()]).rest(z.literal(["a", null]))),
    }).catchall(z.json()),
    output: z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("a"), tree }),
      z.object({ kind: z.literal("b"), note: z.string().nullish().readonly() }),
    ]),
  });
});

const nested: [path: string, schema: z.ZodType][] = [
  ["input.x", z.date()],
  ["input.x", z.optional(z.date().nullable())],
  ["input.x", z.date().default(new Date(0))],
  ["input.x[]", z.array(z.map(z.string(), z.string()))],
  ["input.x[1]", z.tuple([z.string(), z.set(z.string())])],
  ["input.x.*", z.record(z.string(), z.bigint())],
  ["input.x.y", z.union([z.string(), z.object({ y: z.symbol() })])],
  ["input.x.y", z.intersection(z.object({}), z.object({ y: z.undefined() }))],
  ["input.x", z.lazy(() => z.nan())],
  ["input.x", z.literal([1n])],
  ["input.x", z.date().transform((date) => date.getTime())],
  ["input.x.*", z.object({}).catchall(z.date())],
];
for (const [path, schema] of nested) {
  Deno.test(`defineTask() refuses what JSON cannot represent at ${path} (${schema.def.type})`, () => {
    const define = () => defineTask({ name: "bad", input: z.object({ x: schema }) });
    const { message } = assertThrows(define, ConfigurationError);
    assertEquals(message.includes(` represent ${path}, a z.`), true, message);
  });
}

Deno.test("defineTask() judges an output by what it gives", () => {
  const input = z.object({});
  for (const output of [iso, z.coerce.date(), z.array(z.bigint()), z.void()]) {
    assertThrows(() => defineTask({ name: "bad", input, output }), ConfigurationError, "output");
  }
});

Deno.test("stringifyJson() writes what has toJSON(), and objects of another realm", () => {
  class Money {
    toJSON() {
      return { cents: 5 };
    }
  }
  assertEquals(
    stringifyJson([
      new Date(0),
      new Money(),
      new URL("a:b"),
      Object.create(null),
      new Uint8Array(1),
    ]),
    '["1970-01-01T00:00:00.000Z",{"cents":5},"a:b",{},"AA=="]',
  );
});
