/** Converts records to and from the rows of the store's statements. */
import type { ResultTuple } from "../celery/dispatch.ts";
import { readException } from "../celery/result.ts";
import { sanitizeText } from "../database/sanitize_text.ts";
import type { ExceptionMeta } from "../celery/exception.ts";
import type { Labels } from "./labels.ts";
import type { Lineage, Meta, PastAttempt, Settlement, State, TaskRecord } from "./result.ts";
import { timeOf } from "./uuid_time.ts";

/** The columns of a record. */
export interface Row {
  readonly id: string;
  readonly name: string | null;
  readonly state: State;
  readonly queue: string | null;
  readonly worker: string | null;
  readonly args_repr: string | null;
  readonly kwargs_repr: string | null;
  readonly input?: string | null;
  readonly result: string | null;
  /** JSON text, unchanged, from Celeriac or Python. */
  readonly exception: unknown;
  readonly traceback: string | null;
  readonly children: readonly ResultTuple[] | null;
  readonly meta: StoredMeta | null;
  readonly history?: readonly AttemptRow[] | null;
  readonly labels?: Labels | null;
  readonly submitted_by?: string | null;
  readonly retries: number;
  readonly deliveries: number;
  readonly submitted_at: Date | null;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
  readonly updated_at: Date;
}

/** The column `meta`. It also has the lineage, so that tasks without one cost nothing more. */
interface StoredMeta extends Meta {
  readonly lineage?: Lineage;
}

/** A failed attempt in the column `history`. */
interface AttemptRow {
  readonly attempt: number;
  readonly worker: string | null;
  readonly started_at: string | null;
  readonly finished_at: string;
  readonly error: { readonly type: string; readonly message: string } | null;
}

/** Maximum characters of an error message in the history. */
const MESSAGE_MAX = 1000;

/** Values that most settlements of a batch have. */
export type CommonValues = Pick<Settlement, "name" | "queue" | "worker">;

/** The values of the first settlement. No queue if one of them has none, because its row could not say so. */
export function commonValues(settlements: readonly Settlement[]): CommonValues {
  const { name = "", queue = null, worker = "" } = settlements[0] ?? {};
  return { name, queue: settlements.some((one) => one.queue === null) ? null : queue, worker };
}

/** A settlement as input of the statement `settle`. Omits nulls and what `common` has: the server spends more time on reading the JSON of a
 * row than on its insert. */
export function toRow(settlement: Settlement, common: CommonValues) {
  const { state, startedAt, name, queue, worker } = settlement;
  const retries = retriesOf(settlement);
  return {
    id: sanitizeText(settlement.id),
    name: name === common.name ? undefined : sanitizeText(name),
    state,
    queue: queue === common.queue ? undefined : sanitizeText(queue),
    worker: worker === common.worker ? undefined : sanitizeText(worker),
    args_repr: sanitizeText(settlement.argsRepr) ?? undefined,
    kwargs_repr: sanitizeText(settlement.kwargsRepr) ?? undefined,
    // JSON text contains NUL and lone surrogates as escapes, which the column stores unchanged.
    input: settlement.input,
    result: settlement.result ?? undefined,
    exception: settlement.exception ? JSON.stringify(settlement.exception) : undefined,
    traceback: sanitizeText(settlement.traceback) ?? undefined,
    error: state === "RETRY" && settlement.exception ? errorJson(settlement.exception) : undefined,
    children: settlement.children?.length ? settlement.children : undefined,
    labels: settlement.labels,
    submitted_by: sanitizeText(settlement.submittedBy ?? null) ?? undefined,
    meta: settledMetaJson(settlement),
    retries: retries === 0 ? undefined : retries,
    started_at: startedAt?.toISOString(),
    periodic_task_name: sanitizeText(settlement.periodicTaskName ?? null) ?? undefined,
    pid: state === "STARTED" ? Deno.pid : undefined,
  };
}

/** A settlement as input of the statement `settledBefore`. */
export function toRefusedRow(settlement: Settlement) {
  const { id, state, worker, result, exception } = settlement;
  return {
    id: sanitizeText(id),
    state,
    worker: sanitizeText(worker),
    retries: retriesOf(settlement),
    result: result ?? undefined,
    exception: exception ? JSON.stringify(exception) : undefined,
  };
}

function retriesOf({ retries, next }: Settlement): number {
  return Math.max(retries, next?.retries ?? 0);
}

/** The error of an attempt: its class and the first part of its message. */
function errorJson({ exc_type: type, exc_message: [first = ""] }: ExceptionMeta): string {
  const message = typeof first === "string" ? first : JSON.stringify(first) ?? "";
  return JSON.stringify({
    type: sanitizeText(type),
    message: sanitizeText(message.slice(0, MESSAGE_MAX)),
  });
}

function settledMetaJson({ meta, lineage }: Settlement): string | undefined {
  if (lineage) return metaJson({ ...meta, lineage });
  return meta ? metaJson(meta) : undefined;
}

/** `undefined` when there are no details. */
export function metaJson(meta: StoredMeta): string | undefined {
  for (const _ in meta) {
    return JSON.stringify(
      meta,
      (_key, value) => typeof value === "string" ? sanitizeText(value) : value,
    );
  }
  return undefined;
}

/** The record of a row. */
export function toRecord(row: Row): TaskRecord {
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    queue: row.queue,
    worker: row.worker,
    argsRepr: row.args_repr,
    kwargsRepr: row.kwargs_repr,
    ...(row.input && { input: row.input }),
    result: row.result,
    exception: readException(row.exception),
    traceback: row.traceback,
    ...(row.children?.length && { children: row.children }),
    ...fromMeta(row.meta),
    ...(row.submitted_by && { submittedBy: row.submitted_by }),
    ...(row.labels && { labels: row.labels }),
    ...(row.history?.length && { history: row.history.map(toAttempt) }),
    retries: row.retries,
    deliveries: row.deliveries,
    submittedAt: row.submitted_at ?? timeOf(row.id) ?? null,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    updatedAt: row.updated_at,
  };
}

function fromMeta(stored: StoredMeta | null): Pick<TaskRecord, "meta" | "lineage"> {
  if (!stored?.lineage) return { meta: stored };
  const { lineage, ...meta } = stored;
  return { meta: Object.keys(meta).length > 0 ? meta : null, lineage };
}

function toAttempt({ attempt, worker, started_at, finished_at, error }: AttemptRow): PastAttempt {
  return {
    attempt,
    worker,
    startedAt: started_at === null ? null : new Date(started_at),
    finishedAt: new Date(finished_at),
    error,
  };
}
