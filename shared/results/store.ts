/** Where records live. One store; the SQL is given to it. */
import type { Sql } from "../database/database.ts";
import type {
  Claim,
  Claimed,
  GivenUp,
  Meta,
  PendingTask,
  RecordFilter,
  RecordPage,
  Settlement,
  State,
  TaskOutcome,
  TaskRecord,
} from "./result.ts";

/** Which part of a list to read. */
export interface ListOptions {
  /** Records, 1 to 1,000. */
  readonly limit: number;
  /** `next` of the page before. */
  readonly cursor?: string;
  /** Whether to read `result`; `null` otherwise. Default `true`. */
  readonly results?: boolean;
}

/** Reads and writes records. All writes take many at once: callers batch. */
export interface ResultStore {
  /** Writes PENDING records; those that exist are left alone. */
  submitted(submissions: readonly PendingTask[]): Promise<void>;
  /** Writes outcomes, each with its outbox entry in one transaction. The first final state wins; nothing goes back to an earlier attempt.
   * May be repeated when it is not known whether it went through: what this worker wrote before counts as taken,
   * unless another of its runs wrote another value.
   *
   * @returns for each settlement, in order, whether its state was taken
   * @throws {DatabaseRefused} when one of them cannot be stored; `isDataFault` tells, and then none of them may be */
  settle(settlements: readonly Settlement[]): Promise<boolean[]>;
  /** Holds deliveries about to run for a worker, so that no other one runs the same task meanwhile, and reads what is known of them. Counts
   * a hand-out more for those that the broker hands out again, making a PENDING record without a name where there is none.
   *
   * @param node the worker's name. It must have a lease ({@linkcode WorkerLease}), or others take its tasks over
   * @returns for each, in order, the claim, or `undefined` when there is no record and no other worker holds the task */
  claim(deliveries: readonly Claimed[], node: string): Promise<(Claim | undefined)[]>;
  /** Makes a record that has not started REVOKED, creating it if need be.
   *
   * @returns the record's state before, and whether it was revoked */
  revoke(id: string, why: string): Promise<{ revoked: boolean; state: string | null }>;
  /** Makes records that are FAILURE PENDING again, whose messages are sent once more; all others stay as they are.
   *
   * @param tasks with the failed attempts that the message counts
   * @param sql the transaction that sends the messages */
  reopen(tasks: readonly { id: string; retries: number }[], sql: Sql): Promise<void>;
  /** Makes records final whose messages are given up, also where there is none yet; those that are final or at a later attempt stay.
   *
   * @param sql where: a transaction, or the database */
  fail(tasks: readonly GivenUp[], sql: Sql): Promise<void>;
  /** Adds to what is known of a task's last run, whatever its state. */
  annotate(id: string, meta: Meta): Promise<void>;
  find(id: string): Promise<TaskRecord | undefined>;
  /** What many tasks led to; those without a record are left out. */
  outcomes(ids: readonly string[]): Promise<TaskOutcome[]>;
  /** States of many tasks; those without a record are left out.
   *
   * @param sql a transaction to read them in */
  states(ids: readonly string[], sql?: Sql): Promise<Map<string, State>>;
  /** @throws {InvalidInput} when the limit is out of range, or the cursor is not one of ours */
  list(filter: RecordFilter, options: ListOptions): Promise<RecordPage>;
}
