/** The task of the fault matrix.
 * @module
 */
import { defineTask, z } from "../../../shared/mod.ts";

/** Works for so many milliseconds, and returns its number; each fifth leaves one row in a table of effects. */
export const work = defineTask({
  name: "chaos.work",
  input: z.object({ number: z.int(), milliseconds: z.number().min(0).max(60_000).default(50) }),
  output: z.int(),
});
