/** The machine of a run: its figures mean nothing without it.
 * @module
 */
import { quantile } from "./statistics.ts";

/** Description of the machine. */
export interface Machine {
  readonly cores: number;
  /** Model of the processor, if known. */
  readonly processor: string;
  readonly memoryGibibytes: number;
  readonly kernel: string;
  readonly deno: string;
  /** Load of the last minute at the start: more than about 0.2 means that other programs run. */
  readonly loadAverage: number;
  /** Milliseconds for a write of 8 KiB that is synced to the disk of the servers' data: the floor of one commit. */
  readonly fsyncMs: { readonly p50: number; readonly p99: number };
}

const WRITES = 200;
const PAGE = 8 * 1024;

/** Describes this machine.
 *
 * @param folder folder of the servers' data */
export async function describeMachine(folder: string): Promise<Machine> {
  const cpu = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  return {
    cores: navigator.hardwareConcurrency,
    processor: /^model name\s*:\s*(.*)$/m.exec(cpu)?.[1] ?? "unknown",
    memoryGibibytes: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    kernel: Deno.osRelease(),
    deno: Deno.version.deno,
    loadAverage: Deno.loadavg()[0] ?? NaN,
    fsyncMs: await measureFsync(`${folder}/fsync`),
  };
}

async function measureFsync(path: string): Promise<Machine["fsyncMs"]> {
  const took: number[] = [];
  {
    using file = await Deno.open(path, { create: true, write: true });
    const page = new Uint8Array(PAGE).fill(1);
    for (let count = 0; count < WRITES; count++) {
      const began = performance.now();
      await file.write(page);
      await file.syncData();
      took.push(performance.now() - began);
    }
  }
  await Deno.remove(path);
  return { p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
}
