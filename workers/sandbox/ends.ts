/** Why children end. */
import {
  ConfigurationError,
  PolicyViolation,
  Terminated,
  TimeLimitExceeded,
  WorkerLost,
} from "../../shared/errors.ts";
import { deniedAtLoad } from "../denial.ts";
import { type ErrorRecord, reviveError } from "./error_record.ts";

/** As metrics name it. */
export type ChildEnd =
  | "recycled"
  | "violation"
  | "time-limit"
  | "terminated"
  | "stopped"
  | "unusable"
  | "lost";

/** The child died before it began with the task, which may so be given to another. */
export class NeverStarted extends WorkerLost {}

/** The child has served its time: no fault. */
export class Recycled extends WorkerLost {}

/** The pool ends its children as it is stopped. */
export class Stopped extends WorkerLost {}

/** Why a child ended, by the error that it was killed with; `undefined` when it ended by itself. */
export function endOf(killed: Error | undefined): ChildEnd {
  if (killed === undefined) return "lost";
  if (killed instanceof Recycled) return "recycled";
  if (killed instanceof PolicyViolation) return "violation";
  if (killed instanceof TimeLimitExceeded) return "time-limit";
  if (killed instanceof Terminated) return "terminated";
  return killed instanceof Stopped ? "stopped" : "unusable";
}

/** Something but the child's own code wrote to the channel. */
export function misused(pid: number, cause: unknown): PolicyViolation {
  return new PolicyViolation(
    `Cannot go on with child process ${pid} as something wrote to the channel of its worker: a handler must not write to file descriptor 1`,
    "channel",
    { cause },
  );
}

/** The app's modules cannot be loaded in a child. */
export function unusable(record: ErrorRecord): Error {
  const error = reviveError(record);
  if (error instanceof ConfigurationError) return error;
  const what = "the app's modules in a child process";
  return deniedAtLoad(error, what) ?? new ConfigurationError(
    `Cannot load ${what} because ${record.name}: ${record.message}: correct the module`,
    { cause: error },
  );
}
