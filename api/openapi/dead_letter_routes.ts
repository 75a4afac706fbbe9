/** Operations of the OpenAPI document that are about dead letters. */
import { PurgeBody, RedriveBody } from "../dead_letters/dead_letter.ts";
import { LettersQuery } from "../routes/dead_letters.ts";
import { jsonAnswer, type Operation, problems, queryParameters } from "./routes.ts";
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
        summary: "List messages that nobody could work on, newest first",
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
        summary: "Read a dead letter with its headers and its body",
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
        summary: "Send dead letters again",
        description:
          "To the queue that each was set aside from, by the outbox. A task that had failed is PENDING again.",
        requestBody: requestBody("Redrive", { filter: { reason: "poison" }, dry_run: true }),
        responses: {
          200: jsonAnswer("Counted, or sent", schemaRef("Redriven")),
          ...refusals(),
        },
      },
    },
    "/v1/dead-letters:purge": {
      post: {
        operationId: "purgeDeadLetters",
        tags: ["dead letters"],
        summary: "Delete dead letters for good",
        requestBody: requestBody("Purge", {
          filter: { until: "2026-01-01T00:00:00Z" },
          dry_run: true,
        }),
        responses: {
          200: jsonAnswer("Counted, or deleted", schemaRef("Purged")),
          ...refusals(),
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

function refusals() {
  return problems(
    "invalid-json",
    "incomplete-body",
    "body-too-slow",
    "body-too-large",
    "unsupported-content-type",
    "invalid-input",
    "unavailable",
    "outcome-unknown",
  );
}

/** Schemas of dead letters. */
export function deadLetterSchemas(): Record<string, JsonSchema> {
  const textOrNull = (description: string) => nullable("string", description);
  const count = (description: string) => ({ type: "integer", minimum: 0, description });
  const summary = {
    id: { type: "string", format: "uuid" },
    task_id: textOrNull("Id of the task, if the message tells one"),
    task: textOrNull("Name of the task, if the message tells one"),
    queue: { type: "string", description: "Queue that it was set aside from" },
    reason: { type: "string", description: "Why, in one word" },
    detail: textOrNull("Why, in words"),
    worker: textOrNull("Node that set it aside; null where the broker did"),
    retries: count("Failed attempts that the message counts"),
    died_at: time("When it was set aside"),
    collected_at: { type: "string", format: "date-time" },
    size: count("Bytes of its body"),
  };
  const outcome = (properties: Record<string, JsonSchema>) =>
    record({ dry_run: { type: "boolean" }, matched: count("Letters that fit"), ...properties });
  return {
    DeadLetter: record(summary),
    WholeDeadLetter: record({
      ...summary,
      exchange: { type: "string" },
      routing_key: { type: "string" },
      properties: openObject("AMQP's basic properties"),
      headers: openObject(
        "What JSON has no type for is an object of one key: `$date` (milliseconds), `$bytes` (base64), `$bigint`, `$number`",
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
      redriven: count("Letters sent again"),
      waiting: count(
        "Letters left alone, as the outbox still holds the same attempt of the same task, or a worker has yet to make its record FAILURE",
      ),
      last_due_at: time("When the last is due"),
    }),
    ...documentSchemas("Purge", PurgeBody, "input"),
    Purged: outcome({ purged: count("Letters deleted") }),
  };
}
