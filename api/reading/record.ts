/** Task records as JSON: snake_case, times in ISO 8601 with time zone. */
import { parseJson, stringifyJson } from "../../shared/celery/python_json.ts";
import type { ResultTuple } from "../../shared/celery/dispatch.ts";
import type { ResultMeta } from "../../shared/celery/result.ts";
import type { ExceptionMeta } from "../../shared/celery/exception.ts";
import { reprJson } from "../../shared/celery/read_repr.ts";
import { mayBeTyped } from "../../shared/celery/typed.ts";
import type { State, TaskRecord } from "../../shared/results/result.ts";
import { timeOf } from "../../shared/results/uuid_time.ts";

/** Maximum age in milliseconds of an id whose record may not be written yet. */
export const YOUNG_MS = 10_000;

/** Serializes a record.
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

/** Thousands of callers may wait for one record: it is serialized once. */
const written = new WeakMap<TaskRecord, string>();

function write(record: TaskRecord): string {
  // The result is already JSON text; parsing would cost time and digits of large integers.
  const result = record.result === null ? "null" : plainJson(record.result);
  const tail = record.state === "PROGRESS"
    ? `,"result":null,"progress":${result}}`
    : `,"result":${result}}`;
  return resultlessJson(record).slice(0, -1) + tail;
}

/** Serializes a record without `result` and `progress`. */
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
    parent_id: record.lineage?.parent ?? null,
    root_id: record.lineage?.root ?? null,
    trace_id: record.lineage?.trace ?? null,
    labels: record.labels ?? {},
    submitted_by: record.submittedBy ?? null,
    history: (record.history ?? []).map(({ attempt, worker, startedAt, finishedAt, error }) => ({
      attempt,
      worker,
      started_at: startedAt,
      finished_at: finishedAt,
      error,
    })),
    retries: record.retries,
    attempts: attempts(record),
    deliveries: record.deliveries,
    submitted_at: record.submittedAt,
    started_at: record.startedAt,
    finished_at: record.finishedAt,
    updated_at: record.updatedAt,
  });
  // The text is valid JSON; parsing it would cost digits of large integers.
  const input = record.input ?? "null";
  return `${head.slice(0, -1)},"args":${args},"kwargs":${kwargs},"input":${input}}`;
}

/** Arguments as JSON text, if the record contains them completely; otherwise `null`.
 *
 * @param begin first character of the JSON */
function argumentsJson(repr: string | null, begin: "[" | "{"): string | null {
  const json = repr === null ? undefined : reprJson(repr);
  return json?.startsWith(begin) ? json : null;
}

/** A child task, or a group with its members. */
export interface ChildBody {
  readonly id: string;
  readonly members?: readonly ChildBody[];
}

/** Parses result tuples, `[[id, parent], members]`, and ignores anything else: Python workers write them too. */
export function childBodies(tuples: unknown): ChildBody[] {
  if (!Array.isArray(tuples)) return [];
  return tuples.flatMap((tuple) => {
    const [named, members] = Array.isArray(tuple) ? tuple : [];
    const [id] = Array.isArray(named) ? named : [];
    if (typeof id !== "string") return [];
    return [Array.isArray(members) ? { id, members: childBodies(members) } : { id }];
  });
}

/** The record of a direct reply: fields that only the store contains are `null`. */
export function replyRecord(
  meta: ResultMeta,
  submitted: Pick<
    TaskRecord,
    "name" | "queue" | "argsRepr" | "kwargsRepr" | "labels" | "submittedBy" | "submittedAt"
  >,
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

/** The record of a task that has none in the store yet. */
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

/** Whether an id is a UUIDv7 so recent that its record may not be written yet.
 *
 * @param now by the database's clock, which ids use */
export function isYoung(id: string, now: Date): boolean {
  const made = timeOf(id);
  return made !== undefined && Math.abs(now.getTime() - made.getTime()) < YOUNG_MS;
}

/** Runs of the handler, including the current one. */
function attempts({ state, retries, startedAt }: TaskRecord): number {
  const counted = startedAt === null || state === "PENDING" || state === "RETRY";
  return counted ? retries : retries + 1;
}

/** First line of a Python traceback. */
const PYTHON = "Traceback (most recent call last)";

/** An error in a response: JavaScript's name and stack, and Celery's class.
 *
 * @param traceback of the record, if known */
export function errorBody(meta: ExceptionMeta, traceback: string | null) {
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

/** The class in the first line of a stack; for a `Retry` with a cause the cause's class, as in Celery. */
function className(stack: string, type: string): string | null {
  if (!stack.includes("\n    at ")) return null;
  const [head = null] = /^[\w$.]+(?=[:\n])/.exec(stack) ?? [];
  if (head !== "Retry" || type === "Retry") return head;
  return /\nCaused by: ([\w$.]+)[:\n]/.exec(stack)?.[1] ?? null;
}

/** Celery's time limit errors contain only the seconds, or nothing. */
function messageOf({ exc_type: type }: ExceptionMeta, first: unknown): string {
  if (type === "TimeLimitExceeded") return `Time limit of ${first} s exceeded`;
  if (type === "SoftTimeLimitExceeded" && first === "") return "Soft time limit exceeded";
  return typeof first === "string" ? first : JSON.stringify(first);
}

/** Converts to standard JSON: Python also writes `NaN`, `Infinity` and typed values. */
export function plainJson(text: string): string {
  try {
    JSON.parse(text);
    if (!mayBeTyped(text)) return text;
  } catch {
    // Parsed leniently below.
  }
  try {
    return stringifyJson(parseJson(text));
  } catch {
    return JSON.stringify(text);
  }
}
