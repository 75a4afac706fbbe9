/** Which headers of a message belong to the protocol, to the broker and to the user. */
import type { Headers } from "../broker/message.ts";

/** Headers of protocol 2, and the attributes of Celery's `Context`, which headers of these names would
 * overwrite in a Python worker (celery/app/task.py). */
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

/** What RabbitMQ adds to a message on its way. A message sent again with `x-death` looks to it like a
 * dead-letter cycle, which it drops. */
const BROKER =
  /^(?:x-death|x-(?:first|last)-death-(?:exchange|queue|reason)|x-delivery-count|x-acquired-count)$/;

/** Since when workers meet the message that do not know its task, in ISO 8601: it goes on to others. */
export const UNKNOWN_SINCE = "celeriac-unknown-since";

/** Says that the message was handed out before, where the broker cannot know: it came back through the outbox. */
export const REDELIVERED = "celeriac-redelivered";

/** Whether users may not set a header of this name: it is the protocol's, RabbitMQ counts a message's
 * journey by it (`x-death` and the like) or it would send copies elsewhere (`CC`, `BCC`).
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

/** What the sender added to the protocol's headers. */
export function userHeaders(headers: Headers): Headers {
  const own: Headers = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !PROTOCOL.has(name) && !isOfTransport(name)) own[name] = value;
  }
  return own;
}

/** Headers as they were before the broker added its own; a copy that can be sent again. */
export function withoutTransport(headers: Headers): Headers {
  const kept: Headers = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !isOfTransport(name) && name !== "__proto__") kept[name] = value;
  }
  return kept;
}

/** Of one journey only: what the broker counted, where copies went, and which workers it met. */
function isOfTransport(name: string): boolean {
  return name === UNKNOWN_SINCE || name === REDELIVERED || name === "CC" || name === "BCC" ||
    name.startsWith("x-") && BROKER.test(name);
}
