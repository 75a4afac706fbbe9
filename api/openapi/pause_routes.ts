/** Operations of the OpenAPI document that are about pauses. */
import { PauseBody, ResumeQuery } from "../routes/pauses.ts";
import {
  documentSchemas,
  type JsonSchema,
  nullable,
  record,
  schemaRef,
  time,
} from "./json_schema.ts";
import {
  CHANGE_PROBLEMS,
  jsonAnswer,
  type Operation,
  problems,
  queryParameters,
} from "./routes.ts";

const one = (description: string) => jsonAnswer(description, schemaRef("Pause"));

/** Paths of pauses. */
export function pausePaths(): Record<string, Record<string, Operation>> {
  return {
    "/v1/pauses": {
      get: {
        operationId: "listPauses",
        tags: ["pauses"],
        summary: "List paused queues and tasks, and those that are being resumed",
        responses: {
          200: jsonAnswer(
            "All pauses",
            record({ pauses: { type: "array", items: schemaRef("Pause") } }),
          ),
          ...problems("invalid-input", "unavailable"),
        },
      },
    },
    "/v1/queues/{queue}/pause": operations("queue", {
      pause:
        "Workers stop fetching from it within about a second. Tasks that run are finished. Messages stay in the queue; fetched ones wait in the outbox.",
    }),
    "/v1/tasks/{task}/pause": operations("task", {
      pause:
        "No worker starts the task from about a second later. Tasks that run are finished. Messages that arrive wait in the outbox.",
    }),
  };
}

function operations(
  scope: "queue" | "task",
  descriptions: { readonly pause: string },
): Record<string, Operation> {
  const parameters = [{
    name: scope,
    in: "path",
    required: true,
    schema: { type: "string", minLength: 1, maxLength: 255 },
  }];
  const named = scope === "queue" ? "Queue" : "Task";
  return {
    put: {
      operationId: `pause${named}`,
      tags: ["pauses"],
      summary: `Pause a ${scope}`,
      description: `${descriptions.pause} A repeated call changes the reason.`,
      parameters,
      requestBody: {
        required: false,
        content: {
          "application/json": {
            schema: schemaRef("NewPause"),
            example: { reason: "The payment provider is down" },
          },
        },
      },
      responses: {
        200: one("The pause"),
        ...problems(scope === "queue" ? "unknown-queue" : "unknown-task", ...CHANGE_PROBLEMS),
      },
    },
    delete: {
      operationId: `resume${named}`,
      tags: ["pauses"],
      summary: `Resume a ${scope}`,
      description:
        "Its parked messages are sent again, oldest first. Until they are due, the pause is listed as `resuming`. A repeated call changes the rate.",
      parameters: [...parameters, ...queryParameters(ResumeQuery)],
      responses: {
        200: one("The pause that ends"),
        ...problems("no-pause", "invalid-input", "unavailable", "outcome-unknown"),
      },
    },
  };
}

/** Schemas of pauses. */
export function pauseSchemas(): Record<string, JsonSchema> {
  return {
    ...documentSchemas("NewPause", PauseBody, "input"),
    Pause: record({
      scope: { type: "string", enum: ["queue", "task"] },
      name: { type: "string", description: "Name of the queue or task" },
      state: { type: "string", enum: ["paused", "resuming"] },
      reason: nullable("string", "Why it is paused"),
      paused_by: { type: "string", description: "Caller, as in the audit log" },
      paused_at: { type: "string", format: "date-time" },
      resumed_at: time("When it was resumed; null while it is paused"),
      rate: nullable("number", "Messages per second of the resume; null: all at once"),
      parked: {
        type: "integer",
        description: "Messages in the outbox that wait for the resume, revoked ones included",
      },
      parked_bytes: { type: "integer", description: "Bytes of their bodies" },
    }),
  };
}
