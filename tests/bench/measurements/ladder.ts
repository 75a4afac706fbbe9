/** What each promise costs: a bare loop with one promise more in each row, and Celeriac.
 * @module
 */
import { ALL_PROMISES, PROMISES } from "../programs/promises.ts";
import { celeriac } from "../systems/celeriac.ts";
import { bareLoop } from "../systems/floors.ts";
import type { System } from "../systems/system.ts";
import { measureDrain } from "./drain.ts";
import type { Measurement } from "./measurement.ts";

export const ladder: Measurement = {
  name: "ladder",
  onRequest: true,
  title: "The cost of each promise",
  method:
    "As for the drain. The first row is a loop over amqplib that commits three columns. Each further row keeps one " +
    "promise more, in the least code that keeps it. Hence the difference between two rows is the price of a promise, " +
    "and the difference between the last two rows is the price of all else that Celeriac does: retries, workflows, " +
    "events, revokes, pauses, remote control, and deliveries that come again.",
  contestants: (bench, options) =>
    rungs().map((system) => ({ system, measure: () => measureDrain(system, bench, options) })),
};

/** The rows, the cheapest first. */
export function rungs(): System[] {
  const loops = ALL_PROMISES.map((promise, index) =>
    bareLoop({
      name: `${index + 2}. and ${PROMISES[promise]}`,
      promises: ALL_PROMISES.slice(0, index + 1),
      abilities: ["drain"],
    })
  );
  const three = { name: "1. three columns", promises: [], abilities: ["drain"] } as const;
  return [bareLoop(three), ...loops, celeriac(1)];
}
