/** Dead letters: what the broker tells of a message that nobody could work on, and the message as it is sent again. Pure.
 *
 * A worker says in headers why it set a message aside (`celeriac-…`); a queue's own policy leaves RabbitMQ's
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
import { DEAD_EXCHANGE, destinationOf } from "../broker/topology.ts";

/** Why a message was set aside, by whom and when. */
export interface DeadLetterReason {
  /** One word: one of `RejectReason`, or what RabbitMQ calls it (`delivery_limit`, `expired`, `maxlen`, `rejected`). */
  readonly reason: string;
  readonly detail: string | null;
  /** Queue that it was set aside from. */
  readonly queue: string;
  /** Node that did it; `null` where the broker did. */
  readonly worker: string | null;
  readonly diedAt: Date | null;
}

/** A message that nobody could work on. All texts are sanitized. */
export interface DeadLetter extends DeadLetterReason {
  /** A UUID. The same message handed out again has the same. */
  readonly id: string;
  /** `null` where the message tells none. */
  readonly taskId: string | null;
  readonly task: string | null;
  /** Failed attempts that the message counts. */
  readonly retries: number;
  readonly message: Message;
}

/** Headers that a worker adds. */
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

/** Characters of a detail: headers have to fit into one frame. */
const DETAIL_MAX = 2048;

/** Of all letters that bear no id: there is nothing else to tell them apart. */
const NAMESPACE = "6c1f6f0c-3f56-4a0e-8d0b-6d8a5a8b2f4e";

/** Most that the column holds. */
const INTEGER_MAX = 2 ** 31 - 1;

/** Headers that say on which grounds a message is set aside, with an id of the letter's own.
 *
 * @param options.failing whether who sets it aside makes its record FAILURE next. Default `false` */
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

/** Whether who set the message aside makes its record FAILURE next, if it has not yet. */
export function isFailing(headers: Readonly<Record<string, unknown>>): boolean {
  return headers[HEADERS.record] === "FAILURE";
}

/** Whether a worker or a relay set the message aside, which makes its record final itself; else RabbitMQ did. */
export function isSetAside(headers: Readonly<Record<string, unknown>>): boolean {
  return typeof headers[HEADERS.reason] === "string";
}

/** Reads a message as it comes from the queue of dead letters, whatever it is.
 *
 * @example
 * ```ts
 * import { deadLetterHeaders, readLetter, resent } from "./letter.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const grounds = { reason: "unknown-task", detail: "no handler", queue: "celeriac.images", worker: "w1", diedAt: new Date(0) };
 * const message = {
 *   exchange: "dlx.celeriac",
 *   routingKey: "celeriac.images",
 *   properties: { contentType: "application/json" },
 *   headers: { id: "a", task: "crop", ...deadLetterHeaders(grounds) },
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
    return { id: idOf(message), ...identity(message), ...UNVERIFIED, queue, message };
  }
  const id = headers[HEADERS.id];
  const [death] = Array.isArray(headers["x-death"]) ? headers["x-death"] : [];
  const { time, reason } = isTable(death) ? death : {};
  return {
    id: typeof id === "string" && validate(id) ? id : idOf(message),
    ...identity(message),
    reason: text(headers[HEADERS.reason]) ?? text(headers["x-first-death-reason"]) ??
      text(reason) ?? "unknown",
    detail: text(headers[HEADERS.detail]),
    queue,
    worker: text(headers[HEADERS.worker]),
    diedAt: date(headers[HEADERS.diedAt]) ?? date(time),
    message,
  };
}

/** Whether a message reached the dead-letter queue through the dead-letter exchange, to which only workers and the queues' own
 * policies may send. Every user with a right on the default exchange can publish to the queue itself, with any headers. */
export function isDeadLettered({ exchange }: Pick<Message, "exchange">): boolean {
  return exchange === DEAD_EXCHANGE;
}

/** Of a message that was published to the dead-letter queue itself: what its headers claim is not believed. */
const UNVERIFIED = {
  reason: "unverified",
  detail:
    "It was published directly to the dead-letter queue: neither a worker nor the policy of a queue dead-lettered it.",
  worker: null,
  diedAt: null,
} as const;

/** What can be kept of a letter in any case: the body, and sanitized texts.
 *
 * @param fault why it cannot be kept whole */
export function bare(letter: DeadLetter, fault: string): DeadLetter {
  const { id, reason, queue, message } = letter;
  const detail = `kept without headers and properties as the database refused them: ${fault}`;
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

/** A letter of a message that never came as far as the queue of dead letters. */
export function letterOf(message: Message, grounds: DeadLetterReason): DeadLetter {
  const detail = grounds.detail && sanitizeText(grounds.detail.slice(0, DETAIL_MAX));
  return { id: v7(), ...identity(message), ...grounds, detail, message };
}

/** The message as it is sent again: to the queue that it was set aside from, without what was added on the way to the dead letters.
 *
 * It bears no `expiration`: one that has passed would bring it back at once. */
export function resent({ queue, message }: Pick<DeadLetter, "queue" | "message">): Message {
  // `userId` would have to be our own.
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

/** Protocol 1 has it all in the body. */
function identity(message: Message): Pick<DeadLetter, "taskId" | "task" | "retries"> {
  const { id, task, retries } = message.headers;
  if (id !== undefined || task !== undefined) return told(id, task, retries);
  try {
    const decoded = decodeTask(message);
    return told(decoded.id, decoded.task, decoded.retries);
  } catch (error) {
    return told(error instanceof Malformed ? error.id : undefined, undefined, 0);
  }
}

function told(
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

/** Letters alike in everything, the second of their death included, are one. */
function idOf(message: Message): string {
  const { body, ...rest } = toStored(message);
  const digest = createHash("sha256").update(JSON.stringify(rest)).update(body).digest("hex");
  return v5(digest, NAMESPACE);
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? sanitizeText(value) : null;
}

/** Only years that are written the same everywhere: a timestamp sent in milliseconds is of the year 55,000. */
function date(value: unknown): Date | null {
  const read = typeof value === "string" ? new Date(value) : value;
  if (!(read instanceof Date)) return null;
  const year = read.getUTCFullYear();
  return year >= 1 && year <= 9999 ? read : null;
}
