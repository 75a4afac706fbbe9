/** Dead letters as the API gives them, and which of them a caller means. */
import { z } from "zod";
import type { LetterFilter } from "../../shared/dead_letters/filter.ts";
import type { LetterSummary, StoredLetter } from "../../shared/dead_letters/row.ts";
import { label } from "../http/label.ts";
import { fieldProblem, refusal } from "../http/problem.ts";
import { time } from "../http/time.ts";

/** Which letters, also of the OpenAPI document. All that is given must hold. */
export const LetterFilterBody = z.strictObject({
  id: z.uuid("expected a letter's id, a UUID").describe("The letter's own id"),
  task_id: label.describe("Id of the task"),
  task: label.describe("Name of the task"),
  queue: label.describe("Queue that it was set aside from"),
  reason: label.describe("Why, such as `poison`, `unknown-task` or `delivery_limit`"),
  since: time.describe("Letters collected at or after this time"),
  until: time.describe("Letters collected before this time"),
}).partial();

/** What a caller says of a redrive, also of the OpenAPI document. */
export const RedriveBody = z.strictObject({
  filter: LetterFilterBody.describe("Which letters; `{}` means all"),
  dry_run: z.boolean().optional().describe("Only count"),
  rate: z.number().positive().max(10_000).optional()
    .describe("Messages a second at most; default 100"),
  limit: z.int().min(1).max(100_000).optional()
    .describe("Letters at most, the oldest first; default 10,000"),
});

/** What a caller says of a purge, also of the OpenAPI document. */
export const PurgeBody = RedriveBody.pick({ filter: true, dry_run: true });

/** Reads a body.
 *
 * @throws {Problem} `invalid-input` naming every field that does not fit */
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

/** A filter as the table takes it. */
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

/** A letter of a list. */
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

/** A letter with its message: the body as text where it is UTF-8, and in base64 otherwise. */
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
