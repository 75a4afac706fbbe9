/** Schemas of the OpenAPI document. */
import { z } from "zod";
import { STATES } from "../../shared/results/result.ts";
import type { TaskContract } from "../../shared/task.ts";
import { Options } from "../options.ts";
import { PROBLEMS } from "../problem.ts";

/** A JSON Schema of 2020-12, which is what OpenAPI 3.1 has for schemas. */
export type JsonSchema = Record<string, unknown>;

/** A reference to a schema of the document. */
export function schemaRef(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

/** Turns a zod schema into the schema named `name` of the document.
 *
 * @param io what goes in, or what comes out of defaults and transforms
 *
 * @example
 * ```ts
 * import { documentSchema } from "./schemas.ts";
 * import { z } from "zod";
 * import { assertEquals } from "@std/assert";
 *
 * const schema = documentSchema("Point", z.object({ x: z.int().min(0) }), "input");
 * assertEquals(schema.required, ["x"]);
 * ```
 */
export function documentSchema(
  name: string,
  schema: z.ZodType,
  io: "input" | "output",
): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override({ jsonSchema }) {
      // `format` says it; the pattern is four lines long.
      if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
    },
  });
  return rebased(json, schemaRef(name)["$ref"] as string) as JsonSchema;
}

/** Zod points from the root of its schema, the document's readers from the root of the document. */
function rebased(value: unknown, base: string): unknown {
  if (Array.isArray(value)) return value.map((item) => rebased(item, base));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === "$ref" && typeof item === "string" && item.startsWith("#")
        ? base + item.slice(1)
        : rebased(item, base),
    ]),
  );
}

/** Input of a contract; what the schema does not name is refused, unless it is a loose one. */
export function inputSchema(contract: TaskContract): JsonSchema {
  const schema = documentSchema(`${contract.name}.input`, contract.input, "input");
  return contract.input.def.catchall ? schema : { ...schema, additionalProperties: false };
}

/** What a submission of a contract's task holds. */
export function submissionSchema(contract: TaskContract): JsonSchema {
  const keys = Object.keys(contract.input.shape);
  const named = schemaRef(`${contract.name}.input`);
  const needed = Array.isArray(inputSchema(contract)["required"]);
  return {
    type: "object",
    additionalProperties: false,
    properties: {
      args: {
        type: "array",
        maxItems: keys.length,
        description: `Arguments by position: ${keys.join(", ") || "none"}`,
      },
      kwargs: { type: "object", description: "Arguments by name" },
      options: schemaRef("Options"),
    },
    anyOf: [
      { title: "By name", properties: { kwargs: named }, ...(needed && { required: ["kwargs"] }) },
      { title: "By position", properties: { args: { minItems: 1 } }, required: ["args"] },
    ],
  };
}

/** A schema that allows null, too. */
export const nullable = (
  type: string,
  description: string,
  more: JsonSchema = {},
): JsonSchema => ({ type: [type, "null"], description, ...more });

/** The schema of a time, or null. */
export const time = (description: string): JsonSchema =>
  nullable("string", description, { format: "date-time" });

/** The schema of a page's key to the next. */
export const nextCursor = nullable("string", "Give it as `cursor`; null on the last page");

/** Schemas that all tasks share. */
export function sharedSchemas(): Record<string, JsonSchema> {
  const id = { type: "string", minLength: 1, maxLength: 255 };
  const accepted = {
    id,
    state: { const: "PENDING" },
    name: { type: "string" },
    queue: { type: "string" },
  };
  const problem = {
    type: {
      type: "string",
      format: "uri-reference",
      enum: Object.keys(PROBLEMS).map((kind) => `/problems/${kind}`),
    },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "What cannot be done, why, and what to do" },
    errors: { type: "array", items: schemaRef("FieldError") },
  };
  return {
    Options: documentSchema("Options", Options, "input"),
    Submission: {
      type: "object",
      additionalProperties: false,
      required: ["name"],
      properties: {
        name: { type: "string", description: "Name of the task" },
        args: { type: "array", description: "Arguments by position" },
        kwargs: { type: "object", description: "Arguments by name" },
        options: schemaRef("Options"),
      },
    },
    Accepted: {
      type: "object",
      description:
        "The task is durable: its queue has confirmed it, or the outbox has committed it",
      required: ["id", "state", "name", "queue"],
      properties: accepted,
    },
    Record: {
      type: "object",
      required: ["id", "state", "result", "error"],
      properties: {
        id,
        name: nullable("string", "Name of the task"),
        state: { enum: STATES },
        queue: nullable("string", "Queue it was sent to"),
        worker: nullable("string", "Node name of the worker that wrote last"),
        args: nullable("string", "Positional arguments, as Python shows them"),
        kwargs: nullable("string", "Named arguments, as Python shows them"),
        result: { description: "What the task returned, once SUCCESS" },
        progress: { description: "What the task last told of its progress, while PROGRESS" },
        error: {
          type: ["object", "null"],
          description: "Why it failed, is tried again or was revoked",
          properties: {
            type: { type: "string" },
            message: { type: "string" },
            module: { type: "string" },
            args: { type: "array" },
          },
        },
        traceback: nullable("string", "Stack of the error"),
        meta: nullable(
          "object",
          "What else is known of the last run: `violations` of its sandbox, the seconds that it `blocked` the event loop, the errors that it left `uncaught`",
        ),
        children: {
          type: "array",
          description: "Tasks that it started once SUCCESS, and groups with their `members`",
          items: schemaRef("Child"),
        },
        retries: { type: "integer", description: "Failed attempts" },
        attempts: { type: "integer", description: "Runs, the present one included" },
        deliveries: { type: "integer", description: "Times the broker handed it out" },
        submitted_at: time("When this API accepted it"),
        started_at: time("When the last attempt began"),
        finished_at: time("When it became final"),
        updated_at: time("Last change"),
      },
    },
    Child: {
      type: "object",
      required: ["id"],
      properties: {
        id: { type: "string" },
        members: { type: "array", items: schemaRef("Child") },
      },
    },
    Page: {
      type: "object",
      required: ["tasks", "next"],
      properties: {
        tasks: { type: "array", items: schemaRef("Record") },
        next: nextCursor,
      },
    },
    Problem: {
      type: "object",
      description: "RFC 9457",
      required: ["type", "title", "status", "detail"],
      properties: problem,
    },
    FieldError: {
      type: "object",
      required: ["field", "message"],
      properties: {
        field: {
          type: "string",
          description: "Dotted path, or name of a query parameter or header",
        },
        message: { type: "string" },
        allowed: { type: "array", items: { type: "string" } },
      },
    },
    BatchAnswer: {
      description: "Of one line: accepted, or a problem",
      type: "object",
      required: ["line", "status"],
      properties: { line: { type: "integer", minimum: 1 }, ...accepted, ...problem },
    },
    Health: {
      type: "object",
      required: ["ok", "checks"],
      properties: {
        ok: { type: "boolean" },
        checks: {
          type: "object",
          additionalProperties: {
            type: "object",
            required: ["ok", "state"],
            properties: {
              ok: { type: "boolean" },
              state: { type: "string" },
              reason: { type: "string" },
            },
          },
        },
      },
    },
  };
}
