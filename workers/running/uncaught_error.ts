/** The failure of a run with an uncaught error, in the worker's process or in a child process. */
import { UncaughtError } from "../../shared/errors.ts";
import { summaryOf } from "../../shared/runtime/thrown.ts";

/** Creates the failure. Its cause is the uncaught error. */
export function uncaughtError(name: string, thrown: unknown): UncaughtError {
  const error = new UncaughtError(
    `Cannot continue task '${name}' because it left an error uncaught (${
      summaryOf(thrown)
    }): await every promise, or catch its rejection`,
    { cause: thrown },
  );
  // The stack at this place is of no use; the cause has its own.
  error.stack = `${error.name}: ${error.message}`;
  return error;
}
