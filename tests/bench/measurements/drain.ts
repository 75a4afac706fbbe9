/** A full queue and one worker: how fast it runs and records.
 * @module
 */
import type { Sample } from "../kit/figures.ts";
import type { BenchOptions } from "../kit/options.ts";
import { nowMs } from "../programs/load_loops.ts";
import { systemsWith } from "../systems/all_systems.ts";
import type { Bench, System } from "../systems/system.ts";
import { untilFinished } from "./completion.ts";
import { WARM_UP } from "./end_to_end.ts";
import type { Measurement } from "./measurement.ts";
import { countCpu } from "./usage_window.ts";

export const drain: Measurement = {
  name: "drain",
  title: "Drain",
  method: "The queue is filled first. Then the worker starts. Tasks that come first are not timed.",
  contestants: (bench, options) =>
    systemsWith("drain", options.peers).map((system) => ({
      system,
      measure: () => measureDrain(system, bench, options),
    })),
};

/** Drains a full queue of a system. */
export async function measureDrain(
  system: System,
  bench: Bench,
  options: BenchOptions,
): Promise<Sample[]> {
  const tasks = Math.ceil(options.tasks * system.share);
  const warmUp = Math.ceil(tasks * WARM_UP);
  await using open = await system.open(bench);
  await open.fill(warmUp + tasks);
  let base = { count: 0, ms: nowMs(), endCpu: await countCpu(open) };
  await open.startWorkers();
  await untilFinished(open, warmUp, bench.signal);
  const count = await open.finished();
  // in a smoke run the worker has finished before it is asked
  if (count < warmUp + tasks) base = { count, ms: nowMs(), endCpu: await countCpu(open) };
  await untilFinished(open, warmUp + tasks, bench.signal);
  const timed = warmUp + tasks - base.count;
  const cpu = await base.endCpu(timed);
  // in a smoke run the last task may have finished before the clock was read
  const seconds = Math.max(await open.lastFinishedMs() - base.ms, 1) / 1000;
  return [
    { figure: "throughput", value: timed / seconds, unit: "tasks/s", better: "higher" },
    ...cpu,
  ];
}
