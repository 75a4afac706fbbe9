/** Contracts of the measured app. The names of these two tasks are the same in every system.
 * @module
 */
import { defineTask, z } from "../../../shared/mod.ts";

/** Adds two numbers: the smallest useful task. */
export const add = defineTask({
  name: "add",
  input: z.object({ x: z.number(), y: z.number() }),
  output: z.number(),
});

/** Returns when its handler began, epoch milliseconds. */
export const stamp = defineTask({
  name: "stamp",
  input: z.object({}),
  output: z.number(),
});
