/** CPU time and memory of process trees, read from `/proc`. Linux only.
 * @module
 */

/** One process as `/proc/PID/stat` describes it. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks of user and system time, of the process and of all children that it has reaped. */
  readonly ticks: number;
}

/** Root processes by part. Children belong to the part of their root. */
export type Parts = Readonly<Record<string, readonly number[]>>;

/** Clock ticks per second: a constant of Linux' interface to user space on x86 and ARM. */
const TICKS_PER_SECOND = 100;

/** Parses `/proc/PID/stat`.
 *
 * The name of the program is in parentheses and may contain spaces and parentheses. */
export function parseStat(text: string): ProcessStat {
  const [pid = ""] = text.split(" ", 1);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
  // proc(5): state is field 3, ppid 4, utime 14, stime 15, cutime 16, cstime 17
  const ticks = fields.slice(11, 15).reduce((sum, one) => sum + one, 0);
  return { pid: Number(pid), parent: fields[1] ?? 0, ticks };
}

/** Returns the processes with these ids and all their descendants. */
export function treesOf(all: readonly ProcessStat[], roots: readonly number[]): ProcessStat[] {
  const children = Map.groupBy(all, ({ parent }) => parent);
  const found = new Map<number, ProcessStat>();
  const add = (stat: ProcessStat) => {
    if (found.has(stat.pid)) return;
    found.set(stat.pid, stat);
    for (const child of children.get(stat.pid) ?? []) add(child);
  };
  for (const stat of all) if (roots.includes(stat.pid)) add(stat);
  return [...found.values()];
}

/** CPU seconds of each part since its processes started.
 *
 * A process that ends between two calls stays counted, because its parent has reaped it; a root that
 * ends does not. Keep roots running until the second call. */
export async function readCpu(parts: Parts): Promise<Readonly<Record<string, number>>> {
  const all = await readStats();
  return mapParts(parts, (roots) => {
    const ticks = treesOf(all, roots).reduce((sum, one) => sum + one.ticks, 0);
    return ticks / TICKS_PER_SECOND;
  });
}

/** Memory of each part, mebibytes. */
export async function readMemory(parts: Parts): Promise<Readonly<Record<string, number>>> {
  const all = await readStats();
  const entries = Object.entries(parts).map(async ([part, roots]) => {
    const each = await Promise.all(
      treesOf(all, roots).map(({ pid }) => proportionalKibibytes(pid)),
    );
    return [part, each.reduce((sum, one) => sum + one, 0) / 1024] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function readStats(): Promise<ProcessStat[]> {
  const pids: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) if (/^\d+$/.test(name)) pids.push(name);
  const texts = await Promise.all(pids.map((pid) => readIfAlive(`/proc/${pid}/stat`)));
  return texts.filter((text) => text !== "").map(parseStat);
}

async function proportionalKibibytes(pid: number): Promise<number> {
  const rollup = await readIfAlive(`/proc/${pid}/smaps_rollup`);
  const pss = /^Pss:\s+(\d+) kB/m.exec(rollup)?.[1];
  if (pss !== undefined) return Number(pss);
  const status = await readIfAlive(`/proc/${pid}/status`); // the process of another user
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
}

/** Returns "" if the process has ended, or if its file is not readable for this user. */
async function readIfAlive(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return "";
  }
}

function mapParts<Value>(
  parts: Parts,
  of: (roots: readonly number[]) => Value,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(parts).map(([part, roots]) => [part, of(roots)]));
}
