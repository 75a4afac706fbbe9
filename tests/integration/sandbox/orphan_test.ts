import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { Process } from "../../support/process.ts";

/** A process that has ended and whose end nobody has asked for yet counts as gone. */
function lives(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  try {
    return !Deno.readTextFileSync(`/proc/${pid}/stat`).includes(") Z ");
  } catch {
    return Deno.build.os !== "linux";
  }
}

async function gone(pid: number): Promise<boolean> {
  const deadline = performance.now() + 10_000;
  while (lives(pid) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return !lives(pid);
}

Deno.test("children end when their worker is killed", async () => {
  const path = fromFileUrl(new URL("idle_pool.ts", import.meta.url));
  const config = fromFileUrl(new URL("../../../deno.json", import.meta.url));
  await using worker = Process.start(Deno.execPath(), ["run", "-A", `--config=${config}`, path]);
  const [, pids = ""] = await worker.said(/children (.*)\./);
  worker.kill("SIGKILL");
  await worker.status;
  assertEquals(await Promise.all(pids.split(" ").map(Number).map(gone)), [true, true]);
});
