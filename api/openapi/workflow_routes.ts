/** What the OpenAPI document tells of workflows. */
import {
  jsonAnswer,
  type Operation,
  problems,
  SUBMISSION_PARAMETERS,
  submissionAnswers,
} from "./routes.ts";
import {
  type JsonSchema,
  nullableRef,
  openArray,
  openObject,
  record,
  schemaRef,
} from "./json_schema.ts";
import { redacted, state } from "./schemas.ts";

/** Paths of workflows. */
export function workflowPaths(): Record<string, Record<string, Operation>> {
  return {
    "/v1/workflows": {
      post: {
        operationId: "submitWorkflow",
        tags: ["workflows"],
        summary: "Submit a workflow",
        description: "Accepted atomically; needs the database. The response contains all task ids.",
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
        summary: "Read the record of a workflow",
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

/** Schemas of workflows: each kind of part has its own, so that generators give each a type. */
export function workflowSchemas(): Record<string, JsonSchema> {
  const part = schemaRef("Workflow");
  const parts = { type: "array", items: part };
  const only = (key: string, schema: JsonSchema) =>
    record({ [key]: schema }, { additionalProperties: false });
  const name = { type: "string", description: "Name of the task" };
  const series = (item: JsonSchema, more: Record<string, JsonSchema> = {}) =>
    record({ name, items: { type: "array", items: item }, ...more }, {
      additionalProperties: false,
    });
  const list = openArray("Arguments by position");
  const accepted = {
    id: { type: "string" },
    state,
    tasks: { type: "array", items: schemaRef("WorkflowTask") },
  };
  const kinds = {
    TaskPart: record({
      name,
      args: openArray("Positional arguments, after the result of the previous part"),
      kwargs: openObject("Arguments by name"),
      options: schemaRef("Options"),
      immutable: {
        type: "boolean",
        description: "Whether it ignores the result of the previous part",
      },
      link: { ...parts, description: "Started with the result" },
      link_error: { ...parts, description: "Started with the task's id when it fails" },
    }, {
      optional: ["args", "kwargs", "options", "immutable", "link", "link_error"],
      additionalProperties: false,
    }),
    ChainPart: only("chain", { ...parts, minItems: 1 }),
    GroupPart: only("group", parts),
    ChordPart: only("chord", schemaRef("Chord")),
    MapPart: only("map", schemaRef("Map")),
    StarmapPart: only("starmap", schemaRef("Starmap")),
    ChunksPart: only("chunks", schemaRef("Chunks")),
  };
  return {
    Workflow: {
      description: "A task or a nested part",
      oneOf: Object.keys(kinds).map(schemaRef),
    },
    ...kinds,
    Chord: record({ header: parts, body: part }, { additionalProperties: false }),
    Map: series({ description: "The only argument" }),
    Starmap: series(list),
    Chunks: series(list, { size: { type: "integer", minimum: 1 } }),
    WorkflowTask: record({ id: { type: "string" }, name: { type: "string" }, state }),
    WorkflowAccepted: record(accepted),
    WorkflowRecord: record({
      ...accepted,
      error: nullableRef("TaskError", "Error, without name and stack"),
      done: { type: "integer", description: "Number of final tasks" },
      total: { type: "integer", description: "Number of tasks" },
      submitted_at: { type: "string", format: "date-time" },
      result: { description: "Result, a list for a group; null before SUCCESS" },
      redacted,
    }, { optional: ["redacted"] }),
  };
}
