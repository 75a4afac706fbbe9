/** Operations of the OpenAPI document that are about dead letters. */
import { PurgeBody, RedriveBody } from "../dead_letters/dead_letter.ts";
import { LettersQuery } from "../routes/dead_letters.ts";
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
  openObject,
  record,
  schemaRef,
  time,
} from "./json_schema.ts";
import { nextCursor } from "./schemas.ts";

/** Paths of dead letters. */
export function deadLetterPaths(): Record<string, Record<string, Operation>> {
  return {
    "/v1/dead-letters": {
      get: {
        operationId: "listDeadLetters",
        tags: ["dead letters"],
        summary: "List dead letters, newest first",
        parameters: queryParameters(LettersQuery),
        responses: {
          200: jsonAnswer("One page", schemaRef("DeadLetters")),
          ...problems("invalid-input", "unavailable"),
        },
      },
    },
    "/v1/dead-letters/{letter}": {
      get: {
        operationId: "readDeadLetter",
        tags: ["dead letters"],
        summary: "Read a dead letter with headers and body",
        parameters: [{
          name: "letter",
          in: "path",
          required: true,
          schema: { type: "string", minLength: 1, maxLength: 200 },
        }],
        responses: {
          200: jsonAnswer("The letter", schemaRef("WholeDeadLetter")),
          ...problems("no-dead-letter", "invalid-input", "unavailable"),
        },
      },
    },
    "/v1/dead-letters:redrive": {
      post: {
        operationId: "redriveDeadLetters",
        tags: ["dead letters"],
        summary: "Redrive dead letters",
        description:
          "Requeues each letter to its original queue, through the outbox. A failed task becomes PENDING again.",
        requestBody: requestBody("Redrive", { filter: { reason: "poison" }, dry_run: true }),
        responses: {
          200: jsonAnswer("Counted, or sent", schemaRef("Redriven")),
          ...problems(...CHANGE_PROBLEMS),
        },
      },
    },
    "/v1/dead-letters:purge": {
      post: {
        operationId: "purgeDeadLetters",
        tags: ["dead letters"],
        summary: "Delete dead letters permanently",
        requestBody: requestBody("Purge", {
          filter: { until: "2026-01-01T00:00:00Z" },
          dry_run: true,
        }),
        responses: {
          200: jsonAnswer("Counted, or deleted", schemaRef("Purged")),
          ...problems(...CHANGE_PROBLEMS),
        },
      },
    },
  };
}

function requestBody(schema: string, example: unknown): object {
  return {
    required: true,
    content: { "application/json": { schema: schemaRef(schema), example } },
  };
}

/** Schemas of dead letters. */
export function deadLetterSchemas(): Record<string, JsonSchema> {
  const textOrNull = (description: string) => nullable("string", description);
  const count = (description: string) => ({ type: "integer", minimum: 0, description });
  const summary = {
    id: { type: "string", format: "uuid" },
    task_id: textOrNull("Id of the task, if the message contains it"),
    task: textOrNull("Name of the task, if the message contains it"),
    queue: { type: "string", description: "Queue that the message came from" },
    reason: { type: "string", description: "Reason, as one word" },
    detail: textOrNull("Why, in words"),
    worker: textOrNull("Node that dead-lettered it; null for the broker"),
    retries: count("Failed attempts according to the message"),
    died_at: time("Time of dead-lettering"),
    collected_at: { type: "string", format: "date-time" },
    size: count("Bytes of its body"),
  };
  const outcome = (properties: Record<string, JsonSchema>) =>
    record({ dry_run: { type: "boolean" }, matched: count("Matching letters"), ...properties });
  return {
    DeadLetter: record(summary),
    WholeDeadLetter: record({
      ...summary,
      exchange: { type: "string" },
      routing_key: { type: "string" },
      properties: openObject("AMQP's basic properties"),
      headers: openObject(
        "Types that JSON lacks are objects with one key: `$date` (milliseconds), `$bytes` (base64), `$bigint`, `$number`",
      ),
      body: { type: "string" },
      body_encoding: { type: "string", enum: ["utf-8", "base64"] },
    }),
    DeadLetters: record({
      dead_letters: { type: "array", items: schemaRef("DeadLetter") },
      next: nextCursor,
    }),
    ...documentSchemas("Redrive", RedriveBody, "input"),
    Redriven: outcome({
      redriven: count("Requeued letters"),
      waiting: count(
        "Skipped letters: the outbox still contains the same attempt of the task, or its record is not FAILURE yet",
      ),
      last_due_at: time("Due time of the last message"),
    }),
    ...documentSchemas("Purge", PurgeBody, "input"),
    Purged: outcome({ purged: count("Letters deleted") }),
  };
}
