/** The example's contracts and those of the app that misbehaves on request. */
import { defineTask, z } from "../../../shared/mod.ts";

export * from "../../app/contracts.ts";
export * from "../../../examples/django/celeriac/contracts.ts";

/** What the example's Python worker runs, for comparison. */
export const total = defineTask({
  name: "shop.tasks.total",
  input: z.object({ prices: z.array(z.number()) }),
  output: z.number(),
});
