/** The tasks of the fault matrix.
 * @module
 */
import { defineEvent, defineTask, on, z } from "../../../shared/mod.ts";

const workInput = z.object({
  number: z.int(),
  milliseconds: z.number().min(0).max(60_000).default(50),
});

/** Runs for some milliseconds and returns its number. Every fifth task has an effect. */
export const work = defineTask({ name: "chaos.work", input: workInput, output: z.int() });

/** The same on a separate queue. */
export const aside = defineTask({
  name: "chaos.aside",
  input: workInput,
  output: z.int(),
  queue: "celeriac.aside",
});

/** Has an effect and returns the sum. */
export const add = defineTask({
  name: "chaos.add",
  input: z.object({ x: z.int(), y: z.int() }),
  output: z.int(),
});

/** Has an effect and returns the sum. */
export const total = defineTask({
  name: "chaos.total",
  input: z.object({ numbers: z.array(z.int()) }),
  output: z.int(),
});

/** Retries on its first attempt, then has an effect and returns its number. */
export const flaky = defineTask({
  name: "chaos.flaky",
  input: z.object({ number: z.int() }),
  output: z.int(),
  retry: { maxAttempts: 5, base: 1 },
});

/** Returns its number; only the following tasks show that it ran. */
export const silent = defineTask({
  name: "chaos.silent",
  input: z.object({ number: z.int() }),
  output: z.int(),
  ignoreResult: true,
});

const happenedInput = z.object({ number: z.int() });

/** Has an effect and returns its number. */
export const happened = defineTask({
  name: "chaos.happened",
  input: happenedInput,
  output: z.int(),
});

export const happening = defineEvent({ type: "chaos.happened", data: happenedInput });

/** Two tasks of each event. */
export const subscriptions = ["chaos-first", "chaos-second"].map((name) =>
  on(happening, { name, task: happened, args: { number: "/data/number" } })
);
