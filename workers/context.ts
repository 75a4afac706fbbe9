/** What a handler is given besides its input. The same in the worker's own process and in a child. */
import type { Completion, CompletionSql } from "./completion.ts";

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
export interface Context {
  /** Aborts when the attempt should end early: its `reason` is a {@linkcode SoftTimeLimitExceeded} or what stopped the worker. */
  readonly signal: AbortSignal;
  /** The task's id: the same in each attempt and each hand-out, so a key to be idempotent by. */
  readonly id: string;
  /** 1 = first. */
  readonly attempt: number;
  /** Times the broker handed this attempt out: above 1, an earlier run may have died half-way. */
  readonly deliveries: number;
  /** Log lines that bear the task's name and id. */
  readonly log: TaskLog;
  /** Tells how far the attempt is: any JSON value. Never waits and never throws; the worker may skip values that come too fast. */
  progress(value: unknown): void;
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
  const { signal, id, attempt, deliveries, log, progress, complete } = parts;
  return Object.freeze({ signal, id, attempt, deliveries, log, progress, complete });
}
