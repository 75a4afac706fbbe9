/** Single submissions: one task for each request or call.
 * @module
 */
import type { Sample } from "../kit/figures.ts";
import type { BenchOptions } from "../kit/options.ts";
import { systemsWith } from "../systems/all_systems.ts";
import type { Bench, System } from "../systems/system.ts";
import type { Measurement } from "./measurement.ts";
import { countCpu } from "./usage_window.ts";

const IN_FLIGHT = 64;

/** Part of the time of the load that comes first, unmeasured. */
const WARM_UP = 0.25;

export const submissions: Measurement = {
  name: "submissions",
  title: "Single submissions",
  method:
    `${IN_FLIGHT} submissions are in flight; no worker runs. Celeriac and the Hono handlers ` +
    "are loaded over HTTP by autocannon. The handler with the same promises validates the arguments, sends all " +
    "headers, and writes PENDING records. The peers have no HTTP hop: their clients call the library.",
  contestants: (bench, options) =>
    systemsWith("submit", options.peers).map((system) => ({
      system,
      measure: () => measure(system, bench, options),
    })),
};

async function measure(
  system: System,
  bench: Bench,
  { seconds }: BenchOptions,
): Promise<Sample[]> {
  await using open = await system.open(bench);
  await open.submit(IN_FLIGHT, seconds * WARM_UP);
  const endCpu = await countCpu(open);
  const { rate, p50, p99, calls } = await open.submit(IN_FLIGHT, seconds);
  const cpu = await endCpu(calls);
  return [
    { figure: "throughput", value: rate, unit: "submissions/s", better: "higher" },
    { figure: "p50", value: p50, unit: "ms", better: "lower" },
    { figure: "p99", value: p99, unit: "ms", better: "lower" },
    ...cpu,
  ];
}
