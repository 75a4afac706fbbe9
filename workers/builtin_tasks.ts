/** Celery's own tasks that every worker runs (celery/app/builtins.py). */
import { z } from "zod";
import { ACCUMULATE } from "../shared/celery/replacing.ts";
import { defineTask } from "../shared/contracts/task.ts";
import { handle, type Handler } from "./handlers.ts";

const accumulate = defineTask({
  name: ACCUMULATE,
  input: z.object({ results: z.array(z.unknown()), index: z.int().nullable().default(null) }),
});

/** As the body of a chord it receives the list of results. `index` 0 selects its first argument, which is that list. */
const accumulateHandler = handle(
  accumulate,
  ({ results, index }) => index === null ? [results] : results,
);

/** The handler of a built-in task. */
export function builtin(name: string): Handler | undefined {
  return name === ACCUMULATE ? accumulateHandler as unknown as Handler : undefined;
}
