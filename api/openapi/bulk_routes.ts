/** Operations of the OpenAPI document that change many tasks. */
import { BulkBody, BulkRevokeBody } from "../routes/bulk.ts";
import {
  documentSchemas,
  type JsonSchema,
  nullable,
  record,
  schemaRef,
  time,
} from "./json_schema.ts";
import { jsonAnswer, type Operation, problems } from "./routes.ts";

const id = [{
  name: "job",
  in: "path",
  required: true,
  schema: { type: "string", format: "uuid" },
}];

/** Paths of bulk jobs. */
export function bulkPaths(): Record<string, Record<string, Operation>> {
  return {
    "/v1/tasks:revoke": change("revokeTasks", "Revoke many tasks", "BulkRevoke"),
    "/v1/tasks:retry": change("retryTasks", "Send many failed tasks again", "Bulk"),
    "/v1/tasks:rerun": change("rerunTasks", "Submit many tasks again under new ids", "Bulk"),
    "/v1/bulk-jobs": {
      get: {
        operationId: "listBulkJobs",
        tags: ["results"],
        summary: "List the latest bulk jobs",
        description: "A caller that is limited to some tasks or queues sees its own jobs.",
        responses: {
          200: jsonAnswer(
            "The latest 100 jobs, newest first",
            record({ bulk_jobs: { type: "array", items: schemaRef("BulkJob") } }),
          ),
          ...problems("invalid-input", "unavailable"),
        },
      },
    },
    "/v1/bulk-jobs/{job}": {
      get: {
        operationId: "readBulkJob",
        tags: ["results"],
        summary: "Read the progress of a bulk job",
        parameters: id,
        responses: {
          200: jsonAnswer("The job", schemaRef("BulkJob")),
          ...problems("no-bulk-job", "invalid-input", "unavailable"),
        },
      },
    },
    "/v1/bulk-jobs/{job}/stop": {
      post: {
        operationId: "stopBulkJob",
        tags: ["results"],
        summary: "Stop a bulk job",
        description: "It ends after its current step. Tasks that it has changed stay changed.",
        parameters: id,
        responses: {
          200: jsonAnswer("The job", schemaRef("BulkJob")),
          ...problems("no-bulk-job", "invalid-input", "unavailable", "outcome-unknown"),
        },
      },
    },
  };
}

function change(operationId: string, summary: string, schema: string): Record<string, Operation> {
  return {
    post: {
      operationId,
      tags: ["results"],
      summary,
      description:
        "Starts a job that changes the tasks that match the filter, in the background. Requests with the same `Idempotency-Key` start one job. Only tasks that were created before `filter.until`, by default before the request, are changed. A task is changed only if it still matches when the job reaches it. With `dry_run` the answer is the number of tasks.",
      parameters: [{ $ref: "#/components/parameters/idempotency-key" }],
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: schemaRef(schema),
            example: { filter: { q: "state:failure name:mail.*" }, dry_run: true },
          },
        },
      },
      responses: {
        200: jsonAnswer("The count of a dry run", schemaRef("BulkCount")),
        202: jsonAnswer("The job has started", schemaRef("BulkJob"), {
          "Location": { description: "URL of the job", schema: { type: "string" } },
        }),
        ...problems(
          "invalid-json",
          "incomplete-body",
          "body-too-slow",
          "body-too-large",
          "unsupported-content-type",
          "invalid-input",
          "idempotency-mismatch",
          "unavailable",
          "outcome-unknown",
        ),
      },
    },
  };
}

/** Schemas of bulk jobs. */
export function bulkSchemas(): Record<string, JsonSchema> {
  const count = (description: string): JsonSchema => ({
    type: "integer",
    minimum: 0,
    description,
  });
  return {
    ...documentSchemas("Bulk", BulkBody, "input"),
    ...documentSchemas("BulkRevoke", BulkRevokeBody, "input"),
    BulkCount: record({
      dry_run: { type: "boolean", const: true },
      matched: count("Tasks that match"),
      states: {
        type: "object",
        description: "State -> tasks in it",
        additionalProperties: { type: "integer", minimum: 1 },
      },
      complete: {
        type: "boolean",
        description: "Whether all records were read; otherwise more may match",
      },
      until: {
        type: "string",
        format: "date-time",
        description: "Value of `filter.until` for a job that changes these tasks",
      },
    }),
    BulkJob: record({
      id: { type: "string", format: "uuid" },
      action: { type: "string", enum: ["revoke", "retry", "rerun"] },
      terminate: { type: "boolean", description: "Whether it terminates running tasks" },
      filter: record({
        q: { type: "string" },
        ids: { type: "array", items: { type: "string" } },
        until: { type: "string", format: "date-time" },
      }, { optional: ["q", "ids"] }),
      state: { type: "string", enum: ["RUNNING", "ENDED", "STOPPED"] },
      matched: nullable("integer", "Tasks that matched at the start; null if not all were counted"),
      done: count("Tasks that it has changed"),
      refused: count("Tasks that it could not change"),
      refusals: {
        type: "array",
        description: "The first 20 of them",
        items: record({
          id: { type: "string" },
          reason: nullable("string", "null for a caller without the scope `tasks:read-data`"),
        }),
      },
      stopped: nullable("string", "Why it ended early"),
      started_by: { type: "string", description: "Caller, as in the audit log" },
      created_at: { type: "string", format: "date-time" },
      ended_at: time("null while it runs"),
    }, { optional: ["terminate"] }),
  };
}
