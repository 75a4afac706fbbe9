import { assert, assertEquals, assertRejects } from "@std/assert";
import { Process, run } from "../../support/process.ts";

Deno.test("said() waits for the line and returns its match", async () => {
  await using process = Process.start("sh", ["-c", "sleep 0.1; echo ready on 80; sleep 60"], {
    ownGroup: true,
  });
  const [, port] = await process.said(/ready on (\d+)/);
  assertEquals(port, "80");
});

Deno.test("said() fails with the output when the process exits first", async () => {
  await using process = Process.start("sh", ["-c", "echo sorry >&2"]);
  await assertRejects(() => process.said(/ready/), Error, "sorry");
});

Deno.test("said() fails on timeout", async () => {
  await using process = Process.start("sleep", ["60"]);
  await assertRejects(() => process.said(/ready/, { timeoutMs: 50 }), Error, "within 50 ms");
});

Deno.test("exit() returns the exit status", async () => {
  await using process = Process.start("sh", ["-c", "exit 3"]);
  assertEquals((await process.exit()).code, 3);
  assert(!process.running);
});

Deno.test("kill() does nothing to a process that has exited, even before its status is known", async () => {
  await using process = Process.start("true", []);
  const end = performance.now() + 200;
  while (performance.now() < end) process.kill("SIGCONT"); // nobody hears of the end meanwhile
  await process.exit();
  process.kill("SIGTERM");
});

Deno.test("killGroup() kills the children too", async () => {
  await using process = Process.start("sh", ["-c", "sleep 60 & echo $!; wait"], { ownGroup: true });
  await process.said(/\d+/);
  process.killGroup("SIGKILL");
  await process.exit(); // its output ends only when the child, which shares it, has ended
});

Deno.test("run() fails with the output when the program does", async () => {
  await assertRejects(() => run("sh", ["-c", "echo why; exit 1"]), Error, "why");
});
