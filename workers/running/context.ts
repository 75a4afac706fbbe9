/** What a handler is given besides its input. The same in the worker's own process and in a child. */
import type { WorkflowNode } from "../../shared/contracts/workflow_builder.ts";
import type { Completion, CompletionSql } from "./completion.ts";
import type { Replacement } from "./replacement.ts";
import type { TaskRequest } from "./request.ts";
import type { SubmitOptions, SubmittedWork } from "./task_submissions.ts";

/** Writes log lines that carry the task's name and id. A LogTape logger fits.
 *
 * `{name}` in a message stands for a property of the object that follows: `log.info("Paid {order}", { order })`. Whatever else is given
 * is appended: further properties as `name=value`, errors with their stack, other values inspected. */
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

/** One attempt, seen from its handler. */
export interface Context extends TaskRequest {
  /** Aborts when the attempt should end early: its `reason` is a {@linkcode SoftTimeLimitExceeded} or what stopped the worker. */
  readonly signal: AbortSignal;
  /** Times the broker handed this attempt out: above 1, an earlier run may have died half-way. */
  readonly deliveries: number;
  /** Log lines that bear the task's name and id. */
  readonly log: TaskLog;
  /** Tells how far the attempt is: any JSON value. Never waits and never throws; the worker may skip values that come too fast. */
  progress(value: unknown): void;
  /** Sends work: a task (`signature()`), a chain, group, chord, map, starmap or chunks. Resolves when it is durable.
   *
   * Its ids are derived from this task's id and from the work, or `key`: a handler that runs again, after a crash or in a further attempt,
   * sends the same ids for the same work, and a task whose record is final does not run again.
   *
   * @throws {InvalidInput} when its arguments do not fit their contract; in a child process whose contract does not say `submits: true`
   * @throws {Unavailable} when neither broker nor database can hold it */
  submit(work: WorkflowNode, options?: SubmitOptions): Promise<SubmittedWork>;
  /** Puts work in the place of this task; return what it gives: `return context.replace(signature(...))`.
   *
   * The last task of the work has this task's id, its callbacks, errbacks, chord and group, and the rest of its chain follows. The result of a
   * group is the list of its members' results. As Celery's `Task.replace`.
   *
   * @throws {InvalidInput} in a child process whose contract does not say `submits: true` */
  replace(work: WorkflowNode): Replacement;
  /** Puts SQL into the transaction that makes the result final; return what it gives: `return context.complete(async (sql) => ...)`.
   *
   * `work` gets statements on the worker's own database and returns the result. If it throws, or another attempt has made the record final,
   * nothing of it is committed; if it commits, its effects are there exactly once for this id, whatever crashes.
   * It may run more than once, and must not idle 15 s between two statements.
   *
   * @throws {InvalidInput} in a child process, which has no database, and where no record is kept */
  complete<Result>(
    work: (sql: CompletionSql) => Result | Promise<Result>,
  ): Completion<Result>;
}

/** Makes a context that a handler cannot change and whose `progress` and `log` may be taken off it. */
export function createContext(parts: Context): Context {
  return Object.freeze({ ...parts });
}
