/** CPU time and memory of a system during a part of a measurement.
 * @module
 */
import type { Sample } from "../kit/figures.ts";
import { readCpu, readMemory } from "../kit/process_usage.ts";
import type { OpenSystem } from "../systems/system.ts";

/** Begins to count CPU time.
 *
 * @returns a function that ends the window and returns the CPU seconds per 1,000 tasks: in all, and of each part */
export async function countCpu(open: OpenSystem): Promise<(tasks: number) => Promise<Sample[]>> {
  const before = await readCpu(open.parts());
  return async (tasks) => {
    const after = await readCpu(open.parts());
    const parts = Object.entries(after).map(([part, seconds]) => {
      return [part, (seconds - (before[part] ?? 0)) / tasks * 1000] as const;
    });
    const all = parts.reduce((sum, [, seconds]) => sum + seconds, 0);
    return [
      cpuSample("CPU", all),
      ...parts.map(([part, seconds]) => cpuSample(`CPU of the ${part}`, seconds)),
    ];
  };
}

/** Memory of a system now: in all, and of each part. */
export async function memorySamples(open: OpenSystem): Promise<Sample[]> {
  const parts = Object.entries(await readMemory(open.parts()));
  const all = parts.reduce((sum, [, mebibytes]) => sum + mebibytes, 0);
  return [
    memorySample("memory", all),
    ...parts.map(([part, mebibytes]) => memorySample(`memory of the ${part}`, mebibytes)),
  ];
}

function cpuSample(figure: string, value: number): Sample {
  return { figure, value, unit: "s per 1,000 tasks", better: "lower" };
}

function memorySample(figure: string, value: number): Sample {
  return { figure, value, unit: "MiB", better: "lower" };
}
