/** Arguments of a message, bound to a contract and validated. */
import { bindArguments, inputIssues } from "../../shared/contracts/arguments.ts";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import { WrongArguments } from "../../shared/errors.ts";
import type { Outcome } from "./outcome.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { type TaskCall, type TaskCalls, taskCallsOf } from "./task_calls.ts";
import { invalid } from "./outcomes.ts";

/** Arguments of one call by name: as received, and as parsed by the contract's schema. */
export interface Input {
  readonly raw: Record<string, unknown>;
  readonly parsed: Record<string, unknown>;
}

/** Reads the calls of a message. Sets `rejected` if they are invalid. */
export function readCalls(task: TaskMessage): TaskCalls & { rejected?: Outcome } {
  try {
    return taskCallsOf(task);
  } catch (error) {
    return { name: task.task, calls: [], series: false, rejected: invalid(error) };
  }
}

/** Binds and validates the arguments of each call. */
export function validateCalls(
  contract: TaskContract,
  calls: readonly TaskCall[],
): readonly Input[] | { rejected: Outcome } {
  try {
    return calls.map(({ args, kwargs }) => {
      const raw = bindArguments(contract, args, kwargs);
      const parsed = contract.input.safeParse(raw);
      if (parsed.success) return { raw, parsed: parsed.data };
      const issues = inputIssues(contract, parsed.error, args.length);
      throw new WrongArguments(
        `Cannot run task '${contract.name}' because its input is invalid: ${
          issues.map(({ field, message }) => `${field}: ${message}`).join("; ")
        }`,
      );
    });
  } catch (error) {
    return { rejected: invalid(error) };
  }
}
