/** The fields of a form for the input of a task, from its JSON Schema. Pure. */
import { z } from "zod";
import type { TaskContract } from "../../../shared/contracts/task.ts";
import { stringifyJson } from "../../../shared/celery/python_json.ts";
import { parseStrict } from "../../http/strict_json.ts";
import { indented } from "../view/indent.ts";
import { type FieldError, Problem } from "../../http/problem.ts";

/** How a value is written in a form. `json` is for arrays, objects, and values of several types. */
export type FieldKind = "text" | "long" | "number" | "flag" | "choice" | "json";

/** A field of the form: one argument of the task. */
export interface InputField {
  readonly name: string;
  readonly kind: FieldKind;
  readonly isRequired: boolean;
  readonly description: string | undefined;
  /** Values of a choice. */
  readonly choices: readonly string[];
  /** Value that the contract fills in; `undefined` if there is none. */
  readonly fallback: unknown;
}

type JsonSchema = Readonly<Record<string, unknown>>;

/** Length up to which a text gets a field of one line. */
const LINE_MAX = 200;

/** The fields for a contract's input, in its order.
 *
 * @example
 * ```ts
 * import { inputFields } from "./input_fields.ts";
 * import { defineTask, z } from "../../../shared/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const resize = defineTask({
 *   name: "resize",
 *   input: z.object({ width: z.int(), format: z.enum(["png", "jpeg"]).optional() }),
 * });
 * const fields = inputFields(resize);
 * assertEquals(fields.map(({ name, kind }) => [name, kind]), [["width", "number"], ["format", "choice"]]);
 * assertEquals(fields.map(({ isRequired }) => isRequired), [true, false]);
 * ```
 */
export function inputFields({ input }: Pick<TaskContract, "input">): InputField[] {
  const schema = z.toJSONSchema(input, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const required = new Set((schema["required"] ?? []) as string[]);
  const properties = (schema["properties"] ?? {}) as Record<string, JsonSchema>;
  return Object.entries(properties).map(([name, property]) => {
    const kind = kindOf(property);
    return {
      name,
      kind,
      isRequired: required.has(name),
      description: property["description"] as string | undefined,
      choices: kind === "choice" ? property["enum"] as string[] : [],
      fallback: property["default"],
    };
  });
}

function kindOf({ type, enum: values, maxLength, format, pattern }: JsonSchema): FieldKind {
  if (Array.isArray(values)) {
    return values.every((value) => typeof value === "string") ? "choice" : "json";
  }
  switch (type) {
    case "boolean":
      return "flag";
    case "integer":
    case "number":
      return "number";
    case "string":
      return format || pattern || Number(maxLength) <= LINE_MAX ? "text" : "long";
    default:
      return "json";
  }
}

/** The text of a value in its field. An argument that is left out has an empty text. Integers beyond 2^53 (bigint) keep their digits. */
export function textOf({ kind }: InputField, value: unknown): string {
  if (value === undefined) return "";
  const isText = kind === "text" || kind === "long" || kind === "choice";
  if (isText && typeof value === "string") return value;
  const json = stringifyJson(value);
  return kind === "json" ? indented(json) : json;
}

/** Arguments that a form contains, and what is wrong with its fields. */
export interface ReadInput {
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly errors: readonly FieldError[];
}

/** Reads the texts of the fields. An empty text leaves an argument out, except a required text, which is then empty.
 *
 * @param textFor returns the text of a field by its name */
export function readInput(
  fields: readonly InputField[],
  textFor: (name: string) => string,
): ReadInput {
  const kwargs: Record<string, unknown> = {};
  const errors: FieldError[] = [];
  for (const field of fields) {
    // Browsers send line ends as CRLF.
    const text = textFor(field.name).replaceAll("\r\n", "\n");
    const isText = field.kind === "text" || field.kind === "long";
    if (text === "" && !(isText && field.isRequired)) continue;
    if (isText || field.kind === "choice") {
      kwargs[field.name] = text;
      continue;
    }
    try {
      kwargs[field.name] = parseStrict(text);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const [first] = error.errors;
      const expected = field.kind === "number" ? "expected a number" : "expected a JSON value";
      errors.push({ field: `kwargs.${field.name}`, message: first?.message ?? expected });
    }
  }
  return { kwargs, errors };
}
