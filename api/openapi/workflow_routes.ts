/** What the OpenAPI document tells of workflows. */
import { STATES } from "../../shared/results/result.ts";
import {
  jsonAnswer,
  type Operation,
  problems,
  SUBMISSION_PARAMETERS,
  submissionAnswers,
} from "./routes.ts";
import { type JsonSchema, schemaRef } from "./schemas.ts";

/** Paths of workflows. */
export function workflowPaths(): Record<string, Record<string, Operation>> {
  return {
    "/v1/workflows": {
      post: {
        operationId: "submitWorkflow",
        tags: ["workflows"],
        summary: "Submit tasks that follow one another",
        description:
          "Accepted as a whole or not at all; needs the database. Every task's id is fixed with the answer.",
        parameters: SUBMISSION_PARAMETERS,
        requestBody: {
          required: true,
          content: {
            "application/json": {
              schema: schemaRef("Workflow"),
              example: {
                chain: [{ name: "add", kwargs: { x: 2, y: 2 } }, { name: "add", args: [3] }],
              },
            },
          },
        },
        responses: submissionAnswers(schemaRef("WorkflowRecord"), schemaRef("WorkflowAccepted")),
      },
    },
    "/v1/workflows/{id}": {
      get: {
        operationId: "readWorkflow",
        tags: ["workflows"],
        summary: "Read what became of a workflow",
        parameters: [
          { $ref: "#/components/parameters/id" },
          { $ref: "#/components/parameters/wait" },
        ],
        responses: {
          200: jsonAnswer("The workflow and the states of its tasks", schemaRef("WorkflowRecord")),
          ...problems("no-record", "invalid-input", "unavailable"),
        },
      },
    },
  };
}

/** Schemas of workflows. */
export function workflowSchemas(): Record<string, JsonSchema> {
  const part = schemaRef("Workflow");
  const parts = { type: "array", items: part };
  const only = (key: string, schema: JsonSchema): JsonSchema => ({
    type: "object",
    additionalProperties: false,
    required: [key],
    properties: { [key]: schema },
  });
  const series = (item: JsonSchema, more: Record<string, JsonSchema> = {}): JsonSchema => ({
    type: "object",
    additionalProperties: false,
    required: ["name", "items", ...Object.keys(more)],
    properties: { name: { type: "string" }, items: { type: "array", items: item }, ...more },
  });
  const lists = { type: "array", description: "Arguments by position" };
  const task = {
    type: "object",
    required: ["id", "name", "state"],
    properties: { id: { type: "string" }, name: { type: "string" }, state: { enum: STATES } },
  };
  const accepted = {
    id: { type: "string" },
    state: { enum: STATES },
    tasks: { type: "array", items: task },
  };
  return {
    Workflow: {
      description: "A task, or parts that follow one another",
      oneOf: [
        {
          type: "object",
          additionalProperties: false,
          required: ["name"],
          properties: {
            name: { type: "string", description: "Name of the task" },
            args: {
              type: "array",
              description: "Arguments by position, after the result of what comes before",
            },
            kwargs: { type: "object", description: "Arguments by name" },
            options: schemaRef("Options"),
            immutable: { type: "boolean", description: "Takes nothing from what comes before" },
            link: { ...parts, description: "Started with the result" },
            link_error: { ...parts, description: "Started with the task's id when it fails" },
          },
        },
        only("chain", { ...parts, minItems: 1 }),
        only("group", parts),
        only("chord", {
          type: "object",
          additionalProperties: false,
          required: ["header", "body"],
          properties: { header: parts, body: part },
        }),
        only("map", series({ description: "The only argument" })),
        only("starmap", series(lists)),
        only("chunks", series(lists, { size: { type: "integer", minimum: 1 } })),
      ],
    },
    WorkflowAccepted: {
      type: "object",
      required: ["id", "state", "tasks"],
      properties: accepted,
    },
    WorkflowRecord: {
      type: "object",
      required: ["id", "state", "error", "done", "total", "tasks", "submitted_at", "result"],
      properties: {
        ...accepted,
        error: { type: ["object", "null"], description: "Why it did not succeed" },
        done: { type: "integer", description: "Tasks whose state is final" },
        total: { type: "integer", description: "Tasks in all" },
        submitted_at: { type: "string", format: "date-time" },
        result: { description: "What it ends with, of a group a list; null until SUCCESS" },
      },
    },
  };
}
