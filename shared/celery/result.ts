/** Task states sent to the caller: `rpc://` and direct replies. */
import type { Message } from "../broker/message.ts";
import { Malformed } from "../errors.ts";
import type { ExceptionMeta } from "./exception.ts";
import { readText } from "./body.ts";
import { parseJson, stringifyJson } from "./python_json.ts";
import { isObject } from "./shape.ts";
import { fromIso, toIso } from "./time.ts";

/** A state of a task. */
export interface ResultMeta {
  readonly id: string;
  /** One of Celery's states, or a custom one. */
  readonly state: string;
  /** JSON text: the return value, or the value of a custom state. */
  readonly result: string | null;
  /** Only with RETRY, FAILURE and REVOKED. */
  readonly exception: ExceptionMeta | null;
  readonly traceback: string | null;
  /** Result tuples of the tasks that it sent. Default none. */
  readonly children?: readonly unknown[];
  /** `null` until the state is final. */
  readonly finishedAt: Date | null;
  readonly groupId?: string | null;
  readonly parentId?: string | null;
  /** The run that set the state; absent if the sender does not report it. */
  readonly run?: ResultRun;
}

/** The run that set a state. `worker`, `retries` and `queue` are Celery's keys with `result_extended`; it ignores the others. */
export interface ResultRun {
  /** Node name. */
  readonly worker: string;
  /** Failed attempts. */
  readonly retries: number;
  readonly queue: string;
  /** Number of deliveries by the broker. */
  readonly deliveries: number;
  /** `null` when the handler was never called. */
  readonly startedAt: Date | null;
}

/** States whose result is an exception (celery/states.py, EXCEPTION_STATES). */
const EXCEPTIONAL: ReadonlySet<string> = new Set(["RETRY", "FAILURE", "REVOKED"]);

/** Celery raises a RuntimeError for a failure without an exception. */
const UNKNOWN: ExceptionMeta = { exc_type: "Exception", exc_message: [], exc_module: "builtins" };

/** Writes a state as Celery's generic meta, in UTF-8 JSON.
 *
 * @example
 * ```ts
 * import { decodeMeta, encodeMeta } from "./result.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const meta = { id: "1", state: "SUCCESS", result: "4", exception: null, traceback: null, finishedAt: null };
 * assertEquals(decodeMeta(encodeMeta(meta)).result, "4");
 * ```
 */
export function encodeMeta(meta: ResultMeta): Uint8Array {
  const exceptional = EXCEPTIONAL.has(meta.state);
  const absent = meta.state === "RETRY" ? null : UNKNOWN;
  // The result is JSON already and is inserted unchanged.
  const result = exceptional ? stringifyJson(meta.exception ?? absent) : meta.result ?? "null";
  const rest = stringifyJson({
    traceback: meta.traceback,
    children: meta.children ?? [],
    date_done: meta.finishedAt && toIso(meta.finishedAt),
    ...(meta.groupId ? { group_id: meta.groupId } : {}),
    ...(meta.parentId ? { parent_id: meta.parentId } : {}),
    ...(meta.run ? runKeys(meta.run) : {}),
    task_id: meta.id,
  });
  const text = `{"status":${stringifyJson(meta.state)},"result":${result},${rest.slice(1)}`;
  return new TextEncoder().encode(text);
}

/** The message that sends a state to the task's `reply_to` queue. Publish it with `mandatory: false`, because the queue may no longer
 * exist. */
export function replyMessage(
  meta: ResultMeta,
  { replyTo, correlationId }: {
    readonly replyTo: string;
    /** Default: the task's id. */
    readonly correlationId?: string | null;
  },
): Message {
  return {
    exchange: "",
    routingKey: replyTo,
    properties: {
      contentType: "application/json",
      contentEncoding: "utf-8",
      deliveryMode: 1,
      correlationId: correlationId ?? meta.id,
    },
    headers: {},
    body: encodeMeta(meta),
  };
}

/** Reads a state.
 *
 * @throws {Malformed} when the task id or the state is missing
 */
export function decodeMeta(body: Uint8Array): ResultMeta {
  const meta = parseJson(readText(body, undefined));
  if (!isObject(meta)) throw malformed("it is not an object");
  const { task_id: id, status: state, result = null, children, date_done: date } = meta;
  if (typeof id !== "string") throw malformed("it has no 'task_id'");
  if (typeof state !== "string") throw malformed("it has no 'status'");
  const exceptional = EXCEPTIONAL.has(state);
  return {
    id,
    state,
    result: exceptional || result === null && state !== "SUCCESS" ? null : stringifyJson(result),
    exception: exceptional ? readException(result) : null,
    traceback: text(meta["traceback"]),
    children: Array.isArray(children) ? children : [],
    finishedAt: typeof date === "string" ? fromIso(date) : null,
    groupId: text(meta["group_id"]),
    parentId: text(meta["parent_id"]),
    ...readRun(meta),
  };
}

function runKeys(
  { worker, retries, queue, deliveries, startedAt }: ResultRun,
): Record<string, unknown> {
  return { worker, retries, queue, deliveries, date_started: startedAt && toIso(startedAt) };
}

function readRun(meta: Record<string, unknown>): { run?: ResultRun } {
  const { worker, retries, queue, deliveries, date_started: started } = meta;
  if (typeof worker !== "string" || typeof retries !== "number" || typeof queue !== "string") {
    return {};
  }
  return {
    run: {
      worker,
      retries,
      queue,
      deliveries: typeof deliveries === "number" ? deliveries : 1,
      startedAt: typeof started === "string" ? fromIso(started) : null,
    },
  };
}

/** Reads an exception as Celery stores it; `null` for anything else. The message is a list; as in Celery, a single value is accepted. */
export function readException(value: unknown): ExceptionMeta | null {
  if (!isObject(value)) return null;
  const { exc_type: type, exc_message: message, exc_module: module } = value;
  return {
    exc_type: text(type) ?? UNKNOWN.exc_type,
    exc_message: Array.isArray(message) ? message : message === undefined ? [] : [message],
    exc_module: text(module) ?? UNKNOWN.exc_module,
  };
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function malformed(reason: string): Malformed {
  return new Malformed(`Cannot read result because ${reason}: send Celery's result meta`);
}
