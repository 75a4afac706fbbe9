/** Writes task messages of Celery's protocol 2 and prepares received ones for another attempt. */
import type { Headers, Message, Properties } from "../broker/message.ts";
import { InvalidInput, Malformed } from "../errors.ts";
import { decodeTask } from "./decode.ts";
import { isReservedHeader, REDELIVERED, UNKNOWN_SINCE, withoutTransport } from "./headers.ts";
import { stringifyJson } from "./python_json.ts";
import { repr, reprArgs } from "./repr.ts";
import {
  fitsProperty,
  isCount,
  isName,
  isObject,
  isSeconds,
  MAX_NAME,
  MAX_PROPERTY,
} from "./shape.ts";
import type { Signature, SignatureOptions } from "./signature.ts";
import { toIso } from "./time.ts";

/** Sender, destination and time of a message. */
export interface EncodeContext {
  /** `gen<pid>@<host>`, or the node's name. */
  readonly origin: string;
  readonly destination: { readonly exchange: string; readonly routingKey: string };
  readonly now: Date;
  /** Computed by {@linkcode taskReprs}, if the caller has done so. */
  readonly reprs?: TaskReprs;
  /** Computed by {@linkcode taskBody}, if the caller has done so. */
  readonly body?: Uint8Array;
}

/** A task's arguments as Python's `repr()` writes them. */
export interface TaskReprs {
  readonly argsRepr: string;
  readonly kwargsRepr: string;
}

/** The representations of a signature's arguments. */
export function taskReprs({ args, kwargs }: Pick<Signature, "args" | "kwargs">): TaskReprs {
  return { argsRepr: reprArgs(args), kwargsRepr: repr(kwargs) };
}

/** The body of a message. It contains no id, so tasks with the same arguments and follow-ups can share it. */
export function taskBody({ args, kwargs, options = {} }: Signature): Uint8Array {
  const { callbacks = null, errbacks = null, chain = null, chord = null } = options;
  return new TextEncoder().encode(
    stringifyJson([args, kwargs, { callbacks, errbacks, chain, chord }]),
  );
}

/** A signature with a task id. */
export type IdentifiedSignature = Signature & { options: { taskId: string } };

/** Maximum milliseconds of `expiration` that every RabbitMQ accepts. From ten years on, 3.10 closes the channel. */
const MAX_EXPIRATION_MS = 2 ** 32 - 1;

/** Writes a task message: body `[args, kwargs, embed]`, and the headers of Celery 5.7 in the same order, without those that have Celery's
 * default. Its workers need `task` and `id` only; each header costs every process on the way.
 *
 * @throws {InvalidInput} when the message would crash a Python worker or be lost by it, or when a property is too long
 *
 * @example
 * ```ts
 * import { encodeTask } from "./message.ts";
 * import { decodeTask } from "./decode.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const message = encodeTask(
 *   { task: "add", args: [2, 2], kwargs: {}, options: { taskId: "e6034684", retries: 1 } },
 *   { origin: "gen1@host", destination: { exchange: "", routingKey: "celery" }, now: new Date() },
 * );
 * assertEquals(message.headers.argsrepr, "(2, 2)");
 * assertEquals(decodeTask(message).retries, 1);
 * ```
 */
export function encodeTask(signature: IdentifiedSignature, context: EncodeContext): Message {
  const { task, options } = signature;
  check(signature);
  const { argsRepr, kwargsRepr } = context.reprs ?? taskReprs(signature);
  const eta = options.eta ?? (options.countdown ? after(context.now, options.countdown) : null);
  const expires = typeof options.expires === "number"
    ? after(context.now, options.expires)
    : options.expires;
  const headers: Headers = { lang: "js", task, id: options.taskId };
  if (options.shadow) headers["shadow"] = options.shadow;
  if (eta) headers["eta"] = toIso(eta);
  if (expires) headers["expires"] = toIso(expires);
  if (options.group) headers["group"] = options.group;
  if (typeof options.groupIndex === "number") headers["group_index"] = options.groupIndex;
  if (options.retries) headers["retries"] = options.retries;
  const { timeLimit = null, softTimeLimit = null } = options;
  if (timeLimit !== null || softTimeLimit !== null) {
    headers["timelimit"] = [timeLimit, softTimeLimit];
  }
  headers["root_id"] = options.rootId ?? options.taskId;
  if (options.parentId) headers["parent_id"] = options.parentId;
  headers["argsrepr"] = argsRepr;
  headers["kwargsrepr"] = kwargsRepr;
  headers["origin"] = context.origin;
  if (typeof options.ignoreResult === "boolean") headers["ignore_result"] = options.ignoreResult;
  if (options.replacedTaskNesting) {
    headers["replaced_task_nesting"] = options.replacedTaskNesting;
  }
  if (options.stamps) {
    headers["stamped_headers"] = Object.keys(options.stamps);
    headers["stamps"] = options.stamps;
  }
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (!isReservedHeader(name)) headers[name] = value;
  }
  return {
    ...context.destination,
    properties: {
      contentType: "application/json",
      contentEncoding: "utf-8",
      deliveryMode: 2,
      correlationId: options.taskId,
      ...(options.replyTo ? { replyTo: options.replyTo } : {}),
      ...(typeof options.priority === "number" ? { priority: options.priority } : {}),
      ...(expires ? expiration(expires, context.now) : {}),
    },
    headers,
    body: context.body ?? taskBody(signature),
  };
}

/** Changes of a republished message. */
export interface RetryChanges {
  /** Failed attempts including this one. An unchanged number defers the message instead. */
  readonly retries: number;
  /** Earliest time to run. Default: immediately. */
  readonly eta?: Date | null;
  readonly now: Date;
  /** When a worker first received the message without having its task registered. Default: never. */
  readonly unknownSince?: Date | undefined;
  /** Whether the message was delivered before. Default `false`. */
  readonly redelivered?: boolean | undefined;
  /** Queue to publish to through the default exchange. Default: the original exchange and routing key. */
  readonly queue?: string;
}

/** Copies a message for another delivery: same id, body, priority, `reply_to` and headers, without the broker's headers. As in Celery, a
 * further attempt is its own parent. Protocol 1 becomes protocol 2. The copy has no property `expiration`, only the header `expires`: if the
 * broker dropped it, its record would never become final.
 *
 * @throws {Malformed} when the message is not a task message
 */
export function retryMessage(message: Message, changes: RetryChanges): Message {
  if (!Object.hasOwn(message.headers, "task")) {
    return retryMessage(upgraded(message, changes.now), changes);
  }
  const headers = withoutTransport(message.headers);
  const { id } = headers;
  if (typeof id !== "string") {
    throw new Malformed(
      "Cannot send message again because its header 'id' is not a string: send one",
    );
  }
  if (changes.retries !== (headers["retries"] ?? 0)) headers["parent_id"] = id;
  headers["retries"] = changes.retries;
  headers["eta"] = changes.eta ? toIso(changes.eta) : null;
  if (changes.unknownSince) headers[UNKNOWN_SINCE] = toIso(changes.unknownSince);
  if (changes.redelivered) headers[REDELIVERED] = true;
  // RabbitMQ requires `userId` to be the publisher's own user.
  const { userId: _userId, expiration: _expiration, ...properties } = message.properties;
  return {
    exchange: changes.queue === undefined ? message.exchange : "",
    routingKey: changes.queue ?? message.routingKey,
    properties,
    headers,
    body: message.body,
  };
}

/** Converts a message of protocol 1 to protocol 2. */
function upgraded(message: Message, now: Date): Message {
  const { id, task, args, kwargs, embed, ...rest } = decodeTask(message);
  const options: SignatureOptions & { taskId: string } = {
    ...rest,
    ...embed,
    taskId: id,
    eta: rest.eta ?? undefined,
    expires: rest.expires ?? undefined,
    replyTo: rest.replyTo ?? undefined,
  };
  return encodeTask({ task, args, kwargs, options }, {
    origin: rest.origin ?? "",
    destination: { exchange: message.exchange, routingKey: message.routingKey },
    now,
  });
}

function after(now: Date, seconds: number): Date {
  return new Date(now.getTime() + seconds * 1000);
}

/** After this time the broker drops the message. A time beyond its maximum is only in the header `expires`. */
function expiration(expires: Date, now: Date): Pick<Properties, "expiration"> {
  const ms = Math.max(0, expires.getTime() - now.getTime());
  return ms <= MAX_EXPIRATION_MS ? { expiration: String(Math.trunc(ms)) } : {};
}

const PROPERTY = `a string of 1 to ${MAX_PROPERTY} bytes`;
const COUNT = "a whole number from 0";
const SECONDS = "a number of seconds from 0";

/** A field, whether its value fits, and what it must be. */
type Rule = readonly [field: string, fits: (sent: IdentifiedSignature) => boolean, rule: string];

const RULES: readonly Rule[] = [
  ["task", ({ task }) => isName(task), `a string of 1 to ${MAX_NAME} characters`],
  ["args", ({ args }) => Array.isArray(args), "a list"],
  ["kwargs", ({ kwargs }) => isObject(kwargs), "an object"],
  [
    "options.task_id",
    ({ options: { taskId } }) => isName(taskId) && fitsProperty(taskId),
    PROPERTY,
  ],
  ["options.reply_to", ({ options }) => fitsProperty(options.replyTo ?? ""), PROPERTY],
  ["options.retries", ({ options }) => isCount(options.retries ?? 0), COUNT],
  ["options.group_index", ({ options }) => isCount(options.groupIndex ?? 0), COUNT],
  [
    "options.priority",
    ({ options }) => isCount(options.priority ?? 0) && (options.priority ?? 0) <= 255,
    `${COUNT} to 255`,
  ],
  ["options.time_limit", ({ options }) => isSeconds(options.timeLimit ?? 0), SECONDS],
  ["options.soft_time_limit", ({ options }) => isSeconds(options.softTimeLimit ?? 0), SECONDS],
];

/** Refuses values that crash Python workers or make them lose the message (trap T15), and values that are too long for AMQP. */
function check(signature: IdentifiedSignature): void {
  for (const [field, fits, rule] of RULES) {
    if (fits(signature)) continue;
    throw new InvalidInput(
      `Cannot send task because '${field}' is not ${rule}: correct it`,
      field,
    );
  }
}
