import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { eventually } from "../../support/eventually.ts";
import { Process } from "../../support/process.ts";

/** A zombie process counts as ended. */
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

Deno.test("children end when their worker is killed", async () => {
  const path = fileURLToPath(new URL("idle_pool.ts", import.meta.url));
  const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
  await using worker = Process.start(Deno.execPath(), ["run", "-A", `--config=${config}`, path]);
  const [, pids = ""] = await worker.said(/children (.*)\./);
  worker.kill("SIGKILL");
  await worker.status;
  const children = pids.split(" ").map(Number);
  assertEquals(children.length, 2);
  await eventually("their end", () => !children.some(lives));
});
