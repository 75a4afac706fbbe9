/** The second argument of a handler. It is the same in the worker's process and in a child process. */
import type { WorkflowNode } from "../../shared/contracts/workflow_builder.ts";
import type { EventToEmit } from "../../shared/events/emitted_event.ts";
import type { Completion, CompletionSql } from "./completion.ts";
import type { Replacement } from "./replacement.ts";
import type { TaskRequest } from "./request.ts";
import type { SubmitOptions, SubmittedWork } from "./task_submissions.ts";

/** Writes log lines with the task's name and id. A LogTape logger has the same methods.
 *
 * `{name}` in a message stands for a property of the next argument: `log.info("Paid {order}", { order })`. Everything else is appended:
 * further properties as `name=value`, errors with their stack, other values inspected. */
export interface TaskLog {
  /** Details for debugging. */
  debug(message: string, ...values: readonly unknown[]): void;
  /** Normal progress. */
  info(message: string, ...values: readonly unknown[]): void;
  /** A problem that did not stop the task. */
  warn(message: string, ...values: readonly unknown[]): void;
  /** A failure. */
  error(message: string, ...values: readonly unknown[]): void;
}

/** The current attempt. */
export interface Context extends TaskRequest {
  /** Aborts when the attempt should end early: its `reason` is a {@linkcode SoftTimeLimitExceeded}, or the error that stops the worker. */
  readonly signal: AbortSignal;
  /** Number of deliveries of this attempt. Above 1, an earlier run may have died half-way. */
  readonly deliveries: number;
  /** Writes log lines with the task's name and id. */
  readonly log: TaskLog;
  /** Reports progress: any JSON value. Returns at once and never throws. The worker may skip values that follow too fast. */
  progress(value: unknown): void;
  /** Submits work: a task (`signature()`), a chain, group, chord, map, starmap or chunks. Resolves when it is durable.
   *
   * The new ids are derived from this task's id and the work, or `key`. A handler that runs again, after a crash or in a later attempt,
   * submits the same ids for the same work, and a task whose record is final does not run again.
   *
   * @throws {InvalidInput} if the arguments violate a contract, or in a child process whose contract lacks `submits: true`
   * @throws {Unavailable} if neither broker nor database can store it */
  submit(work: WorkflowNode, options?: SubmitOptions): Promise<SubmittedWork>;
  /** Emits an event when this attempt succeeds: `context.emit({ type: "orders.paid", data: { order } })`.
   *
   * The events are committed in the transaction that makes the result final, and published afterwards. A failed attempt emits none. Without
   * a record (`ignoreResult`), they are committed before the message is acknowledged. At most 1,000, of 16 MiB together.
   *
   * @throws {InvalidInput} if the event is invalid, violates its contract, or has no contract, and in a child process */
  emit(event: EventToEmit): void;
  /** Replaces this task with other work. Return its result: `return context.replace(signature(...))`.
   *
   * The last task of the work gets this task's id, callbacks, errbacks, chord and group, and the rest of the chain follows it. The result of
   * a group is the list of its members' results. Works like Celery's `Task.replace`.
   *
   * @throws {InvalidInput} in a child process whose contract lacks `submits: true` */
  replace(work: WorkflowNode): Replacement;
  /** Runs SQL in the transaction that makes the result final. Return its result: `return context.complete(async (sql) => ...)`.
   *
   * `work` runs statements on the worker's database and returns the result. If it throws, or another attempt has made the record final,
   * nothing is committed. Once it commits, its writes exist exactly once for this id, even after crashes.
   * `work` may run more than once. It must not idle for 15 s between two statements.
   *
   * @throws {InvalidInput} in a child process, which has no database, and if no record is kept */
  complete<Result>(
    work: (sql: CompletionSql) => Result | Promise<Result>,
  ): Completion<Result>;
}

/** Creates an immutable context from a new object, which may compute `signal` and `log` when they are read. Its functions work without the
 * object: `const { progress } = context`. */
export function createContext(parts: Context): Context {
  return Object.freeze(parts);
}
