/** Operations of the OpenAPI document that are the same in every app. */
import type { z } from "zod";
import { documentSchemas, type JsonSchema, schemaRef } from "./json_schema.ts";
import { PROBLEM_TYPE, type ProblemKind, PROBLEMS } from "../http/problem.ts";
import { ListQuery } from "../routes/results.ts";

/** An OpenAPI operation. */
export type Operation = Record<string, unknown>;

/** Operations by path and method. */
export type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

const json = (schema: JsonSchema, example?: unknown) => ({
  "application/json": { schema, ...(example !== undefined && { example }) },
});

/** An answer that holds JSON. */
export function jsonAnswer(description: string, schema: JsonSchema, headers?: object): object {
  return { description, content: json(schema), ...(headers && { headers }) };
}

/** Answers that are problems, by status. */
export function problems(...kinds: ProblemKind[]): Record<string, object> {
  const answers: Record<string, object> = {};
  for (const status of new Set(kinds.map((kind) => PROBLEMS[kind].status))) {
    const same = kinds.filter((kind) => PROBLEMS[kind].status === status);
    answers[status] = {
      description: same.map((kind) => PROBLEMS[kind].title).join("; "),
      content: { [PROBLEM_TYPE]: { schema: schemaRef("Problem") } },
      ...(status === 503 && { headers: { "Retry-After": textHeader("Seconds") } }),
      ...(status === 405 && { headers: { Allow: textHeader("Methods of this path") } }),
    };
  }
  return answers;
}

/** Problems that any change with a body may meet. */
export const CHANGE_PROBLEMS = [
  "invalid-json",
  "incomplete-body",
  "body-too-slow",
  "body-too-large",
  "unsupported-content-type",
  "invalid-input",
  "unavailable",
  "outcome-unknown",
] as const;

/** Problems that any submission may meet. */
export const SUBMISSION_PROBLEMS = [
  "invalid-json",
  "incomplete-body",
  "unknown-task",
  "body-too-slow",
  "body-too-large",
  "unsupported-content-type",
  "invalid-input",
  "idempotency-mismatch",
  "unroutable",
  "unavailable",
  "outcome-unknown",
] as const satisfies ProblemKind[];

/** What a submission may say beside its body. */
export const SUBMISSION_PARAMETERS = [
  { $ref: "#/components/parameters/wait" },
  { $ref: "#/components/parameters/prefer" },
  { $ref: "#/components/parameters/idempotency-key" },
];

/** How a submission is answered.
 *
 * @param record schema of the record that waiting brings
 * @param accepted schema of what is accepted. Default that of a task */
export function submissionAnswers(
  record: JsonSchema,
  accepted: JsonSchema = schemaRef("Accepted"),
): Record<string, object> {
  return {
    200: jsonAnswer("With `wait`: the task ended in time", record, {
      "Location": textHeader("URL of the record"),
      "Preference-Applied": textHeader("`wait=N`, if requested by `Prefer`"),
    }),
    202: jsonAnswer("Accepted and durable", accepted, {
      "Location": textHeader("URL of the record"),
      "Preference-Applied": textHeader("`wait=N`, if requested by `Prefer`"),
    }),
    ...problems(...SUBMISSION_PROBLEMS),
  };
}

/** The parameters that a query's schema names. */
export function queryParameters(query: z.ZodType): object[] {
  const { properties } = documentSchemas("Query", query, "input")["Query"] as {
    properties: Record<string, JsonSchema>;
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    ...(description !== undefined && { description }),
    schema,
  }));
}

const textHeader = (description: string) => ({ description, schema: { type: "string" } });
const query = (name: string, description: string, schema: JsonSchema) => ({
  name,
  in: "query",
  description,
  schema,
});
const taskId = { $ref: "#/components/parameters/id" };

/** Parameters that several operations share.
 *
 * @param maxWait seconds */
export function sharedParameters(maxWait: number): Record<string, object> {
  return {
    "id": {
      name: "id",
      in: "path",
      required: true,
      schema: { type: "string", minLength: 1, maxLength: 255 },
    },
    "wait": {
      name: "wait",
      in: "query",
      description: `Seconds to wait for the result; maximum ${maxWait}`,
      schema: { type: "number", minimum: 0 },
    },
    "prefer": {
      name: "Prefer",
      in: "header",
      description: "`wait=N`: like the query parameter `wait`, which takes precedence (RFC 7240)",
      schema: { type: "string" },
    },
    "idempotency-key": {
      name: "Idempotency-Key",
      in: "header",
      description:
        "1 to 255 visible ASCII characters. The same key with the same task and body returns the same id and submits no second task; with another task or body the response is 422",
      schema: { type: "string", pattern: "^[!-~]{1,255}$" },
    },
  };
}

/** Paths besides those of single tasks.
 *
 * @param limits seconds that a caller may wait, lines of a batch */
export function sharedPaths(
  limits: { maxWait: number; batchLimit: number },
): Record<string, Record<string, Operation>> {
  return {
    "/v1/tasks": {
      post: {
        operationId: "submitByName",
        tags: ["submit"],
        summary: "Submit a task by the name in the body",
        parameters: SUBMISSION_PARAMETERS,
        requestBody: { required: true, content: json(schemaRef("Submission")) },
        responses: submissionAnswers(schemaRef("Record")),
      },
      get: {
        operationId: "listTasks",
        tags: ["results"],
        summary: "List records, newest first",
        parameters: queryParameters(ListQuery),
        responses: {
          200: jsonAnswer("One page", schemaRef("Page"), {
            Link: textHeader('`rel="next"`: the next page'),
          }),
          ...problems("invalid-input", "unavailable"),
        },
      },
    },
    "/v1/tasks:batch": {
      post: {
        operationId: "submitBatch",
        tags: ["submit"],
        summary: `Submit up to ${limits.batchLimit} tasks`,
        description:
          "NDJSON or an array, at most 64 MiB. The response has one entry per line, in the same format and order. Nothing is published before the whole body has arrived and is well-formed.",
        requestBody: {
          required: true,
          content: {
            ...json({ type: "array", maxItems: limits.batchLimit, items: schemaRef("Submission") }),
            "application/x-ndjson": { schema: schemaRef("Submission") },
          },
        },
        responses: {
          200: {
            description: "The outcome of each line",
            content: {
              ...json({ type: "array", items: schemaRef("BatchAnswer") }),
              "application/x-ndjson": { schema: schemaRef("BatchAnswer") },
            },
          },
          ...problems(
            "invalid-json",
            "body-too-slow",
            "body-too-large",
            "unsupported-content-type",
            "invalid-input",
          ),
        },
      },
    },
    "/v1/tasks/{id}": {
      get: {
        operationId: "readTask",
        tags: ["results"],
        summary: "Read the record of a task",
        parameters: [
          taskId,
          { $ref: "#/components/parameters/wait" },
          { name: "If-None-Match", in: "header", schema: { type: "string" } },
        ],
        responses: {
          200: jsonAnswer("The record; with an ETag if it is final", schemaRef("Record"), {
            "ETag": textHeader("Strong validator of a final record"),
            "Cache-Control": textHeader("`no-store`, or `private, no-cache` for a final record"),
          }),
          304: { description: "Not modified" },
          ...problems("no-record", "invalid-input", "unavailable"),
        },
      },
      delete: {
        operationId: "revokeTask",
        tags: ["results"],
        summary: "Revoke a task, or terminate a running one",
        parameters: [
          taskId,
          query(
            "unrecorded",
            "Revoke an id without a record, such as a task that another system has queued",
            { type: "boolean", default: false },
          ),
          query(
            "terminate",
            "Terminate a running task: a child process by SIGKILL, an inline handler by its signal",
            { type: "boolean", default: false },
          ),
        ],
        responses: {
          200: jsonAnswer("The record, now REVOKED", schemaRef("Record")),
          202: jsonAnswer(
            "With `terminate`: the current record; the worker will terminate the task and write REVOKED",
            schemaRef("Record"),
          ),
          ...problems(
            "no-record",
            "not-revocable",
            "invalid-input",
            "unavailable",
            "outcome-unknown",
          ),
        },
      },
    },
    "/v1/tasks/{id}/why": {
      get: {
        operationId: "explainTask",
        tags: ["results"],
        summary: "Say why a task is not running",
        description:
          "Reads the record, the outbox, the dead letters, the queue, and the workers by remote control, which takes about a second. An id that the caller cannot see has the reason `unknown-id`.",
        parameters: [taskId],
        responses: {
          200: jsonAnswer(
            "The reasons, and the facts that could not be read",
            schemaRef("Explanation"),
          ),
          ...problems("invalid-input", "unavailable"),
        },
      },
    },
    "/v1/tasks/{id}/events": {
      get: {
        operationId: "followTask",
        tags: ["results"],
        summary: "Follow a task as server-sent events",
        parameters: [taskId, { name: "Last-Event-ID", in: "header", schema: { type: "string" } }],
        description:
          "`state` events contain the whole record, starting with the current one; `progress` events contain `{id, progress}`. A comment every 15 s keeps the connection open. The stream ends after the final state.",
        responses: {
          200: {
            description: "The stream",
            content: { "text/event-stream": {} },
          },
          204: {
            description:
              "The stream has already ended: `Last-Event-ID` is the id of its last event",
          },
          ...problems("no-record", "unavailable"),
        },
      },
    },
  };
}
