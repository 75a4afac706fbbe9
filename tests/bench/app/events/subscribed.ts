/** An event of the measured app, and any number of subscriptions to it.
 * @module
 */
import { defineEvent, on, z } from "../../../../shared/mod.ts";
import { add } from "../contracts.ts";

export const happened = defineEvent({
  type: "bench.happened",
  data: z.object({ x: z.number(), y: z.number() }),
});

/** Makes a task `add` of each event, this number of times. */
export function subscribe(count: number) {
  return Array.from(
    { length: count },
    (_, index) => on(happened, { name: `s${index}`, task: add }),
  );
}
