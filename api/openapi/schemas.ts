/** Schemas of the OpenAPI document. */
import { STATES } from "../../shared/results/result.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { REASON_CODES } from "../explaining/wording.ts";
import { Options } from "../submitting/options.ts";
import { PROBLEMS } from "../http/problem.ts";
import {
  documentSchemas,
  type JsonSchema,
  nullable,
  nullableRef,
  openArray,
  openObject,
  record,
  schemaRef,
  time,
} from "./json_schema.ts";

/** The schema of a page's key to the next. */
export const nextCursor = nullable(
  "string",
  "Value of `cursor` for the next page; null on the last page",
);

/** The schema of a state. */
export const state: JsonSchema = { type: "string", enum: STATES };

/** The mark of a record without data. */
export const redacted: JsonSchema = {
  type: "boolean",
  const: true,
  description: "Present if the caller lacks the scope `tasks:read-data`: all data is null",
};

/** Schemas of one contract: `NAME.input`, `NAME.named` and `NAME.positional`, which are bodies of submissions, and `NAME.output`. */
export function taskSchemas(contract: TaskContract): Record<string, JsonSchema> {
  const { name, input, output } = contract;
  const schemas = documentSchemas(`${name}.input`, input, "input");
  const whole = schemas[`${name}.input`]!;
  // What the schema does not name is refused, unless it is a loose one.
  schemas[`${name}.input`] = input.def.catchall ? whole : { ...whole, additionalProperties: false };
  const keys = Object.keys(input.shape);
  const options = schemaRef("Options");
  const named = record({ kwargs: schemaRef(`${name}.input`), options }, {
    optional: whole["required"] === undefined ? ["kwargs", "options"] : ["options"],
    additionalProperties: false,
    description: "Arguments by name",
  });
  const args = {
    ...openArray(`Arguments in this order: ${keys.join(", ")}`),
    minItems: 1,
    maxItems: keys.length,
  };
  const positional = record({ args, kwargs: openObject("Arguments by name"), options }, {
    optional: ["kwargs", "options"],
    additionalProperties: false,
    description: "Arguments by position, the rest by name",
  });
  return {
    ...schemas,
    [`${name}.named`]: named,
    ...(keys.length > 0 && { [`${name}.positional`]: positional }),
    ...(output && documentSchemas(`${name}.output`, output, "output")),
  };
}

/** What a submission of a contract's task holds. */
export function submissionSchema({ name, input }: TaskContract): JsonSchema {
  const named = schemaRef(`${name}.named`);
  if (Object.keys(input.shape).length === 0) return named;
  return { anyOf: [named, schemaRef(`${name}.positional`)] };
}

/** Schemas that all tasks share. */
export function sharedSchemas(): Record<string, JsonSchema> {
  const id = { type: "string", minLength: 1, maxLength: 255 };
  const accepted = {
    id,
    state: { type: "string", const: "PENDING" },
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
    detail: { type: "string", description: "What failed, why, and the remedy" },
    errors: { type: "array", items: schemaRef("FieldError") },
    ids: {
      type: "array",
      items: { type: "string" },
      description:
        "Only in outcome-unknown: ids of the tasks or the workflow that may have been accepted",
    },
  };
  return {
    ...documentSchemas("Options", Options, "input"),
    Submission: record({
      name: { type: "string", description: "Name of the task" },
      args: openArray("Arguments by position"),
      kwargs: openObject("Arguments by name"),
      options: schemaRef("Options"),
    }, { optional: ["args", "kwargs", "options"], additionalProperties: false }),
    Rerun: record({
      args: openArray("Replaces the arguments by position"),
      kwargs: openObject("Replaces the arguments by name"),
      options: schemaRef("Options"),
    }, { optional: ["args", "kwargs", "options"], additionalProperties: false }),
    Accepted: record(accepted, {
      description: "The task is durable: confirmed by its queue, or committed to the outbox",
    }),
    AcceptedRerun: record({ ...accepted, rerun_of: { ...id, description: "Id of the original" } }),
    RetriedTask: record({
      id,
      state: { type: "string", const: "PENDING" },
      source: {
        type: "string",
        enum: ["dead-letters", "input"],
        description: "What was sent: dead letters of the task, or a message with its kept input",
      },
    }),
    Record: recordSchema(id, ["progress"]),
    ListedRecord: recordSchema(id, ["progress", "result"]),
    TaskError: record({
      name: nullable("string", "Class of the error in JavaScript; null for an error from Python"),
      message: { type: "string" },
      stack: nullable("string", "Stack in JavaScript, with causes; null for an error from Python"),
      type: { type: "string", description: "Class that Celery raises (`exc_type`)" },
      module: { type: "string", description: "Module of that class (`exc_module`)" },
      args: openArray("Arguments of that class (`exc_message`)"),
    }, { description: "Error of a failed, retried or revoked task" }),
    PastAttempt: record({
      attempt: { type: "integer", minimum: 1, description: "1 for the first attempt" },
      worker: nullable("string", "Node name of the worker"),
      started_at: time("Start of the attempt"),
      finished_at: { type: "string", format: "date-time" },
      error: {
        description: "Class of the error, and the first 1,000 characters of its message",
        anyOf: [record({ type: { type: "string" }, message: { type: "string" } }), {
          type: "null",
        }],
      },
    }),
    Child: record({
      id: { type: "string" },
      members: { type: "array", items: schemaRef("Child") },
    }, { optional: ["members"] }),
    Explanation: record({
      id: { type: "string" },
      name: nullable("string", "Name of the task"),
      state: nullable("string", "State of its record"),
      queue: nullable("string", "Queue of the task"),
      reasons: { type: "array", minItems: 1, items: schemaRef("Reason") },
      unread: {
        type: "array",
        description: "Facts that could not be read",
        items: record({ fact: { type: "string" }, reason: { type: "string" } }),
      },
    }, { description: "Why a task does not run, the most important reason first" }),
    Reason: record({
      code: { type: "string", enum: REASON_CODES },
      sentence: { type: "string", description: "What is the case" },
      remedy: nullable("string", "What to do; null if there is nothing to do"),
      evidence: openObject("Numbers and names behind the sentence; they depend on the code"),
    }),
    Page: record({ tasks: { type: "array", items: schemaRef("ListedRecord") }, next: nextCursor }),
    Problem: record(problem, { optional: ["errors", "ids"], description: "RFC 9457" }),
    FieldError: record({
      field: {
        type: "string",
        description: "Dotted path, or name of a query parameter or header",
      },
      message: { type: "string" },
      allowed: { type: "array", items: { type: "string" } },
    }, { optional: ["allowed"] }),
    BatchAnswer: record({ line: { type: "integer", minimum: 1 }, ...accepted, ...problem }, {
      description: "Outcome of one line: accepted, or a problem",
      optional: [...Object.keys(accepted), "type", "title", "detail", "errors", "ids"],
    }),
    HealthCheck: record({
      ok: { type: "boolean" },
      state: { type: "string" },
      reason: { type: "string" },
    }, { optional: ["reason"] }),
    Index: record({
      name: { type: "string" },
      version: { type: "string" },
      tasks: { type: "array", items: { type: "string" }, description: "Names of all tasks" },
      links: { type: "object", additionalProperties: { type: "string" } },
    }),
    Health: record({
      ok: { type: "boolean" },
      checks: { type: "object", additionalProperties: schemaRef("HealthCheck") },
    }),
  };
}

function recordSchema(id: JsonSchema, optional: string[]): JsonSchema {
  const count = (description: string) => ({ type: "integer", minimum: 0, description });
  return record({
    id,
    name: nullable("string", "Name of the task"),
    state,
    queue: nullable("string", "Queue of the task"),
    worker: nullable("string", "Node name of the last worker"),
    args: {
      type: ["array", "null"],
      items: {},
      description: "Positional arguments; null if the record does not contain all of them",
    },
    kwargs: {
      type: ["object", "null"],
      additionalProperties: true,
      description: "Named arguments; null if the record does not contain all of them",
    },
    truncated: {
      type: "boolean",
      description: "Whether `args` or `kwargs` is null because its representation was truncated",
    },
    args_repr: nullable("string", "`args` as Python's `repr()`, up to about 1,024 characters"),
    kwargs_repr: nullable("string", "`kwargs` as Python's `repr()`, up to about 1,024 characters"),
    input: {
      oneOf: [
        record({
          args: { type: "array", items: {} },
          kwargs: { type: "object", additionalProperties: true },
          redacted: {
            type: "array",
            items: { type: "string" },
            description: "Fields whose values were replaced, such as `kwargs.card.number`",
          },
        }, { optional: ["redacted"] }),
        record({
          omitted: { enum: ["too-large", "not-json"] },
          bytes: { type: "integer", description: "Size as JSON" },
        }, { optional: ["bytes"] }),
        { type: "null" },
      ],
      description:
        "The exact arguments, or why they were omitted; null if the contract keeps none with this state, in lists, and in answers to submissions that waited",
    },
    result: { description: "Result of the task in SUCCESS; otherwise null" },
    progress: { description: "Last reported progress in PROGRESS" },
    error: nullableRef("TaskError", "Error of a failed, retried or revoked task"),
    traceback: nullable("string", "Stack of the error, in the handler's language"),
    meta: {
      type: ["object", "null"],
      additionalProperties: true,
      description:
        "Details of the last run: sandbox `violations`, seconds that it `blocked` the event loop, and `uncaught` errors",
    },
    children: {
      type: "array",
      description: "Tasks that its success started, and groups with their `members`",
      items: schemaRef("Child"),
    },
    parent_id: nullable("string", "Task that started it; null if none did"),
    root_id: nullable("string", "First task of its tree; null if it is that task"),
    trace_id: nullable(
      "string",
      "Trace of its sender (W3C Trace Context); null without tracing, and in answers to submissions that waited",
    ),
    submitted_by: nullable(
      "string",
      "`key:ID` or `jwt:SUBJECT`; null for the operator, schedules and other systems",
    ),
    labels: {
      type: "object",
      additionalProperties: {
        anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }],
      },
      description: "Labels of the task: the stamps of its message as texts",
    },
    history: {
      type: "array",
      description: "The last 50 failed attempts that were retried, oldest first",
      items: schemaRef("PastAttempt"),
    },
    retries: count("Failed attempts"),
    attempts: count("Runs, including the current one"),
    deliveries: count("Deliveries by the broker"),
    submitted_at: time("Time of submission, or the time in a UUIDv7 id"),
    started_at: time("Start of the last attempt"),
    finished_at: time("Time of the final state"),
    updated_at: { type: "string", format: "date-time", description: "Last change" },
    redacted,
  }, { optional: [...optional, "redacted"] });
}
