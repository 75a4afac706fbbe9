/** Tasks that the shop has moved to Celeriac. */
import { defineTask, z } from "@celeriac/celeriac";

/** The price of a delivery. The keys have the order of the Python function's parameters, so that positional arguments match. */
export const shipping = defineTask({
  name: "shop.tasks.shipping",
  summary: "Price of sending goods",
  input: z.object({
    weight: z.number().positive().describe("Kilogrammes"),
    country: z.string().length(2).describe("ISO 3166 code"),
  }),
  output: z.number().describe("Won"),
  example: { weight: 2, country: "KR" },
});
