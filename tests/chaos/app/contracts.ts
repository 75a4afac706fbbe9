/** The tasks of the fault matrix.
 * @module
 */
import { defineTask, z } from "../../../shared/mod.ts";

const workInput = z.object({
  number: z.int(),
  milliseconds: z.number().min(0).max(60_000).default(50),
});

/** Works for some milliseconds and returns its number. Each fifth task leaves an effect. */
export const work = defineTask({ name: "chaos.work", input: workInput, output: z.int() });

/** The same on a queue of its own. */
export const aside = defineTask({
  name: "chaos.aside",
  input: workInput,
  output: z.int(),
  queue: "celeriac.aside",
});

/** Leaves an effect and returns the sum. */
export const add = defineTask({
  name: "chaos.add",
  input: z.object({ x: z.int(), y: z.int() }),
  output: z.int(),
});

/** Leaves an effect and returns the sum. */
export const total = defineTask({
  name: "chaos.total",
  input: z.object({ numbers: z.array(z.int()) }),
  output: z.int(),
});

/** Asks for another attempt in its first one, then leaves an effect and returns its number. */
export const flaky = defineTask({
  name: "chaos.flaky",
  input: z.object({ number: z.int() }),
  output: z.int(),
  retry: { maxAttempts: 5, base: 1 },
});

/** Returns its number; only what follows shows that it ran. */
export const silent = defineTask({
  name: "chaos.silent",
  input: z.object({ number: z.int() }),
  output: z.int(),
  ignoreResult: true,
});
