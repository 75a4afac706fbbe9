/** Records as the API answers them: snake_case, times in ISO 8601 with zone. */
import { parseJson, stringifyJson } from "../../shared/celery/python_json.ts";
import type { ResultTuple } from "../../shared/celery/dispatch.ts";
import type { ResultMeta } from "../../shared/celery/result.ts";
import type { ExceptionMeta } from "../../shared/celery/exception.ts";
import { reprJson } from "../../shared/celery/read_repr.ts";
import { mayBeTyped } from "../../shared/celery/typed.ts";
import type { State, TaskRecord } from "../../shared/results/result.ts";
import { timeOf } from "../../shared/results/uuid_time.ts";

/** Milliseconds within which an id of ours without a record is one whose record is still being written. */
export const YOUNG_MS = 10_000;

/** Writes a record as JSON.
 *
 * @example
 * ```ts
 * import { pendingRecord, recordJson } from "./record.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const record = { ...pendingRecord("a", new Date(0)), state: "SUCCESS" as const, result: "[1, 2]" };
 * assertEquals(JSON.parse(recordJson(record)).result, [1, 2]);
 * ```
 */
export function recordJson(record: TaskRecord): string {
  const known = written.get(record);
  if (known !== undefined) return known;
  const json = write(record);
  written.set(record, json);
  return json;
}

/** Thousands may wait for one record: it is read once and written once. */
const written = new WeakMap<TaskRecord, string>();

function write(record: TaskRecord): string {
  // The result is JSON text already; parsing it would cost time and the digits of long integers.
  const result = record.result === null ? "null" : plainJson(record.result);
  const tail = record.state === "PROGRESS"
    ? `,"result":null,"progress":${result}}`
    : `,"result":${result}}`;
  return resultlessJson(record).slice(0, -1) + tail;
}

/** Writes a record as JSON, without `result` and `progress`. */
export function resultlessJson(record: TaskRecord): string {
  const args = argumentsJson(record.argsRepr, "[");
  const kwargs = argumentsJson(record.kwargsRepr, "{");
  const head = JSON.stringify({
    id: record.id,
    name: record.name,
    state: record.state,
    queue: record.queue,
    worker: record.worker,
    args_repr: record.argsRepr,
    kwargs_repr: record.kwargsRepr,
    truncated: (args === null && record.argsRepr !== null) ||
      (kwargs === null && record.kwargsRepr !== null),
    error: record.exception && errorBody(record.exception, record.traceback),
    traceback: record.traceback,
    meta: record.meta ?? null,
    children: childBodies(record.children),
    retries: record.retries,
    attempts: attempts(record),
    deliveries: record.deliveries,
    submitted_at: record.submittedAt,
    started_at: record.startedAt,
    finished_at: record.finishedAt,
    updated_at: record.updatedAt,
  });
  return `${head.slice(0, -1)},"args":${args},"kwargs":${kwargs}}`;
}

/** Arguments as JSON text, as far as the record holds them; else `null`.
 *
 * @param begin how the JSON begins */
function argumentsJson(repr: string | null, begin: "[" | "{"): string | null {
  const json = repr === null ? undefined : reprJson(repr);
  return json?.startsWith(begin) ? json : null;
}

/** A task that another one started, or a group with its members. */
interface ChildBody {
  readonly id: string;
  readonly members?: readonly ChildBody[];
}

/** Reads result tuples, `[[id, parent], members]`, as far as they are some: Python workers write them as well. */
function childBodies(tuples: unknown): ChildBody[] {
  if (!Array.isArray(tuples)) return [];
  return tuples.flatMap((tuple) => {
    const [named, members] = Array.isArray(tuple) ? tuple : [];
    const [id] = Array.isArray(named) ? named : [];
    if (typeof id !== "string") return [];
    return [Array.isArray(members) ? { id, members: childBodies(members) } : { id }];
  });
}

/** What a direct reply tells, as a record: what only the store knows is `null`. */
export function replyRecord(
  meta: ResultMeta,
  submitted: Pick<TaskRecord, "name" | "queue" | "argsRepr" | "kwargsRepr" | "submittedAt">,
): TaskRecord {
  const now = meta.finishedAt ?? new Date();
  return {
    ...pendingRecord(meta.id, now),
    ...submitted,
    ...meta.run,
    state: meta.state as State,
    result: meta.result,
    exception: meta.exception,
    traceback: meta.traceback,
    children: (meta.children ?? []) as readonly ResultTuple[],
    finishedAt: now,
  };
}

/** The record of a task of which nothing is written yet. */
export function pendingRecord(id: string, now: Date): TaskRecord {
  return {
    id,
    name: null,
    state: "PENDING",
    queue: null,
    worker: null,
    argsRepr: null,
    kwargsRepr: null,
    result: null,
    exception: null,
    traceback: null,
    retries: 0,
    deliveries: 0,
    submittedAt: null,
    startedAt: null,
    finishedAt: null,
    updatedAt: now,
  };
}

/** Whether an id is a UUIDv7 made so short a time ago that its record may still be on its way.
 *
 * @param now by the database's clock, as ids are made by it */
export function isYoung(id: string, now: Date): boolean {
  const made = timeOf(id);
  return made !== undefined && Math.abs(now.getTime() - made.getTime()) < YOUNG_MS;
}

/** Runs of the handler so far, the present one included. */
function attempts({ state, retries, startedAt }: TaskRecord): number {
  const counted = startedAt === null || state === "PENDING" || state === "RETRY";
  return counted ? retries : retries + 1;
}

/** Where a traceback of Python begins. */
const PYTHON = "Traceback (most recent call last)";

/** An error as callers see it: JavaScript's name and stack beside Celery's class.
 *
 * @param traceback of the record, if it is known */
export function errorBody(meta: ExceptionMeta, traceback: string | null): object {
  const [first = ""] = meta.exc_message;
  const stack = traceback?.includes(PYTHON) ? null : traceback;
  return {
    name: stack === null ? null : className(stack, meta.exc_type),
    message: messageOf(meta, first),
    stack,
    type: meta.exc_type,
    module: meta.exc_module,
    args: meta.exc_message,
  };
}

/** The class that heads a stack; of a `Retry` with a cause that of the cause, as in Celery. */
function className(stack: string, type: string): string | null {
  if (!stack.includes("\n    at ")) return null;
  const [head = null] = /^[\w$.]+(?=[:\n])/.exec(stack) ?? [];
  if (head !== "Retry" || type === "Retry") return head;
  return /\nCaused by: ([\w$.]+)[:\n]/.exec(stack)?.[1] ?? null;
}

/** Celery's own time limits say the seconds only, or nothing. */
function messageOf({ exc_type: type }: ExceptionMeta, first: unknown): string {
  if (type === "TimeLimitExceeded") return `Time limit of ${first} s exceeded`;
  if (type === "SoftTimeLimitExceeded" && first === "") return "Soft time limit exceeded";
  return typeof first === "string" ? first : JSON.stringify(first);
}

/** JSON that any client reads: Python writes `NaN`, `Infinity` and typed values as well. */
export function plainJson(text: string): string {
  try {
    JSON.parse(text);
    if (!mayBeTyped(text)) return text;
  } catch {
    // Read below, tolerantly.
  }
  try {
    return stringifyJson(parseJson(text));
  } catch {
    return JSON.stringify(text);
  }
}
