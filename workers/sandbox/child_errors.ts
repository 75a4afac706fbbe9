/** Errors for which child processes end. */
import {
  ConfigurationError,
  PolicyViolation,
  Terminated,
  TimeLimitExceeded,
  WorkerLost,
} from "../../shared/errors.ts";
import type { ChildAttempt } from "./child_attempt.ts";
import type { ChildLog } from "./child_log.ts";
import { deniedAtLoad } from "../running/permission_denial.ts";
import { type ErrorRecord, reviveError } from "./error_record.ts";

/** Reasons in metrics. */
export type ChildEnd =
  | "recycled"
  | "violation"
  | "time-limit"
  | "terminated"
  | "stopped"
  | "unusable"
  | "blocked"
  | "lost";

/** The child died before it started the task, so another child can run it. */
export class NeverStarted extends WorkerLost {}

/** The child is replaced as planned. */
export class Recycled extends WorkerLost {}

/** The pool stops. */
export class Stopped extends WorkerLost {}

/** Reason for a child's end.
 *
 * @param killed the error with which it was killed; `undefined` if it ended by itself */
export function endOf(killed: Error | undefined): ChildEnd {
  if (killed === undefined) return "lost";
  if (killed instanceof Recycled) return "recycled";
  if (killed instanceof PolicyViolation) return "violation";
  if (killed instanceof TimeLimitExceeded) return "time-limit";
  if (killed instanceof Terminated) return "terminated";
  if (killed instanceof NeverStarted) return "blocked";
  if (killed instanceof Stopped) return "stopped";
  return killed instanceof ConfigurationError ? "unusable" : "lost";
}

/** Something other than the child's own code wrote to the channel. */
export function misused(pid: number, cause: unknown): PolicyViolation {
  return new PolicyViolation(
    `Cannot use child process ${pid} because something wrote to the channel of its worker: a handler must not write to file descriptor 1`,
    "channel",
    { cause },
  );
}

/** The channel of a running child was closed. */
export function closed(pid: number): WorkerLost {
  return new WorkerLost(
    `Cannot use child process ${pid} because something closed the channel to its worker: a handler must not close file descriptors 0 and 1`,
  );
}

/** The error for a child that ended by itself. */
export function lostBy(status: Deno.CommandStatus, log: ChildLog, attempt?: ChildAttempt): Error {
  const what = attempt ? `finish task '${attempt.task.name}'` : "use a child process";
  const message = `Cannot ${what} because ${log.explain(status)}`;
  if (attempt && !attempt.started) return new NeverStarted(message);
  if (!log.outOfMemory) return new WorkerLost(message);
  const error = new PolicyViolation(message, "memory");
  attempt?.ended(error);
  return error;
}

/** The error for a child that cannot load the app's modules. */
export function unusable(record: ErrorRecord): Error {
  const error = reviveError(record);
  if (error instanceof ConfigurationError) return error;
  const what = "the app's modules in a child process";
  return deniedAtLoad(error, what) ?? new ConfigurationError(
    `Cannot load ${what} because ${record.name}: ${record.message}: correct the module`,
    { cause: error },
  );
}
