/** The state of a workflow, from the states of its tasks. Pure. */
import { isFinal, type State } from "../results/result.ts";

/** The state of a workflow: final once its last tasks have ended; before that, `STARTED` once a task has started.
 *
 * @param tasks ids of all tasks
 * @param endings ids of the last tasks
 * @param states states of the tasks that have records
 *
 * @example
 * ```ts
 * import { workflowState } from "./state.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const states = new Map([["a", "SUCCESS" as const], ["b", "REVOKED" as const]]);
 * assertEquals(workflowState(["a", "b", "c"], ["b"], states), "REVOKED");
 * assertEquals(workflowState(["a", "b", "c"], ["c"], states), "STARTED");
 * ```
 */
export function workflowState(
  tasks: readonly string[],
  endings: readonly string[],
  states: ReadonlyMap<string, State>,
): State {
  const stateOf = (id: string) => states.get(id) ?? "PENDING";
  const last = endings.map(stateOf);
  if (!last.every(isFinal)) {
    return tasks.some((id) => stateOf(id) !== "PENDING") ? "STARTED" : "PENDING";
  }
  if (last.every((state) => state === "SUCCESS")) return "SUCCESS";
  return last.includes("FAILURE") ? "FAILURE" : "REVOKED";
}
