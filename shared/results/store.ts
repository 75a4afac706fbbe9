/** The interface of the result store. */
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
  TaskSummary,
} from "./result.ts";

/** Which page of a list to read. */
export interface ListOptions {
  /** Maximum number of records, 1 to 1,000. */
  readonly limit: number;
  /** `next` of the previous page. */
  readonly cursor?: string;
  /** Whether to read `result`; otherwise it is `null`. Default `true`. */
  readonly results?: boolean;
  /** Whether the oldest records come first. A cursor is for one order. Default `false`. */
  readonly oldestFirst?: boolean;
  /** Rows after which a search without an index ends, in steps of 10,000. Default: as many as can be read in 1 s. */
  readonly searchMax?: number;
}

/** Reads and writes records. Writes take many records, so that callers can batch. */
export interface ResultStore {
  /** Inserts PENDING records. Existing ones stay unchanged, except that one without a name gets what the submission says.
   *
   * @returns the number of new records */
  submitted(submissions: readonly PendingTask[]): Promise<number>;
  /** Ids without a record, or with one that has no name, because a revoke or a redelivery wrote it. */
  unrecorded(ids: readonly string[]): Promise<string[]>;
  /** Writes outcomes, each with its outbox entry in one transaction. The first final state wins; a record never returns to an earlier
   * attempt. Safe to repeat after an unknown result: what this worker stored before counts as stored, unless another of its runs stored
   * another value.
   *
   * @returns for each settlement, in order, whether its state was stored
   * @throws {DatabaseRefused} when one of them cannot be stored (`isDataFault`); then none is stored */
  settle(settlements: readonly Settlement[]): Promise<boolean[]>;
  /** Claims deliveries for a worker before it runs them, so that no other worker runs the same task, and reads their records. Counts a
   * redelivery; inserts a PENDING record without a name if there is none.
   *
   * @param node the worker's name. Without a lease ({@linkcode WorkerLease}) other workers take over its tasks
   * @returns for each, in order, the claim; `undefined` when there is no record and no other worker holds the task */
  claim(deliveries: readonly Claimed[], node: string): Promise<(Claim | undefined)[]>;
  /** Sets a record that has not started to REVOKED, or inserts it.
   *
   * @returns the previous state, and whether the task was revoked */
  revoke(id: string, why: string): Promise<{ revoked: boolean; state: string | null }>;
  /** Sets FAILURE records to PENDING because their messages are sent again; others stay unchanged.
   *
   * @param tasks with the failed attempts according to the message
   * @param sql the transaction that sends the messages
   * @returns ids of the records that were FAILURE */
  reopen(tasks: readonly { id: string; retries: number }[], sql: Sql): Promise<string[]>;
  /** Makes the records of undeliverable messages final, or inserts them; records that are final or at a later attempt stay unchanged.
   *
   * @param sql a transaction or the database */
  fail(tasks: readonly GivenUp[], sql: Sql): Promise<void>;
  /** Adds details of a task's last run, in any state. */
  annotate(id: string, meta: Meta): Promise<void>;
  find(id: string): Promise<TaskRecord | undefined>;
  /** Outcomes of many tasks; tasks without a record are omitted. */
  outcomes(ids: readonly string[]): Promise<TaskOutcome[]>;
  /** States of many tasks; tasks without a record are omitted.
   *
   * @param sql a transaction to read in */
  states(ids: readonly string[], sql?: Sql): Promise<Map<string, State>>;
  /** Names, queues and states of many tasks; tasks without a record are omitted. */
  summaries(ids: readonly string[]): Promise<TaskSummary[]>;
  /** @throws {InvalidInput} when the limit is out of range, or the cursor is invalid
   * @throws {DatabaseTooSlow} when the database found no record in time */
  list(filter: RecordFilter, options: ListOptions): Promise<RecordPage>;
}
