/** Memory and CPU time of a worker that waits for its first task.
 * @module
 */
import { residentMebibytes } from "../../support/resident.ts";
import { sampleApp, startWorker } from "../../support/roles.ts";
import type { Sample } from "../kit/figures.ts";
import type { BenchOptions } from "../kit/options.ts";
import { readCpu, readMemory } from "../kit/process_usage.ts";
import { celeriac } from "../systems/celeriac.ts";
import { samePromises } from "../systems/floors.ts";
import type { Bench, System } from "../systems/system.ts";
import type { Measurement } from "./measurement.ts";

export const idleWorker: Measurement = {
  name: "idle-worker",
  title: "Idle worker",
  method:
    "A worker of the sample app waits for its first task, with two warm children. Resident memory " +
    "is that of the worker's process; `with children` counts shared pages once. The floor has no children.",
  contestants: (bench, options) => {
    const floor = samePromises();
    return [
      { system: celeriac(1), measure: () => measureWorker(bench, options) },
      { system: floor, measure: () => measureFloor(floor, bench, options) },
    ];
  },
};

async function measureWorker(bench: Bench, options: BenchOptions): Promise<Sample[]> {
  await using storage = await bench.servers.freshStorage("migrated");
  const env = { ...sampleApp, AMQP_URL: storage.amqpUrl, DATABASE_URL: storage.databaseUrl };
  await using worker = await startWorker({ env });
  return await measure(worker.pid, options);
}

async function measureFloor(
  system: System,
  bench: Bench,
  options: BenchOptions,
): Promise<Sample[]> {
  await using open = await system.open(bench);
  await open.startWorkers();
  const [pid = NaN] = open.parts().worker ?? [];
  return await measure(pid, options);
}

async function measure(pid: number, { seconds }: BenchOptions): Promise<Sample[]> {
  const parts = { worker: [pid] };
  await new Promise((resolve) => setTimeout(resolve, seconds * 500)); // until it has settled
  const before = await readCpu(parts);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const after = await readCpu(parts);
  const { worker: all = NaN } = await readMemory(parts);
  const cpu = ((after.worker ?? NaN) - (before.worker ?? NaN)) / seconds * 1000;
  return [
    {
      figure: "resident",
      value: await residentMebibytes(pid),
      unit: "MiB",
      better: "lower",
    },
    { figure: "with children", value: all, unit: "MiB", better: "lower" },
    { figure: "CPU", value: cpu, unit: "ms per s", better: "lower" },
  ];
}
