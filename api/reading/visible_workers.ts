/** Workers as a caller may see them. */
import type { Caller } from "../access/caller.ts";
import type { SurveyedWorker } from "./worker_survey.ts";

/** The workers without the running tasks that the caller's patterns exclude: those do not exist for it. */
export function visibleWorkers(
  caller: Caller,
  workers: readonly SurveyedWorker[],
): SurveyedWorker[] {
  if (caller.seesEverything) return [...workers];
  return workers.map(({ active, ...worker }) => ({
    ...worker,
    active: active.filter((task) => caller.sees(task)),
  }));
}
