import { z } from "zod";
import { defineTask } from "../contracts/task.ts";

/** Adds a list of numbers: the body of a first chord. */
export const total = defineTask({
  name: "total",
  summary: "Adds a list of numbers",
  input: z.object({
    numbers: z.array(z.number()).max(10_000).describe("The numbers; none of them make 0"),
  }),
  output: z.number().describe("Their sum"),
  example: { numbers: [2, 4] },
});
