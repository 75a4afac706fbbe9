/** Tells the headers of the protocol, the broker and the user apart. */
import type { Headers } from "../broker/message.ts";

/** Headers of protocol 2, and attributes of Celery's `Context`, which headers of the same names would overwrite in a Python worker
 * (celery/app/task.py). */
const PROTOCOL: ReadonlySet<string> = new Set([
  "argsrepr",
  "args",
  "callbacks",
  "called_directly",
  "chain",
  "chord",
  "compression",
  "correlation_id",
  "delivery_info",
  "errbacks",
  "eta",
  "expires",
  "group",
  "group_index",
  "headers",
  "hostname",
  "id",
  "ignore_result",
  "is_eager",
  "kwargs",
  "kwargsrepr",
  "lang",
  "logfile",
  "loglevel",
  "meth",
  "origin",
  "parent_id",
  "properties",
  "replaced_task_nesting",
  "reply_to",
  "retries",
  "root_id",
  "shadow",
  "soft_time_limit",
  "stamped_headers",
  "stamps",
  "task",
  "taskset",
  "time_limit",
  "timelimit",
  "utc",
  "__proto__",
]);

/** Headers that RabbitMQ adds. It takes a republished message with `x-death` for a dead-letter cycle and drops it. */
const BROKER =
  /^(?:x-death|x-(?:first|last)-death-(?:exchange|queue|reason)|x-delivery-count|x-acquired-count)$/;

/** Time in ISO 8601 when a worker first received the message without having its task registered. It is passed on to other workers. */
export const UNKNOWN_SINCE = "celeriac-unknown-since";

/** Marks a message that was delivered before and returned through the outbox: the broker does not set `redelivered` for it. */
export const REDELIVERED = "celeriac-redelivered";

/** Whether users must not set a header of this name, because it belongs to the protocol, to RabbitMQ's delivery tracking (`x-death` etc.)
 * or to routing (`CC`, `BCC`).
 *
 * @example
 * ```ts
 * import { isReservedHeader } from "./headers.ts";
 * import { assert } from "@std/assert";
 *
 * assert(isReservedHeader("retries") && isReservedHeader("x-death") && !isReservedHeader("x-tenant"));
 * ```
 */
export function isReservedHeader(name: string): boolean {
  return PROTOCOL.has(name) || name === UNKNOWN_SINCE || name === REDELIVERED ||
    /^b?cc$/i.test(name) || BROKER.test(name);
}

/** The headers that the sender added to those of the protocol. */
export function userHeaders(headers: Headers): Headers {
  const own: Headers = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !PROTOCOL.has(name) && !isOfTransport(name)) own[name] = value;
  }
  return own;
}

/** Copies headers without those of the broker, so that the message can be published again. */
export function withoutTransport(headers: Headers): Headers {
  const kept: Headers = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !isOfTransport(name) && name !== "__proto__") kept[name] = value;
  }
  return kept;
}

/** Whether a header is valid for one delivery only. */
function isOfTransport(name: string): boolean {
  return name === UNKNOWN_SINCE || name === REDELIVERED || name === "CC" || name === "BCC" ||
    name.startsWith("x-") && BROKER.test(name);
}
