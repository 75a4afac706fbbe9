/** From the first submission to the last recorded completion, while workers run.
 * @module
 */
import type { Sample } from "../kit/figures.ts";
import type { BenchOptions } from "../kit/options.ts";
import { systemsWith } from "../systems/all_systems.ts";
import type { Bench, System } from "../systems/system.ts";
import { untilFinished } from "./completion.ts";
import type { Measurement } from "./measurement.ts";
import { countCpu, memorySamples } from "./usage_window.ts";

/** Tasks that come first, untimed, as a part of the timed ones: until the code is compiled. */
export const WARM_UP = 0.3;

export const endToEnd: Measurement = {
  name: "end-to-end",
  title: "End to end",
  method:
    "Workers are idle. A client submits all tasks by the fastest way that the system documents: " +
    "batches over HTTP for Celeriac, bulk calls for the peers. The time ends when the last " +
    "completion is recorded.",
  contestants: (bench, options) =>
    systemsWith("endToEnd", options.peers).map((system) => ({
      system,
      measure: () => measure(system, bench, options),
    })),
};

async function measure(system: System, bench: Bench, options: BenchOptions): Promise<Sample[]> {
  const tasks = Math.ceil(options.tasks * system.share);
  const warmUp = Math.ceil(tasks * WARM_UP);
  await using open = await system.open(bench);
  await open.startWorkers();
  await open.fill(warmUp);
  await untilFinished(open, warmUp, bench.signal);
  const endCpu = await countCpu(open);
  const { beganMs } = await open.fill(tasks);
  await untilFinished(open, warmUp + tasks, bench.signal);
  const cpu = await endCpu(tasks);
  const seconds = (await open.lastFinishedMs() - beganMs) / 1000;
  return [
    { figure: "throughput", value: tasks / seconds, unit: "tasks/s", better: "higher" },
    ...cpu,
    ...await memorySamples(open),
  ];
}
