/** The failure of a run that left an error uncaught. The same in the worker's own process and in a child. */
import { UncaughtError } from "../../shared/errors.ts";
import { summaryOf } from "../../shared/runtime/thrown.ts";

/** Why a run of a task failed, with what it left uncaught as the cause. */
export function uncaughtError(name: string, thrown: unknown): UncaughtError {
  const error = new UncaughtError(
    `Cannot go on with task '${name}' because it left an error uncaught (${
      summaryOf(thrown)
    }): await every promise, or catch its rejection`,
    { cause: thrown },
  );
  // Where it was noticed says nothing: its cause has the stack.
  error.stack = `${error.name}: ${error.message}`;
  return error;
}
