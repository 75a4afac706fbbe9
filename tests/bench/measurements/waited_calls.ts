/** Calls that return the result of their task.
 * @module
 */
import type { Sample } from "../kit/figures.ts";
import type { BenchOptions } from "../kit/options.ts";
import { systemsWith } from "../systems/all_systems.ts";
import type { Bench, System } from "../systems/system.ts";
import type { Measurement } from "./measurement.ts";
import { countCpu } from "./usage_window.ts";

/** Multiple of the time of the load that comes first, unmeasured: with one client, the first thousand calls run code that is not compiled
 * yet. */
const WARM_UP = 2;

/** Calls with this number of clients, each of which has one call in flight. */
export function waitedCalls(clients: 1 | 16): Measurement {
  return {
    name: `calls-${clients}`,
    title: clients === 1 ? "Waited calls, 1 client" : `Waited calls, ${clients} clients`,
    method:
      "A client submits a task and waits for its result, again and again: `Prefer: wait` for " +
      "Celeriac, `waitUntilFinished` for BullMQ, `get()` for Celery. The floors publish to the " +
      "quorum queue and get their reply after the commit of the record, over direct reply-to; the bare Hono handlers " +
      "do so for a client over HTTP. " +
      "pg-boss and graphile-worker have no such call.",
    contestants: (bench, options) =>
      systemsWith("call", options.peers).map((system) => ({
        system,
        measure: () => measure(system, clients, bench, options),
      })),
  };
}

async function measure(
  system: System,
  clients: number,
  bench: Bench,
  { seconds }: BenchOptions,
): Promise<Sample[]> {
  await using open = await system.open(bench);
  await open.startWorkers();
  await open.call(clients, seconds * WARM_UP);
  const endCpu = await countCpu(open);
  const { rate, p50, p99, calls } = await open.call(clients, seconds);
  const cpu = await endCpu(calls);
  return [
    { figure: "p50", value: p50, unit: "ms", better: "lower" },
    { figure: "p99", value: p99, unit: "ms", better: "lower" },
    { figure: "throughput", value: rate, unit: "calls/s", better: "higher" },
    ...cpu,
  ];
}
