/** The record of a task, and its states. */
import type { ExceptionMeta } from "../celery/exception.ts";
import type { Labels } from "./labels.ts";
import type { ResultTuple } from "../celery/dispatch.ts";
import type { OutboxEntry } from "../outbox/outbox.ts";

/** Celery's states (celery/states.py); `PROGRESS` is Celery's usual custom state. */
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

/** Whether the state is final (Celery's READY_STATES). */
export function isFinal(state: string): state is "SUCCESS" | "FAILURE" | "REVOKED" {
  return FINAL.has(state);
}

/** Details of a run besides its result. */
export interface Meta {
  /** Violations of its contract's permissions. */
  violations?: { readonly violation: string; readonly what: string }[];
  /** Seconds that its handler blocked the worker's event loop; `sure` unless other handlers ran at the same time. */
  blocked?: { readonly seconds: number; readonly sure: boolean };
  /** Its first uncaught errors; `late` if the run had already ended. */
  uncaught?: { readonly error: string; readonly traceback: string; readonly late: boolean }[];
}

/** Where a task comes from, according to its message. */
export interface Lineage {
  /** Id of the task that started it. Absent if none did. */
  readonly parent?: string;
  /** Id of the first task of its tree. Absent if it is that task. */
  readonly root?: string;
  /** Trace of its sender (W3C Trace Context), 32 hexadecimal digits. Absent without tracing. */
  readonly trace?: string;
}

/** A failed attempt that was followed by another one. */
export interface PastAttempt {
  /** 1 for the first. */
  readonly attempt: number;
  readonly worker: string | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date;
  /** Class of the error, as in Celery, and the first 1,000 characters of its message. */
  readonly error: { readonly type: string; readonly message: string } | null;
}

/** The stored record of a task. */
export interface TaskRecord {
  readonly id: string;
  readonly name: string | null;
  readonly state: State;
  readonly queue: string | null;
  /** Node name of the worker that last updated the record. */
  readonly worker: string | null;
  /** Python-style representations, at most about 1,024 characters. */
  readonly argsRepr: string | null;
  readonly kwargsRepr: string | null;
  /** JSON text of the kept input (`kept_input.ts`). Absent if there is none, in lists, and with Django's tables. */
  readonly input?: string;
  /** JSON text: the result (SUCCESS), or the argument of `progress()` (PROGRESS). */
  readonly result: string | null;
  readonly exception: ExceptionMeta | null;
  readonly traceback: string | null;
  /** Results of the tasks that it started, in Celery's form. Default none. */
  readonly children?: readonly ResultTuple[];
  /** Stamps of its message as texts. Absent if there are none, and with Django's tables. */
  readonly labels?: Labels;
  /** Caller that submitted it: `key:ID` or `jwt:SUBJECT`. Absent for the operator, schedules and other systems. */
  readonly submittedBy?: string;
  /** Details of the last run, if any. */
  readonly meta?: Meta | null;
  /** Absent until a worker has written the record, and if the task has no ancestors and no trace. */
  readonly lineage?: Lineage;
  /** The last 50 failed attempts that were retried, oldest first. Absent if there are none, and with Django's tables. */
  readonly history?: readonly PastAttempt[];
  /** Failed attempts. */
  readonly retries: number;
  /** Counted deliveries of the current attempt's message. */
  readonly deliveries: number;
  /** If the API did not write it: the time in the id, if that is a UUIDv7. */
  readonly submittedAt: Date | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly updatedAt: Date;
}

/** The outcome of a task, for callers that wait for many. */
export type TaskOutcome = Pick<TaskRecord, "id" | "state" | "result" | "exception">;

/** A task, for pages that show many. */
export type TaskSummary = Pick<TaskRecord, "id" | "name" | "queue" | "state">;

/** A submitted task, as its PENDING record shows it. */
export interface PendingTask {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly argsRepr: string;
  readonly kwargsRepr: string;
  readonly labels?: Labels;
  readonly submittedBy?: string;
  readonly submittedAt: Date;
}

/** The end of a task whose message will never run. */
export interface GivenUp {
  readonly id: string;
  readonly name: string;
  readonly state: "FAILURE" | "REVOKED";
  /** Failed attempts according to its message. */
  readonly retries: number;
  readonly exception: ExceptionMeta;
}

/** The outcome of a run, as a worker writes it. */
export interface Settlement {
  readonly id: string;
  readonly name: string;
  /** `null` if it was in none. */
  readonly queue: string | null;
  readonly worker: string;
  readonly state: Exclude<State, "PENDING">;
  readonly argsRepr: string | null;
  readonly kwargsRepr: string | null;
  /** JSON text of the kept input (`kept_input.ts`). Default: the record keeps none. Not stored in Django's tables. */
  readonly input?: string;
  /** JSON text (SUCCESS, PROGRESS). */
  readonly result: string | null;
  readonly exception: ExceptionMeta | null;
  readonly traceback: string | null;
  readonly meta?: Meta | null;
  readonly lineage?: Lineage;
  readonly labels?: Labels;
  readonly submittedBy?: string;
  /** Failed attempts. RETRY includes the attempt that caused it, as in the message of `next`. */
  readonly retries: number;
  /** By the worker's clock. The store only uses the time elapsed since then. */
  readonly startedAt: Date | null;
  /** Results of the tasks that it started, in Celery's form. Default none. */
  readonly children?: readonly ResultTuple[];
  /** Outbox entry of the next attempt, stored in the same transaction. */
  readonly next: OutboxEntry | null;
  /** Events that the handler emitted, stored in the same transaction. Default none. */
  readonly events?: readonly OutboxEntry[];
  /** The schedule that sent it (django-celery-beat's header). Only Django's tables store it. */
  readonly periodicTaskName?: string;
}

/** What an executor needs to know before it runs a delivery. */
export interface Claim {
  readonly state: State;
  readonly retries: number;
  readonly deliveries: number;
  /** Set if another live worker runs the task: seconds until its lease ends, unless it is renewed. */
  readonly heldSeconds?: number;
}

/** A delivery to claim. */
export interface Claimed {
  readonly id: string;
  /** Higher for a later message of the task that is not a duplicate. */
  readonly round: number;
  readonly redelivered: boolean;
}

/** A condition of a list that is checked on each row, because no index has it. */
export type RecordCondition =
  & {
    /** One of them must match: `*` matches any text. A word of `text` is the id, or a part of the name in any case. */
    readonly patterns: readonly string[];
    /** Whether to find all other rows, also those without the value. */
    readonly isNegated: boolean;
  }
  & (
    | { readonly field: "id" | "name" | "queue" | "worker" | "submittedBy" | "text" }
    | { readonly field: "label"; readonly label: string }
  );

/** Filter of a list. */
export interface RecordFilter {
  readonly name?: string;
  readonly state?: State;
  /** One of these states, instead of `state`. */
  readonly states?: readonly State[];
  readonly queue?: string;
  readonly worker?: string;
  /** Records that have this value under this name. */
  readonly label?: { readonly name: string; readonly value: string };
  /** Created at or after this time. Lists are ordered by the creation time, which never changes. */
  readonly since?: Date;
  /** Created before this time. */
  readonly until?: Date;
  /** All of them must match. */
  readonly conditions?: readonly RecordCondition[];
}

/** A page of records, newest first by default, and the cursor of the next page; `null` when there is none.
 *
 * A page may be short or empty and still have a next one, because a search for rare records takes several requests. */
export interface RecordPage {
  readonly records: TaskRecord[];
  readonly next: string | null;
  /** Number of rows read, if the search ended before the page was full. */
  readonly searched?: number;
}
