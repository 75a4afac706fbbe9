/** Operations of the OpenAPI document that are about schedules. */
import { ScheduleQuery, SchedulesQuery } from "../routes/schedules.ts";
import { ScheduleBody } from "../submitting/schedule.ts";
import {
  CHANGE_PROBLEMS,
  jsonAnswer,
  type Operation,
  problems,
  queryParameters,
} from "./routes.ts";
import {
  documentSchemas,
  type JsonSchema,
  nullable,
  record,
  schemaRef,
  time,
} from "./json_schema.ts";
import { nextCursor } from "./schemas.ts";

const name = {
  name: "schedule",
  in: "path",
  required: true,
  schema: { type: "string", minLength: 1, maxLength: 200 },
};

const one = (description: string) => jsonAnswer(description, schemaRef("Schedule"));

/** Paths of schedules. */
export function schedulePaths(): Record<string, Record<string, Operation>> {
  return {
    "/v1/schedules": {
      get: {
        operationId: "listSchedules",
        tags: ["schedules"],
        summary: "List schedules by name",
        parameters: queryParameters(SchedulesQuery),
        responses: {
          200: jsonAnswer("One page", schemaRef("Schedules")),
          ...problems("invalid-input", "unavailable"),
        },
      },
      post: {
        operationId: "addSchedule",
        tags: ["schedules"],
        summary: "Create a schedule",
        description: "With `cron` or `every`. The first tick is the next due time after now.",
        requestBody: {
          required: true,
          content: {
            "application/json": {
              schema: schemaRef("NewSchedule"),
              example: {
                name: "morning",
                task: "add",
                cron: "0 6 * * mon-fri",
                timezone: "Asia/Seoul",
                kwargs: { x: 2, y: 3 },
              },
            },
          },
        },
        responses: {
          201: one("It is stored"),
          ...problems("schedule-exists", ...CHANGE_PROBLEMS),
        },
      },
    },
    "/v1/schedules/{schedule}": {
      get: {
        operationId: "readSchedule",
        tags: ["schedules"],
        summary: "Read a schedule and its next due times",
        parameters: [name, ...queryParameters(ScheduleQuery)],
        responses: {
          200: one("The schedule"),
          ...problems("no-schedule", "invalid-input", "unavailable"),
        },
      },
      delete: {
        operationId: "removeSchedule",
        tags: ["schedules"],
        summary: "Remove a schedule that the app's code does not define",
        parameters: [name],
        responses: {
          204: { description: "Removed" },
          ...problems("no-schedule", "schedule-in-code", "unavailable", "outcome-unknown"),
        },
      },
    },
    "/v1/schedules/{schedule}/pause": step("pause", "Pause a schedule"),
    "/v1/schedules/{schedule}/resume": step(
      "resume",
      "Resume a schedule; ticks missed during the pause are not sent",
    ),
    "/v1/schedules/{schedule}/trigger": {
      post: {
        operationId: "triggerSchedule",
        tags: ["schedules"],
        summary: "Send the task of a schedule now, in addition to its ticks",
        parameters: [name],
        responses: {
          202: jsonAnswer("Accepted and durable", schemaRef("Accepted")),
          ...problems(
            "no-schedule",
            "invalid-input",
            "unroutable",
            "unavailable",
            "outcome-unknown",
          ),
        },
      },
    },
  };
}

function step(verb: "pause" | "resume", summary: string): Record<string, Operation> {
  return {
    post: {
      operationId: `${verb}Schedule`,
      tags: ["schedules"],
      summary,
      parameters: [name],
      responses: {
        200: one("The updated schedule"),
        ...problems("no-schedule", "unavailable", "outcome-unknown"),
      },
    },
  };
}

/** Schemas of schedules. */
export function scheduleSchemas(): Record<string, JsonSchema> {
  const schemas = documentSchemas("NewSchedule", ScheduleBody, "input");
  const { properties } = schemas["NewSchedule"] as { properties: Record<string, JsonSchema> };
  const orNull = (schema: JsonSchema | undefined) => ({ anyOf: [schema ?? {}, { type: "null" }] });
  const { cron, timezone, every, ...same } = properties;
  return {
    ...schemas,
    Schedule: record({
      ...same,
      cron: orNull(cron),
      timezone: orNull(timezone),
      every: orNull(every),
      source: {
        type: "string",
        enum: ["code", "database"],
        description: "`code`: the app defines it",
      },
      ticks: { type: "integer", description: "Number of sent ticks" },
      last_at: time("Due time of the last tick"),
      last_task: nullable("string", "Id of its task"),
      next_at: time("Next due time; null while it is paused"),
      next_runs: { type: "array", items: { type: "string", format: "date-time" } },
      problem: nullable("string", "Error that stops the schedule"),
      created_at: time("When it was made"),
      updated_at: time("Time of the last change"),
    }),
    Schedules: record({
      schedules: { type: "array", items: schemaRef("Schedule") },
      next: nextCursor,
      scheduler: nullable(
        "string",
        "Name of the current leader; null if no scheduler runs",
      ),
    }),
  };
}
