/** Celery's tasks that run another task over a list: `celery.map` passes each item as the only argument, `celery.starmap` as all arguments
 * (celery/app/builtins.py). They are routed like the task they run, so workers receive them from the same queues. */
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import { isObject } from "../../shared/celery/shape.ts";
import { WrongArguments } from "../../shared/errors.ts";

/** One call of a task. */
export interface TaskCall {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/** The calls that a message requests. */
export interface TaskCalls {
  /** Name of the task. */
  readonly name: string;
  readonly calls: readonly TaskCall[];
  /** The result is a list with the result of each call. */
  readonly series: boolean;
}

/** Reads the calls of a message: one, or a series.
 *
 * @throws {WrongArguments} if the arguments of a series are invalid
 *
 * @example
 * ```ts
 * import { taskCallsOf } from "./task_calls.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const kwargs = { task: { task: "add" }, it: [[1, 2], [3, 4]] };
 * const { name, calls } = taskCallsOf({ task: "celery.starmap", args: [], kwargs });
 * assertEquals([name, calls.length, calls[1]?.args], ["add", 2, [3, 4]]);
 * ```
 */
export function taskCallsOf(
  { task, args, kwargs }: Pick<TaskMessage, "task" | "args" | "kwargs">,
): TaskCalls {
  if (task !== "celery.map" && task !== "celery.starmap") {
    return { name: task, calls: [{ args, kwargs }], series: false };
  }
  const { task: inner, it } = kwargs;
  if (!isObject(inner) || typeof inner["task"] !== "string" || !Array.isArray(it)) {
    throw new WrongArguments(
      `Cannot run '${task}' because its signature 'task' or its list 'it' is missing: send both by name`,
    );
  }
  const calls = it.map((item: unknown): TaskCall => {
    if (task === "celery.map") return { args: [item], kwargs: {} };
    if (Array.isArray(item)) return { args: item, kwargs: {} };
    throw new WrongArguments(
      "Cannot run 'celery.starmap' because an item of 'it' is not a list: send lists",
    );
  });
  return { name: inner["task"], calls, series: true };
}
