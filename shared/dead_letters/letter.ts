/** Reads dead letters from messages and prepares them to be sent again. Pure.
 *
 * A worker that dead-letters a message adds the reason as headers (`celeriac-…`). A queue's policy adds RabbitMQ's
 * `x-first-death-queue`, `x-first-death-reason` and `x-death` (RabbitMQ documentation, "Dead Letter Exchanges").
 * @module
 */
import { createHash } from "node:crypto";
import { v5, v7, validate } from "uuid";
import type { Message } from "../broker/message.ts";
import { isTable } from "../broker/headers.ts";
import { decodeTask } from "../celery/decode.ts";
import { withoutTransport } from "../celery/headers.ts";
import { isCount, isName } from "../celery/shape.ts";
import { sanitizeText } from "../database/sanitize_text.ts";
import { Malformed } from "../errors.ts";
import { toStored } from "../broker/stored_message.ts";
import { INBOX_QUEUE } from "../broker/event_topology.ts";
import { DEAD_EXCHANGE, destinationOf } from "../broker/topology.ts";

/** Why, where and when a message was dead-lettered. */
export interface DeadLetterReason {
  /** One of `RejectReason`, or RabbitMQ's reason (`delivery_limit`, `expired`, `maxlen`, `rejected`). */
  readonly reason: string;
  readonly detail: string | null;
  /** Queue that the message was in. */
  readonly queue: string;
  /** Node that dead-lettered it; `null` if the broker did. */
  readonly worker: string | null;
  readonly diedAt: Date | null;
}

/** A dead-lettered message. All texts are sanitized. */
export interface DeadLetter extends DeadLetterReason {
  /** A UUID. A redelivery of the same message has the same id. */
  readonly id: string;
  /** `null` if the message has none. */
  readonly taskId: string | null;
  readonly task: string | null;
  /** Failed attempts by the message's header `retries`. */
  readonly retries: number;
  readonly message: Message;
}

/** Headers that a worker or relay adds. */
const HEADERS = {
  id: "celeriac-letter",
  reason: "celeriac-reason",
  detail: "celeriac-detail",
  queue: "celeriac-queue",
  worker: "celeriac-worker",
  diedAt: "celeriac-rejected-at",
  record: "celeriac-record",
} as const;

const OURS: ReadonlySet<string> = new Set(Object.values(HEADERS));

/** Maximum characters of a detail, because all headers must fit into one frame. */
const DETAIL_MAX = 2048;

/** Namespace of the ids of letters without an id header. Such an id is a hash of the message. */
const NAMESPACE = "6c1f6f0c-3f56-4a0e-8d0b-6d8a5a8b2f4e";

/** Maximum of the column. */
const INTEGER_MAX = 2 ** 31 - 1;

/** Headers with the reason of a dead letter and a new id.
 *
 * @param options.failing whether the sender sets the task's record to FAILURE next. Default `false` */
export function deadLetterHeaders(
  { reason, detail, queue, worker, diedAt }: DeadLetterReason,
  { failing = false }: { failing?: boolean } = {},
): Record<string, string> {
  return {
    [HEADERS.id]: v7(),
    [HEADERS.reason]: reason,
    [HEADERS.detail]: (detail ?? "").slice(0, DETAIL_MAX),
    [HEADERS.queue]: queue,
    [HEADERS.worker]: worker ?? "",
    [HEADERS.diedAt]: (diedAt ?? new Date()).toISOString(),
    ...(failing && { [HEADERS.record]: "FAILURE" }),
  };
}

/** Whether the sender sets the task's record to FAILURE after it has dead-lettered the message. */
export function isFailing(headers: Readonly<Record<string, unknown>>): boolean {
  return headers[HEADERS.record] === "FAILURE";
}

/** Whether a worker or relay dead-lettered the message. It also makes the record final; RabbitMQ does not. */
export function hasReason(headers: Readonly<Record<string, unknown>>): boolean {
  return typeof headers[HEADERS.reason] === "string";
}

/** Reads any message from the dead-letter queue.
 *
 * @example
 * ```ts
 * import { deadLetterHeaders, readLetter, resent } from "./letter.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const reason = { reason: "unknown-task", detail: "no handler", queue: "celeriac.images", worker: "w1", diedAt: new Date(0) };
 * const message = {
 *   exchange: "dlx.celeriac",
 *   routingKey: "celeriac.images",
 *   properties: { contentType: "application/json" },
 *   headers: { id: "a", task: "crop", ...deadLetterHeaders(reason) },
 *   body: new TextEncoder().encode("[[], {}, {}]"),
 * };
 * const letter = readLetter(message);
 * assertEquals([letter.taskId, letter.task, letter.reason], ["a", "crop", "unknown-task"]);
 * assertEquals(resent(letter).headers, { id: "a", task: "crop" });
 * ```
 */
export function readLetter(message: Message): DeadLetter {
  const { headers } = message;
  const queue = text(headers[HEADERS.queue]) ?? text(headers["x-first-death-queue"]) ??
    sanitizeText(message.routingKey);
  if (!isDeadLettered(message)) {
    return { id: letterIdOf(message), ...identity(message, queue), ...UNVERIFIED, queue, message };
  }
  const id = headers[HEADERS.id];
  const [death] = Array.isArray(headers["x-death"]) ? headers["x-death"] : [];
  const { time, reason } = isTable(death) ? death : {};
  return {
    id: typeof id === "string" && validate(id) ? id : letterIdOf(message),
    ...identity(message, queue),
    reason: text(headers[HEADERS.reason]) ?? text(headers["x-first-death-reason"]) ??
      text(reason) ?? "unknown",
    detail: text(headers[HEADERS.detail]),
    queue,
    worker: text(headers[HEADERS.worker]),
    diedAt: date(headers[HEADERS.diedAt]) ?? date(time),
    message,
  };
}

/** Whether a message reached the dead-letter queue through the dead-letter exchange. Only workers and the policies of queues may publish
 * there, but every user with write permission on the default exchange can publish directly to the queue, with any headers. */
export function isDeadLettered({ exchange }: Pick<Message, "exchange">): boolean {
  return exchange === DEAD_EXCHANGE;
}

/** Reason of a message that was published directly to the dead-letter queue: its headers are not trusted. */
const UNVERIFIED = {
  reason: "unverified",
  detail:
    "It was published directly to the dead-letter queue: neither a worker nor the policy of a queue dead-lettered it.",
  worker: null,
  diedAt: null,
} as const;

/** Reduces a letter to what the database always accepts: the body and sanitized texts.
 *
 * @param fault why the database refused the complete letter */
export function bare(letter: DeadLetter, fault: string): DeadLetter {
  const { id, reason, queue, message } = letter;
  const detail =
    `stored without headers and properties because the database refused them: ${fault}`;
  return {
    id,
    taskId: null,
    task: null,
    retries: 0,
    reason,
    detail: sanitizeText(detail.slice(0, DETAIL_MAX)),
    queue,
    worker: null,
    diedAt: null,
    message: { ...message, properties: {}, headers: {} },
  };
}

/** The letter of a message that never reached the dead-letter queue.
 *
 * @param options.id a UUID, so that repeating this gives the same letter. Default: a new one */
export function letterOf(
  message: Message,
  reason: DeadLetterReason,
  { id = v7() }: { id?: string } = {},
): DeadLetter {
  const detail = reason.detail && sanitizeText(reason.detail.slice(0, DETAIL_MAX));
  return { id, ...identity(message, reason.queue), ...reason, detail, message };
}

/** The message to send again: addressed to its original queue, without the headers added by dead-lettering.
 *
 * It has no `expiration`, because an elapsed one would dead-letter it again immediately. */
export function resent({ queue, message }: Pick<DeadLetter, "queue" | "message">): Message {
  // RabbitMQ requires `userId` to be the publisher's own user.
  const { expiration: _expiration, userId: _userId, ...properties } = message.properties;
  const headers = Object.entries(withoutTransport(message.headers))
    .filter(([name]) => !OURS.has(name));
  return {
    ...destinationOf(queue),
    properties: { ...properties, deliveryMode: 2 },
    headers: Object.fromEntries(headers),
    body: message.body,
  };
}

/** Task id, name and retries: from the headers, or from the body in protocol 1. An event has none: its own id may be that of a task. */
function identity(
  message: Message,
  queue: string,
): Pick<DeadLetter, "taskId" | "task" | "retries"> {
  if (queue === INBOX_QUEUE) return sanitized(undefined, undefined, 0);
  const { id, task, retries } = message.headers;
  if (id !== undefined || task !== undefined) return sanitized(id, task, retries);
  try {
    const decoded = decodeTask(message);
    return sanitized(decoded.id, decoded.task, decoded.retries);
  } catch (error) {
    return sanitized(error instanceof Malformed ? error.id : undefined, undefined, 0);
  }
}

function sanitized(
  id: unknown,
  task: unknown,
  retries: unknown,
): Pick<DeadLetter, "taskId" | "task" | "retries"> {
  return {
    taskId: isName(id) ? sanitizeText(id) : null,
    task: isName(task) ? sanitizeText(task) : null,
    retries: isCount(retries) ? Math.min(retries, INTEGER_MAX) : 0,
  };
}

/** The id of the letter of a message without an id header. Messages that are equal in every field, including the second of their death,
 * get the same id. */
export function letterIdOf(message: Message): string {
  const { body, ...rest } = toStored(message);
  const digest = createHash("sha256").update(JSON.stringify(rest)).update(body).digest("hex");
  return v5(digest, NAMESPACE);
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? sanitizeText(value) : null;
}

/** Accepts only the years 1 to 9999: a timestamp that was sent in milliseconds is in the year 55,000. */
function date(value: unknown): Date | null {
  const read = typeof value === "string" ? new Date(value) : value;
  if (!(read instanceof Date)) return null;
  const year = read.getUTCFullYear();
  return year >= 1 && year <= 9999 ? read : null;
}
