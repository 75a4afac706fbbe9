import { run } from "./process.ts";

/** Resident memory of a process, MiB. */
export async function residentMebibytes(pid: number): Promise<number> {
  if (Deno.build.os !== "linux") {
    return Number(await run("ps", ["-o", "rss=", "-p", `${pid}`])) / 1024;
  }
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}
