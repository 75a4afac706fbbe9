import { assert, assertEquals } from "@std/assert";
import { exampleInput } from "../../../shared/contracts/example_input.ts";
import { defineTask, z } from "../../../shared/mod.ts";

interface Tree {
  value: number;
  children: Tree[];
}
const tree: z.ZodType<Tree> = z.object({ value: z.int(), children: z.array(z.lazy(() => tree)) });
const endless: z.ZodType = z.object({ next: z.lazy(() => endless) });

function exampleOf(input: z.ZodObject, example?: Record<string, unknown>) {
  return exampleInput(defineTask({ name: "a", input, ...(example && { example }) }));
}

const possible: Readonly<Record<string, z.ZodType>> = {
  "a string": z.string(),
  "lengths": z.string().min(30).max(31),
  "one character": z.string().max(1),
  "an e-mail address": z.email(),
  "a URL": z.url(),
  "a URL by protocol": z.url({ protocol: /^https$/ }),
  "a UUID": z.uuid(),
  "an ISO time": z.iso.time(),
  "an ISO date and time with offset": z.iso.datetime({ offset: true }),
  "an ISO duration": z.iso.duration(),
  "a JWT": z.jwt(),
  "base64": z.base64().min(1),
  "an address": z.ipv6(),
  "a range of addresses": z.cidrv4(),
  "an emoji": z.emoji(),
  "a phone number": z.e164(),
  "an id": z.nanoid(),
  "a pattern": z.string().regex(/^[A-Z]{3}-\d{4}$/),
  "a negated class": z.string().regex(/^[^"\r\n]$/),
  "alternatives": z.string().regex(/^(?:foo|bar)\/\w+$/),
  "a pattern with a length": z.string().regex(/^\w*$/).min(20),
  "a beginning and an end": z.string().startsWith("ab").endsWith("yz").min(9),
  "a template": z.templateLiteral([z.number(), "px"]),
  "a word of several": z.enum(["small", "large"]),
  "a constant": z.literal(5),
  "an integer": z.int().min(5).max(9),
  "a multiple": z.number().multipleOf(7).min(10),
  "a decimal multiple": z.number().multipleOf(0.01).gt(0).lt(0.5),
  "between two numbers": z.number().gt(1).lt(1.5),
  "a negative number": z.int().negative(),
  "a nullable": z.string().nullable(),
  "null": z.null(),
  "anything": z.unknown(),
  "a list": z.array(z.string().min(1)).min(2),
  "a tuple with a rest": z.tuple([z.string(), z.int()], z.boolean()),
  "a union": z.union([z.string().regex(/^(?=a)b$/), z.number()]),
  "a union by field": z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("circle"), radius: z.number().positive() }),
    z.object({ kind: z.literal("point") }),
  ]),
  "an intersection": z.intersection(z.object({ x: z.int() }), z.object({ y: z.string() })),
  "a record": z.record(z.string(), z.number()),
  "a record by words": z.record(z.enum(["north", "south"]), z.number()),
  "a tree": tree,
  "a strict object": z.strictObject({ at: z.object({ depth: z.boolean() }) }),
  "text for a number": z.string().meta({ examples: ["12"] }).transform(Number).pipe(z.int()),
  "trimmed": z.string().trim().toLowerCase().min(3),
};

Deno.test("exampleInput() creates values that the schema accepts", () => {
  for (const [what, schema] of Object.entries(possible)) {
    const input = z.object({ value: schema });
    const example = exampleOf(input);
    assert(example && input.safeParse(example).success, `${what}: ${JSON.stringify(example)}`);
  }
});

Deno.test("exampleInput() prefers the contract's example unless the schema rejects it", () => {
  const input = z.object({ who: z.string().min(3) });
  assertEquals(exampleOf(input, { who: "Ada" }), { who: "Ada" });
  assertEquals(exampleOf(input, { who: "A" }), { who: "example" });
  assertEquals(exampleOf(z.object({ who: z.string().meta({ examples: ["Bo"] }) })), { who: "Bo" });
});

Deno.test("exampleInput() omits optional arguments unless they are needed", () => {
  const shape = { a: z.string(), b: z.int().optional(), c: z.int().default(4) };
  assertEquals(exampleOf(z.object(shape)), { a: "example" });
  assertEquals(
    exampleOf(z.object(shape).refine(({ b }) => b !== undefined)),
    { a: "example", b: 1, c: 4 },
  );
  assertEquals(exampleOf(z.object({})), {});
});

Deno.test("exampleInput() is undefined when no value is found", () => {
  const impossible: readonly z.ZodType[] = [
    z.string().refine((text) => text === "secret"),
    z.string().regex(/^(?=.*\d)(?=.*[a-z]).{8,}$/),
    z.string().min(1_000_000),
    z.string().transform((text) => JSON.parse(text)),
    z.string().refine((text) => Promise.resolve(text !== "")),
    z.array(z.int()).min(100_000),
    z.int().min(3).max(2),
    z.never(),
    endless,
  ];
  for (const schema of impossible) assertEquals(exampleOf(z.object({ value: schema })), undefined);
});
