/** Generates example arguments of a task, for `curl` lines and the reference page. */
import { z } from "zod";
import { exampleNumber, exampleString, type JsonSchema } from "./example_value.ts";
import type { TaskContract } from "./task.ts";

/** Maximum nesting; a schema that requires more has no example. */
const MAX_DEPTH = 12;

/** Nesting up to which an array gets an item even if it may be empty. */
const FILLED_DEPTH = 3;

/** Returns keyword arguments that the contract's input accepts: its own `example`, or values generated
 * from its schema (`examples`, defaults and enumerated values first, then values within the limits).
 *
 * Optional arguments are left out unless the input is invalid without them. The result is validated
 * against the schema.
 *
 * @returns a JSON object, or `undefined` when no valid example was found: a `refine()` or an unusual
 * pattern cannot be guessed
 *
 * @example
 * ```ts
 * import { exampleInput } from "./example_input.ts";
 * import { defineTask, z } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const resize = defineTask({
 *   name: "images.resize",
 *   input: z.object({ url: z.url(), width: z.int().min(16), format: z.enum(["png", "jpeg"]) }),
 * });
 * assertEquals(exampleInput(resize), { url: "https://example.com", width: 16, format: "png" });
 * ```
 */
export function exampleInput(
  { input, example }: Pick<TaskContract, "input" | "example">,
): Record<string, unknown> | undefined {
  if (example !== undefined && accepts(input, example)) return example;
  try {
    const schema = z.toJSONSchema(input, { io: "input", unrepresentable: "any" }) as JsonSchema;
    for (const optional of [false, true]) {
      const value = new Sampler(schema, optional).sample(schema, 0);
      if (value !== undefined && accepts(input, value)) return value as Record<string, unknown>;
    }
  } catch {
    // Functions in a schema can throw for any value.
  }
  return undefined;
}

function accepts(input: z.ZodObject, value: unknown): boolean {
  try {
    return input.safeParse(JSON.parse(JSON.stringify(value))).success;
  } catch {
    return false;
  }
}

class Sampler {
  constructor(readonly root: JsonSchema, readonly optional: boolean) {}

  sample(schema: JsonSchema, depth: number): unknown {
    if (depth > MAX_DEPTH) return undefined;
    const { $ref, examples, default: preset, const: constant, enum: values } = schema;
    if (typeof $ref === "string") return this.sample(this.#resolve($ref), depth + 1);
    const given = [
      ...(Array.isArray(examples) ? examples : []),
      preset,
      constant,
      ...(Array.isArray(values) ? values : []),
    ].find((value) => value !== undefined);
    if (given !== undefined) return given;
    const options = schema["anyOf"] ?? schema["oneOf"];
    if (Array.isArray(options)) {
      return firstOf(options, (option) => this.sample(option, depth + 1));
    }
    return this.#typed(schema, depth);
  }

  #typed(schema: JsonSchema, depth: number): unknown {
    const parts = (schema["allOf"] ?? []) as JsonSchema[];
    const [type] = [schema["type"]].flat();
    switch (type) {
      case "object":
        return this.#object(schema, depth);
      case "array":
        return this.#array(schema, depth);
      case "string":
        return exampleString(schema);
      case "integer":
      case "number":
        return exampleNumber(schema);
      case "boolean":
        return true;
      case "null":
        return null;
    }
    if (parts.length === 0) return "example";
    const samples = parts.map((part) => this.sample(part, depth + 1));
    if (samples.includes(undefined)) return undefined;
    return samples.every((one) => typeof one === "object" && one !== null)
      ? Object.assign({}, ...samples)
      : samples[0];
  }

  #object(schema: JsonSchema, depth: number): unknown {
    const properties = (schema["properties"] ?? {}) as Record<string, JsonSchema>;
    const required = (schema["required"] ?? []) as string[];
    const rest = schema["additionalProperties"] as JsonSchema | undefined;
    const names = new Set([...required, ...(this.optional ? Object.keys(properties) : [])]);
    if (names.size === 0 && this.optional && rest && schema["propertyNames"]) {
      const name = this.sample(schema["propertyNames"] as JsonSchema, depth + 1);
      if (typeof name === "string") names.add(name);
    }
    const entries: [string, unknown][] = [];
    for (const name of names) {
      const value = this.sample(properties[name] ?? rest ?? {}, depth + 1);
      if (value !== undefined) entries.push([name, value]);
      else if (required.includes(name)) return undefined;
    }
    return Object.fromEntries(entries);
  }

  #array(schema: JsonSchema, depth: number): unknown {
    const leading = (schema["prefixItems"] ?? []) as JsonSchema[];
    const values = leading.map((item) => this.sample(item, depth + 1));
    if (values.includes(undefined)) return undefined;
    const least = Number(schema["minItems"] ?? 0);
    if (least > 100) return undefined;
    const filled = leading.length === 0 && depth < FILLED_DEPTH && schema["maxItems"] !== 0;
    const wanted = Math.max(least, filled ? 1 : 0);
    const item = (schema["items"] || undefined) as JsonSchema | undefined;
    while (item && values.length < wanted) {
      const value = this.sample(item, depth + 1);
      if (value === undefined) return values.length < least ? undefined : values;
      values.push(value);
    }
    return values;
  }

  /** Resolves a reference within the schema: `#` or `#/$defs/NAME`. */
  #resolve(reference: string): JsonSchema {
    let found: unknown = this.root;
    for (const part of reference.split("/").slice(1)) {
      const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
      found = (found as Record<string, unknown>)[key];
    }
    return found as JsonSchema;
  }
}

function firstOf(
  options: readonly JsonSchema[],
  sample: (option: JsonSchema) => unknown,
): unknown {
  for (const option of options) {
    const value = sample(option);
    if (value !== undefined) return value;
  }
  return undefined;
}
