/** Dead letters as JSON, and filters for them. */
import { z } from "zod";
import type { LetterFilter } from "../../shared/dead_letters/filter.ts";
import type { LetterSummary, StoredLetter } from "../../shared/dead_letters/row.ts";
import { label } from "../http/label.ts";
import { fieldProblem, refusal } from "../http/problem.ts";
import { time } from "../http/time.ts";

/** A filter, also for the OpenAPI document. All conditions must match. */
export const LetterFilterBody = z.strictObject({
  id: z.uuid("expected a letter's id, a UUID").describe("Id of the letter"),
  task_id: label.describe("Id of the task"),
  task: label.describe("Name of the task"),
  queue: label.describe("Queue that the message came from"),
  reason: label.describe("Reason, such as `poison`, `unknown-task` or `delivery_limit`"),
  since: time.describe("Letters collected at or after this time"),
  until: time.describe("Letters collected before this time"),
}).partial();

/** The body of a redrive, also for the OpenAPI document. */
export const RedriveBody = z.strictObject({
  filter: LetterFilterBody.describe("Filter; `{}` matches all letters"),
  dry_run: z.boolean().optional().describe("Only count the letters"),
  rate: z.number().positive().max(10_000).optional()
    .describe("Maximum messages per second; default 100"),
  limit: z.int().min(1).max(100_000).optional()
    .describe("Maximum letters, oldest first; default 10,000"),
});

/** The body of a purge, also for the OpenAPI document. */
export const PurgeBody = RedriveBody.pick({ filter: true, dry_run: true });

/** Reads a body.
 *
 * @throws {Problem} `invalid-input` naming every invalid field */
export function readLetterBody<Shape extends z.ZodObject>(
  schema: Shape,
  body: unknown,
): z.output<Shape> {
  if (typeof body !== "object" || body === null || !Object.hasOwn(body, "filter")) {
    throw fieldProblem("filter", "it is required: name what is meant, or {} for all letters");
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw refusal("the body", parsed.error.issues, (issue) => ({
    field: [...issue.path, ...("keys" in issue ? issue.keys.slice(0, 1) : [])].join("."),
    message: issue.message,
  }));
}

/** Converts a filter for the store. */
export function toFilter(given: z.output<typeof LetterFilterBody>): LetterFilter {
  const { id, task_id, task, queue, reason, since, until } = given;
  return {
    ...(id !== undefined && { id }),
    ...(task_id !== undefined && { taskId: task_id }),
    ...(task !== undefined && { task }),
    ...(queue !== undefined && { queue }),
    ...(reason !== undefined && { reason }),
    ...(since !== undefined && { since: new Date(since) }),
    ...(until !== undefined && { until: new Date(until) }),
  };
}

/** A letter in a list. */
export function summaryBody(letter: LetterSummary) {
  return {
    id: letter.id,
    task_id: letter.taskId,
    task: letter.task,
    queue: letter.queue,
    reason: letter.reason,
    detail: letter.detail,
    worker: letter.worker,
    retries: letter.retries,
    died_at: letter.diedAt,
    collected_at: letter.collectedAt,
    size: letter.size,
  };
}

/** A letter with its message: the body as text if it is UTF-8, otherwise in base64. */
export function letterBody(letter: StoredLetter) {
  const text = decoded(letter.body);
  return {
    ...summaryBody(letter),
    exchange: letter.exchange,
    routing_key: letter.routingKey,
    properties: letter.properties,
    headers: letter.headers,
    body: text ?? letter.body.toBase64(),
    body_encoding: text === undefined ? "base64" : "utf-8",
  };
}

function decoded(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}
