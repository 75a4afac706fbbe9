/** A JSON Schema as people read it: its fields, also those of objects within, and types in a few words. */
import { html } from "hono/html";
import type { JsonSchema } from "./json_schema.ts";

type Markup = ReturnType<typeof html>;

/** A field, at whatever depth. */
export interface Field {
  /** Path from the whole, such as `order.items[].price`. */
  readonly name: string;
  readonly optional: boolean;
  readonly schema: JsonSchema;
}

/** Lists the fields of an object, those of objects and lists within after each. What a reference names is listed elsewhere.
 *
 * @example
 * ```ts
 * import { fieldsOf } from "./schema_fields.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const item = { type: "object", properties: { price: { type: "number" } } };
 * const order = { type: "object", properties: { items: { type: "array", items: item } } };
 * assertEquals(fieldsOf(order).map(({ name }) => name), ["items", "items[].price"]);
 * ```
 */
export function fieldsOf(schema: JsonSchema, prefix = ""): Field[] {
  const properties = Object.entries(
    (schema["properties"] ?? {}) as Record<string, JsonSchema>,
  );
  const required = (schema["required"] ?? []) as readonly string[];
  const own = properties.flatMap(([key, property]): Field[] => {
    const name = prefix === "" ? key : `${prefix}.${key}`;
    return [
      { name, optional: !required.includes(key), schema: property },
      ...fieldsOf(property, name),
    ];
  });
  const { items, additionalProperties: values } = schema;
  const inside = [schema["anyOf"], schema["oneOf"], schema["allOf"], schema["prefixItems"]]
    .flatMap((options) => Array.isArray(options) ? options : []);
  return [
    ...own,
    ...inside.flatMap((option: JsonSchema) => fieldsOf(option, prefix)),
    ...(isSchema(items) ? fieldsOf(items, `${prefix}[]`) : []),
    ...(isSchema(values) ? fieldsOf(values, `${prefix}.*`) : []),
  ];
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null;
}

/** A type in a few words, linked where it has a name. */
export function kindOf(schema: JsonSchema): Markup | string {
  const { $ref, type, format, enum: values, const: value, items, anyOf, oneOf } = schema;
  if (typeof $ref === "string") {
    const name = $ref.slice("#/components/schemas/".length);
    return html`<a href="#${anchor(name)}">${name}</a>`;
  }
  if (Array.isArray(values)) return values.map((one) => JSON.stringify(one)).join(" | ");
  if (value !== undefined) return JSON.stringify(value);
  const options = anyOf ?? oneOf;
  if (Array.isArray(options)) {
    return html`${
      options.map((option, index) => html`${index > 0 ? " | " : ""}${kindOf(option)}`)
    }`;
  }
  if (type === "array" && isSchema(items) && Object.keys(items).length > 0) {
    return html`array of ${kindOf(items as JsonSchema)}`;
  }
  const named = Array.isArray(type) ? type.join(" | ") : String(type ?? "any");
  const limits = Object.entries(LIMITS).filter(([key]) =>
    schema[key] !== undefined && !isDefaultLimit(schema[key])
  );
  const told = [format, ...limits.map(([key, sign]) => `${sign} ${schema[key]}`)].filter(Boolean)
    .join(", ");
  return told ? `${named} (${told})` : named;
}

const LIMITS = {
  minimum: "≥",
  exclusiveMinimum: ">",
  maximum: "≤",
  exclusiveMaximum: "<",
  minLength: "length ≥",
  maxLength: "length ≤",
  minItems: "items ≥",
  maxItems: "items ≤",
};

/** Zod bounds every integer by what a double holds. */
function isDefaultLimit(limit: unknown): boolean {
  return Math.abs(Number(limit)) === Number.MAX_SAFE_INTEGER;
}

/** The id of a heading. */
export function anchor(name: unknown): string {
  return String(name).replaceAll(/[^\w.-]/g, "-");
}
