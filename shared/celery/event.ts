/** Celery's event stream: what Flower, `celery events` and our own pages hear. */
import type { Message } from "../broker/message.ts";
import { InvalidInput, Malformed } from "../errors.ts";
import type { TaskEvent } from "../telemetry/events.ts";
import { readText } from "./body.ts";
import { parseJson, stringifyJson } from "./python_json.ts";
import { repr, REPR_BUDGET } from "./repr.ts";
import { isObject } from "./shape.ts";

/** The exchange of events: topic, durable. */
export const EVENT_EXCHANGE = "celeryev";

/** Characters of a traceback that an event carries: many events share a message. */
const MAX_TRACEBACK = 8 * 1024;

/** Characters of JSON beyond which an event shows the beginning only. */
const MAX_JSON = 16 * 1024;

/** Celery has no such event, and would make a state of `task-deferred` that later events do not change:
 * under another prefix its watchers leave it aside. */
const DEFERRED = "celeriac-deferred";

/** A task event and when it happened. */
export interface TimedEvent {
  readonly event: TaskEvent;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

/** Who tells. */
export interface EventNode {
  /** Node name. */
  readonly hostname: string;
  readonly pid: number;
  /** Next tick of the node's Lamport clock, by which watchers put tasks in order. */
  clock(): number;
}

/** An event as it was heard: the fields of its type besides those that all have. */
export interface HeardEvent {
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

/** What a worker tells of itself. */
export interface WorkerFields {
  /** Seconds since the epoch. */
  readonly timestamp: number;
  /** Seconds between heartbeats: after twice as many without one, watchers take the worker for dead. */
  readonly freq: number;
  /** Tasks running. */
  readonly active: number;
  /** Tasks done since the start. */
  readonly processed: number;
  /** Of 1, 5 and 15 minutes. */
  readonly loadavg: readonly number[];
  /** Of the software. */
  readonly version: string;
  /** Operating system, as `uname -s` says: `Linux`. */
  readonly system: string;
}

/** Writes task events as workers send them: one list, routing key `task.multi`. Leaves out events of
 * tasks without an id, of which `celery events` would die, and the field `utcoffset`, by which
 * receivers shift the time of workers in other zones.
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
  const texts: string[] = [];
  for (const { event, timestamp } of events) {
    if (event.id === null) continue;
    const { hostname, pid } = node;
    const type = event.type === "task-deferred" ? DEFERRED : event.type;
    const common = { type, uuid: event.id, hostname, pid, timestamp };
    texts.push(stringifyJson({ ...common, clock: node.clock(), ...fields(event) }));
  }
  return message("task.multi", `[${texts.join(",")}]`, node);
}

/** Writes a worker event. Send heartbeats each `freq` seconds. */
export function workerEvent(type: WorkerEventType, fields: WorkerFields, node: EventNode): Message {
  const { version, system, ...rest } = fields;
  const { hostname, pid } = node;
  const software = { sw_ident: "celeriac", sw_ver: version, sw_sys: system };
  const event = { type, hostname, pid, clock: node.clock(), ...rest, ...software };
  return message(type.replace("-", "."), stringifyJson(event), node);
}

/** Reads events, sent alone or as a list. Those that name no type, host or time are left out, as Celery's
 * own receivers lose them.
 *
 * @throws {Malformed} when it is no JSON
 */
export function decodeEvents({ body }: Message): HeardEvent[] {
  const events = parseJson(readText(body, undefined));
  const heard: HeardEvent[] = [];
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

/** The fields of celery/events/event.py's types, and the task's name with each: Flower may have come late. */
function fields(event: TaskEvent): Record<string, unknown> {
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
      return { name, progress: bounded(event.progress) };
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

/** A result, given as JSON text, as Python would show it. */
function shown(result: string): string {
  if (result.length > MAX_JSON) return `${result.slice(0, REPR_BUDGET)}...`;
  try {
    return repr(parseJson(result));
  } catch (error) {
    if (error instanceof Malformed) return result.slice(0, REPR_BUDGET);
    throw error;
  }
}

/** One event that cannot be written must not cost the others. */
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
