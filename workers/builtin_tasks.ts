/** Celery's own tasks that every worker runs (celery/app/builtins.py). */
import { z } from "zod";
import { ACCUMULATE } from "../shared/celery/replacing.ts";
import { defineTask } from "../shared/contracts/task.ts";
import { handle, type Handler } from "./handlers.ts";

const accumulate = defineTask({
  name: ACCUMULATE,
  input: z.object({ results: z.array(z.unknown()), index: z.int().nullable().default(null) }),
});

/** As the body of a chord it is given the list of results; `index` 0 means the list itself, its first argument. */
const accumulateHandler = handle(
  accumulate,
  ({ results, index }) => index === null ? [results] : results,
);

/** The handler of a task that every worker knows. */
export function builtin(name: string): Handler | undefined {
  return name === ACCUMULATE ? accumulateHandler as unknown as Handler : undefined;
}
