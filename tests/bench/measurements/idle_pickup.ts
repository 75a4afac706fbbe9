/** The delay of a single task in an idle system.
 * @module
 */
import type { Sample } from "../kit/figures.ts";
import type { BenchOptions } from "../kit/options.ts";
import { systemsWith } from "../systems/all_systems.ts";
import type { Bench, System } from "../systems/system.ts";
import type { Measurement } from "./measurement.ts";

/** Milliseconds without work before each task. */
const PAUSE_MS = 50;

/** Tasks that come first, unmeasured: until the code is compiled. */
const WARM_UP = 1000;

export const idlePickUp: Measurement = {
  name: "idle-pick-up",
  title: "Idle pick-up",
  method: `Nothing happens for ${PAUSE_MS} ms. Then the client submits one task, whose handler ` +
    "returns the time when it began. The figure is the time from the send to this moment, with " +
    "the HTTP hop for Celeriac and the floor.",
  contestants: (bench, options) =>
    systemsWith("pickUp", options.peers).map((system) => ({
      system,
      measure: () => measure(system, bench, options),
    })),
};

async function measure(
  system: System,
  bench: Bench,
  { repetitions }: BenchOptions,
): Promise<Sample[]> {
  await using open = await system.open(bench);
  await open.startWorkers();
  await open.pickUp(Math.min(WARM_UP, repetitions * 10), 0);
  const { p50, p99 } = await open.pickUp(repetitions, PAUSE_MS);
  return [
    { figure: "p50", value: p50, unit: "ms", better: "lower" },
    { figure: "p99", value: p99, unit: "ms", better: "lower" },
  ];
}
