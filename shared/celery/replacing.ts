/** Replaces a task by a canvas, like Celery's `Task.replace`: the canvas takes over the task's id, callbacks, errbacks, chord, group and the
 * rest of its chain. Pure. */
import { chainOf, readCanvas } from "./canvas.ts";
import { type Canvas, each, ending, identified, type Step } from "./canvas_tree.ts";
import { childIds } from "./child_id.ts";
import type { TaskMessage } from "./task_message.ts";

/** Celery's task that returns the list of results it receives. Gives a group a last task with one id. */
export const ACCUMULATE = "celery.accumulate";

/** Replaces a task by a canvas.
 *
 * The last task of the canvas gets the task's id. If the canvas ends with a group, a task that collects its results is appended.
 *
 * @param queue of the task that collects results
 *
 * @example
 * ```ts
 * import { inPlaceOf } from "./replacing.ts";
 * import { endings } from "./canvas_tree.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const step = (task: string) => (
 *   { kind: "task" as const, signature: { task, args: [], kwargs: {}, options: {} } }
 * );
 * const embed = { callbacks: null, errbacks: null, chain: null, chord: null };
 * const task = { id: "t", retries: 0, replacedTaskNesting: 0, group: "g", groupIndex: 3 };
 * const rest = { ignoreResult: null, replyTo: null, embed };
 * const canvas = inPlaceOf({ ...task, ...rest }, { kind: "chain", steps: [step("a"), step("b")] }, "q");
 * const [last] = endings(canvas);
 * assertEquals([last?.task, last?.options.taskId, last?.options.group], ["b", "t", "g"]);
 * ```
 */
export function inPlaceOf(
  task: Pick<
    TaskMessage,
    | "id"
    | "retries"
    | "replacedTaskNesting"
    | "group"
    | "groupIndex"
    | "ignoreResult"
    | "replyTo"
    | "embed"
  >,
  canvas: Canvas,
  queue: string,
): Canvas {
  const { id, embed, group, groupIndex, ignoreResult, replyTo } = task;
  const nesting = task.replacedTaskNesting + 1;
  const one = endsInGroup(canvas) ? chainOf([canvas, gather(queue)]) : canvas;
  const marked = each(one, (signature) => ({
    ...signature,
    options: {
      ...signature.options,
      replacedTaskNesting: nesting,
      errbacks: joined(signature.options.errbacks, embed.errbacks),
    },
  }));
  const placed = ending(marked, (signature) => ({
    ...signature,
    options: {
      ...signature.options,
      taskId: id,
      retries: task.retries + 1,
      group,
      groupIndex,
      chord: embed.chord ?? undefined,
      callbacks: joined(signature.options.callbacks, embed.callbacks),
      ignoreResult: ignoreResult ?? signature.options.ignoreResult,
      ...(replyTo !== null && { replyTo }),
    },
  }));
  const rest = (embed.chain ?? []).toReversed().map(readCanvas);
  return identified(chainOf([placed, ...rest]), childIds(id, `replace ${nesting}`));
}

function gather(queue: string): Step {
  const options = { queue };
  return { kind: "task", signature: { task: ACCUMULATE, args: [], kwargs: { index: 0 }, options } };
}

function endsInGroup(canvas: Canvas): boolean {
  switch (canvas.kind) {
    case "task":
      return false;
    case "group":
      return true;
    case "chain":
      return endsInGroup(canvas.steps.at(-1)!);
    case "chord":
      return endsInGroup(canvas.body);
  }
}

function joined(
  own: readonly unknown[] | null | undefined,
  more: readonly unknown[] | null,
): readonly unknown[] | undefined {
  const all = [...own ?? [], ...more ?? []];
  return all.length > 0 ? all : undefined;
}
