/** Celery's event stream, as read by Flower, `celery events` and Celeriac's own pages. */
import type { Message } from "../broker/message.ts";
import { InvalidInput, Malformed } from "../errors.ts";
import type { TaskEvent } from "../telemetry/events.ts";
import { readText } from "./body.ts";
import { parseJson, type Scalar, stringifyJson, stringifyScalars } from "./python_json.ts";
import { repr, REPR_BUDGET } from "./repr.ts";
import { isObject } from "./shape.ts";

/** Exchange of events: topic, durable. */
export const EVENT_EXCHANGE = "celeryev";

/** Maximum characters of a traceback in an event, because one message carries many events. */
const MAX_TRACEBACK = 8 * 1024;

/** Maximum characters of a JSON value in an event. Longer ones are truncated. */
const MAX_JSON = 16 * 1024;

/** Celery has no such event. Its monitors would derive a state from `task-deferred` that later events do not change; they ignore
 * an event with another prefix. */
const DEFERRED = "celeriac-deferred";

/** A task event with its time. */
export interface TimedEvent {
  readonly event: TaskEvent;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

/** The sender of events. */
export interface EventNode {
  /** Node name. */
  readonly hostname: string;
  readonly pid: number;
  /** Next tick of the node's Lamport clock, which orders tasks in monitors. */
  clock(): number;
}

/** A received event: the common fields and those of its type. */
export interface ReceivedEvent {
  readonly type: string;
  /** The task's id; `null` for worker events. */
  readonly uuid: string | null;
  readonly hostname: string;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  readonly [field: string]: unknown;
}

/** Types of worker events. */
export type WorkerEventType = "worker-online" | "worker-heartbeat" | "worker-offline";

/** Fields of a worker event. */
export interface WorkerFields {
  /** Seconds since the epoch. */
  readonly timestamp: number;
  /** Seconds between heartbeats. Monitors consider a worker offline after twice this time without one. */
  readonly freq: number;
  /** Number of running tasks. */
  readonly active: number;
  /** Number of tasks processed since the start. */
  readonly processed: number;
  /** Load averages over 1, 5 and 15 minutes. */
  readonly loadavg: readonly number[];
  /** Version of Celeriac. */
  readonly version: string;
  /** Operating system as `uname -s` prints it: `Linux`. */
  readonly system: string;
}

/** Writes task events as workers send them: one list, routing key `task.multi`. Omits events of tasks without an id, which crash
 * `celery events`, and the field `utcoffset`, by which receivers shift the times of workers in other timezones.
 *
 * @example
 * ```ts
 * import { decodeEvents, encodeEvents } from "./event.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const event = { type: "task-started", id: "e6034684", name: "add" } as const;
 * const node = { hostname: "celeriac@host", pid: 1, clock: () => 7 };
 * const [heard] = decodeEvents(encodeEvents([{ event, timestamp: 1.5 }], node));
 * assertEquals(heard?.uuid, "e6034684");
 * ```
 */
export function encodeEvents(events: readonly TimedEvent[], node: EventNode): Message {
  const { hostname, pid } = node;
  const written: Fields[] = [];
  let hasValues = false;
  for (const { event, timestamp } of events) {
    if (event.id === null) continue;
    if (event.type === "task-progress") hasValues = true;
    // Added to the object of its type, because merging objects takes as long as writing them.
    const own = fields(event);
    own.type = event.type === "task-deferred" ? DEFERRED : event.type;
    own.uuid = event.id;
    own.hostname = hostname;
    own.pid = pid;
    own.timestamp = timestamp;
    own.clock = node.clock();
    written.push(own);
  }
  const text = hasValues ? stringifyJson(written) : stringifyScalars(written);
  return message("task.multi", text, node);
}

/** Writes a worker event. Send a heartbeat every `freq` seconds. */
export function workerEvent(type: WorkerEventType, fields: WorkerFields, node: EventNode): Message {
  const { version, system, ...rest } = fields;
  const { hostname, pid } = node;
  const software = { sw_ident: "celeriac", sw_ver: version, sw_sys: system };
  const event = { type, hostname, pid, clock: node.clock(), ...rest, ...software };
  return message(type.replace("-", "."), stringifyJson(event), node);
}

/** Reads a single event or a list of events. Skips events without a type, hostname or timestamp, as Celery's receivers do.
 *
 * @throws {Malformed} when the body is not JSON
 */
export function decodeEvents({ body }: Message): ReceivedEvent[] {
  const events = parseJson(readText(body, undefined));
  const heard: ReceivedEvent[] = [];
  for (const event of Array.isArray(events) ? events : [events]) {
    if (!isObject(event)) continue;
    const { uuid, hostname, timestamp } = event;
    const type = event["type"] === DEFERRED ? "task-deferred" : event["type"];
    if (typeof type !== "string" || typeof hostname !== "string") continue;
    if (typeof timestamp !== "number") continue;
    heard.push({
      ...event,
      type,
      uuid: typeof uuid === "string" ? uuid : null,
      hostname,
      timestamp,
    });
  }
  return heard;
}

/** The fields of an event. */
type Fields =
  & { [name in "type" | "uuid" | "hostname"]?: string }
  & {
    [name in "pid" | "timestamp" | "clock"]?: number;
  }
  & Record<string, Scalar>;

/** The fields of each event type in celery/events/event.py. Every event also has the task's name, because Flower may have started later. */
function fields(event: TaskEvent): Fields {
  const { name } = event;
  switch (event.type) {
    case "task-sent":
      return {
        name,
        args: event.args,
        kwargs: event.kwargs,
        root_id: event.rootId,
        parent_id: event.parentId,
        retries: event.retries,
        eta: event.eta,
        expires: event.expires,
        queue: event.queue,
        exchange: event.exchange,
        routing_key: event.routingKey,
      };
    case "task-received":
      return {
        name,
        args: event.args,
        kwargs: event.kwargs,
        root_id: event.rootId,
        parent_id: event.parentId,
        retries: event.retries,
        eta: event.eta,
        expires: event.expires,
        queue: event.queue,
        redelivered: event.redelivered,
      };
    case "task-started":
      return { name };
    case "task-progress":
      return { name, progress: bounded(event.progress) as Scalar };
    case "task-succeeded":
      return { name, result: shown(event.result), runtime: event.runtime };
    case "task-failed":
      return { name, exception: event.exception, ...failure(event) };
    case "task-retried":
      return { name, exception: event.exception, delay: event.delay, ...failure(event) };
    case "task-revoked": {
      const { terminated, expired } = event;
      return { name, terminated, signum: terminated ? SIGKILL : null, expired };
    }
    case "task-deferred":
      return { name, until: event.until };
    case "task-rejected":
      return { name, requeue: false, reason: event.reason, message: event.message };
    case "task-violated":
      return { name, violation: event.violation, what: event.what };
    case "task-blocked":
      return { name, seconds: event.seconds, sure: event.sure };
    case "task-uncaught":
      return { name, traceback: event.traceback.slice(0, MAX_TRACEBACK), late: event.late };
  }
}

const SIGKILL = 9;

function failure(event: { traceback: string | null; runtime?: number | null }) {
  const { traceback, runtime = null } = event;
  return {
    ...(traceback === null ? {} : { traceback: traceback.slice(0, MAX_TRACEBACK) }),
    ...(runtime === null ? {} : { runtime }),
  };
}

/** The Python representation of a result in JSON. */
function shown(result: string): string {
  if (result.length > MAX_JSON) return `${result.slice(0, REPR_BUDGET)}...`;
  try {
    return repr(parseJson(result));
  } catch (error) {
    if (error instanceof Malformed) return result.slice(0, REPR_BUDGET);
    throw error;
  }
}

/** A value that cannot be written as JSON must not fail the other events of the message. */
function bounded(value: unknown): unknown {
  try {
    return stringifyJson(value).length > MAX_JSON ? repr(value) : value;
  } catch (error) {
    if (error instanceof InvalidInput) return repr(value);
    throw error;
  }
}

function message(routingKey: string, text: string, { hostname }: EventNode): Message {
  return {
    exchange: EVENT_EXCHANGE,
    routingKey,
    properties: {
      contentType: "application/json",
      contentEncoding: "utf-8",
      deliveryMode: 1,
      priority: 0,
    },
    headers: { hostname },
    body: new TextEncoder().encode(text),
  };
}
