/** The record of a task, and its states. */
import type { ExceptionMeta } from "../celery/exception.ts";
import type { ResultTuple } from "../celery/dispatch.ts";
import type { OutboxEntry } from "../outbox/outbox.ts";

/** Celery's words (celery/states.py); `PROGRESS` is its custom-state convention. */
export type State =
  | "PENDING"
  | "STARTED"
  | "PROGRESS"
  | "RETRY"
  | "SUCCESS"
  | "FAILURE"
  | "REVOKED";

/** All states, for filters and schemas. */
export const STATES = [
  "PENDING",
  "STARTED",
  "PROGRESS",
  "RETRY",
  "SUCCESS",
  "FAILURE",
  "REVOKED",
] as const;

const FINAL: ReadonlySet<string> = new Set(["SUCCESS", "FAILURE", "REVOKED"]);

/** Whether nothing may follow this state (Celery's READY_STATES). */
export function isFinal(state: string): state is "SUCCESS" | "FAILURE" | "REVOKED" {
  return FINAL.has(state);
}

/** What is worth knowing of a run beside its outcome. */
export interface Meta {
  /** What it did that its contract does not allow. */
  violations?: { readonly violation: string; readonly what: string }[];
  /** Seconds that its handler held the worker's event loop; `sure` unless others ran beside it. */
  blocked?: { readonly seconds: number; readonly sure: boolean };
  /** The first errors that it left uncaught; `late` where the run was over by then. */
  uncaught?: { readonly error: string; readonly traceback: string; readonly late: boolean }[];
}

/** A task as the store knows it. */
export interface TaskRecord {
  readonly id: string;
  readonly name: string | null;
  readonly state: State;
  readonly queue: string | null;
  /** Node name of the worker that wrote last. */
  readonly worker: string | null;
  /** Python-style representations, at most about 1,024 characters. */
  readonly argsRepr: string | null;
  readonly kwargsRepr: string | null;
  /** JSON text: the result (SUCCESS), or what `progress()` was given (PROGRESS). */
  readonly result: string | null;
  readonly exception: ExceptionMeta | null;
  readonly traceback: string | null;
  /** Results of what it started, as Celery writes them. Default none. */
  readonly children?: readonly ResultTuple[];
  /** Of the last run, if there is anything to know. */
  readonly meta?: Meta | null;
  /** Failed attempts. */
  readonly retries: number;
  /** Hand-outs of the present attempt's message by the broker, as far as they were counted. */
  readonly deliveries: number;
  /** Where the API did not write it, the time in the id, if that is a UUIDv7. */
  readonly submittedAt: Date | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly updatedAt: Date;
}

/** What a task led to, as those need it who wait for many. */
export type TaskOutcome = Pick<TaskRecord, "id" | "state" | "result" | "exception">;

/** A submitted task, as its PENDING record shows it. */
export interface PendingTask {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly argsRepr: string;
  readonly kwargsRepr: string;
  readonly submittedAt: Date;
}

/** The end of a task whose message will never run. */
export interface GivenUp {
  readonly id: string;
  readonly name: string;
  readonly state: "FAILURE" | "REVOKED";
  /** Failed attempts that its message counts. */
  readonly retries: number;
  readonly exception: ExceptionMeta;
}

/** What a worker writes of a run. */
export interface Settlement {
  readonly id: string;
  readonly name: string;
  /** `null` where it never was in one. */
  readonly queue: string | null;
  readonly worker: string;
  readonly state: Exclude<State, "PENDING">;
  readonly argsRepr: string | null;
  readonly kwargsRepr: string | null;
  /** JSON text (SUCCESS, PROGRESS). */
  readonly result: string | null;
  readonly exception: ExceptionMeta | null;
  readonly traceback: string | null;
  readonly meta?: Meta | null;
  /** Failed attempts. With RETRY the one that led to it counts, as in the message of `next`. */
  readonly retries: number;
  /** By the worker's clock. The store only takes the time since then from it. */
  readonly startedAt: Date | null;
  /** Results of what it started, as Celery writes them. Default none. */
  readonly children?: readonly ResultTuple[];
  /** What must be in the outbox in the same transaction: the next attempt. */
  readonly next: OutboxEntry | null;
  /** The schedule that sent it, as django-celery-beat names it in a header. Only Django's tables have a place for it. */
  readonly periodicTaskName?: string;
}

/** What an executor must know before it runs a delivery. */
export interface Claim {
  readonly state: State;
  readonly retries: number;
  readonly deliveries: number;
  /** Another live worker has the task in flight: seconds until its lease ends, unless it renews. */
  readonly heldSeconds?: number;
}

/** A delivery as the store must know it. */
export interface Claimed {
  readonly id: string;
  /** Higher for a later message of the task, which is no duplicate of an earlier one. */
  readonly round: number;
  readonly redelivered: boolean;
}

/** Which records to list. */
export interface RecordFilter {
  readonly name?: string;
  readonly state?: State;
  readonly queue?: string;
  readonly worker?: string;
  /** First heard of at or after: the time that lists are in the order of, and that never changes. */
  readonly since?: Date;
  /** First heard of before. */
  readonly until?: Date;
}

/** A page of records, newest first, and the cursor of the next; `null` when there is none.
 *
 * A page may be short, or empty, and still have a next one: looking for what is rare takes more than one request. */
export interface RecordPage {
  readonly records: TaskRecord[];
  readonly next: string | null;
}
