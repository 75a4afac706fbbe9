import { z } from "zod";
import { defineTask } from "../contracts/task.ts";

/** Adds two numbers: for first steps. */
export const add = defineTask({
  name: "add",
  summary: "Adds two numbers",
  input: z.object({
    x: z.number().describe("The first number"),
    y: z.number().describe("The second number"),
  }),
  output: z.number().describe("Their sum"),
  example: { x: 2, y: 3 },
});
