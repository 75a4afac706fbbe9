/** What a handler is given besides its input. The same in the worker's own process and in a child. */

/** Writes log lines that bear the task's name and id. A LogTape logger fits. */
export interface TaskLog {
  /** For whoever looks for a fault. */
  debug(message: string, properties?: Record<string, unknown>): void;
  /** What is as it should be. */
  info(message: string, properties?: Record<string, unknown>): void;
  /** What is not, and did not stop the task. */
  warn(message: string, properties?: Record<string, unknown>): void;
  /** What went wrong. */
  error(message: string, properties?: Record<string, unknown>): void;
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
}

/** Makes a context that a handler cannot change and whose `progress` and `log` may be taken off it. */
export function createContext(parts: Context): Context {
  const { signal, id, attempt, deliveries, log, progress } = parts;
  return Object.freeze({ signal, id, attempt, deliveries, log, progress });
}
