/** Contracts of the example and of the app that misbehaves on request. */
import { defineTask, z } from "../../../shared/mod.ts";

export * from "../../app/contracts.ts";
export * from "../../../examples/django/celeriac/contracts.ts";

/** The same task of the example's Python worker, for comparison. */
export const total = defineTask({
  name: "shop.tasks.total",
  input: z.object({ prices: z.array(z.number()) }),
  output: z.number(),
});
