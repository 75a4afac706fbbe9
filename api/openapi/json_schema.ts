/** JSON Schema as the document writes it: 2020-12, in the forms that generators of clients read. */
import { z } from "zod";

/** A JSON Schema of 2020-12, which is what OpenAPI 3.1 has for schemas. */
export type JsonSchema = Record<string, unknown>;

/** Whether a schema says what goes in, or what comes out of defaults and transforms. */
export type Direction = "input" | "output";

const PREFIX = "#/components/schemas/";

/** A reference to a schema of the document. */
export function schemaRef(name: string): JsonSchema {
  return { $ref: PREFIX + name };
}

/** An object of which only this is known: any name with any value. */
export const openObject = (description: string): JsonSchema => ({
  type: "object",
  additionalProperties: true,
  description,
});

/** A list of values that may be anything. */
export const openArray = (description: string): JsonSchema => ({
  type: "array",
  items: {},
  description,
});

/** A schema that allows null, too. */
export const nullable = (
  type: string,
  description: string,
  more: JsonSchema = {},
): JsonSchema => ({ type: [type, "null"], description, ...more });

/** One of the document's schemas, or null. */
export const nullableRef = (name: string, description: string): JsonSchema => ({
  anyOf: [schemaRef(name), { type: "null" }],
  description,
});

/** The schema of a time, or null. */
export const time = (description: string): JsonSchema =>
  nullable("string", description, { format: "date-time" });

/** An object with these properties, all of which are there unless `optional` names them. */
export function record(
  properties: Readonly<Record<string, JsonSchema>>,
  { optional = [], ...more }: { optional?: readonly string[] } & JsonSchema = {},
): JsonSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", ...more, ...(required.length > 0 && { required }), properties };
}

/** Turns a zod schema into the schema `name` of the document. A part that contains itself becomes a schema of its own, as generators
 * follow references to named schemas only.
 *
 * @example
 * ```ts
 * import { documentSchemas } from "./json_schema.ts";
 * import { z } from "zod";
 * import { assertEquals } from "@std/assert";
 *
 * const { Point } = documentSchemas("Point", z.object({ x: z.int().min(0) }), "input");
 * assertEquals(Point?.required, ["x"]);
 * ```
 */
export function documentSchemas(
  name: string,
  schema: z.ZodType,
  io: Direction,
): Record<string, JsonSchema> {
  const { $schema: _, $defs = {}, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ jsonSchema }) => simplify(jsonSchema as JsonSchema),
  }) as JsonSchema & { $defs?: Record<string, JsonSchema> };
  const parts: Record<string, JsonSchema> = { "#": json };
  for (const [key, part] of Object.entries($defs)) parts[`#/$defs/${key}`] = part;
  const targets = new Map<string, JsonSchema>([["#", schemaRef(name)]]);
  for (const pointer of Object.keys(parts)) {
    const key = pointer.slice("#/$defs/".length).replace(/^__schema/, "part");
    if (isShapeless(parts[pointer], pointer)) targets.set(pointer, {});
    else if (pointer !== "#") targets.set(pointer, schemaRef(`${name}.${key}`));
  }
  return Object.fromEntries(
    Object.entries(parts).flatMap(([pointer, part]) => {
      const { $ref } = targets.get(pointer)!;
      if (pointer !== "#" && $ref === undefined) return [];
      const own = pointer === "#" ? name : String($ref).slice(PREFIX.length);
      return [[own, retargeted(part, targets)]];
    }),
  );
}

/** What zod says more verbosely, or less clearly, than generators need. */
function simplify(schema: JsonSchema): void {
  // `format` says it; the pattern is four lines long.
  if (schema["format"] === "date-time") delete schema["pattern"];
  if (schema["type"] === "array" && !("items" in schema) && !("prefixItems" in schema)) {
    schema["items"] = {};
  }
  // Names of JSON are strings.
  const names = schema["propertyNames"] as JsonSchema | undefined;
  if (names && Object.keys(names).length === 1 && names["type"] === "string") {
    delete schema["propertyNames"];
  }
  const { const: value } = schema;
  if (value !== undefined && schema["type"] === undefined) {
    schema["type"] = value === null ? "null" : typeof value;
  }
}

/** Whether a part contains itself without a property of an object between, such as any JSON value does: generators of clients have no
 * type for it, so what refers to it may be anything. */
function isShapeless(part: unknown, pointer: string): boolean {
  if (Array.isArray(part)) return part.some((item) => isShapeless(item, pointer));
  if (typeof part !== "object" || part === null) return false;
  return Object.entries(part).some(([key, item]) =>
    key === "$ref" ? item === pointer : key !== "properties" && isShapeless(item, pointer)
  );
}

/** Zod points from the root of its schema, the document's readers from the root of the document. */
function retargeted(value: unknown, targets: ReadonlyMap<string, JsonSchema>): JsonSchema {
  const walk = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(walk);
    if (typeof node !== "object" || node === null) return node;
    const { $ref, ...more } = node as { $ref?: unknown };
    const target = typeof $ref === "string" ? targets.get($ref) : undefined;
    if (target !== undefined) return { ...more, ...target };
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, walk(item)]));
  };
  return walk(value) as JsonSchema;
}
