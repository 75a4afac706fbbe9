/** The load of the clients, and how the kit controls them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { startDenoClient, startProgram } from "../../bench/kit/program.ts";
import { keepInFlight, nowMs, pickUpDelays, sendBatches } from "../../bench/programs/load_loops.ts";

const pause = (milliseconds: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

Deno.test("keepInFlight() keeps exactly this number of calls in flight", async () => {
  let running = 0;
  let most = 0;
  const result = await keepInFlight(3, 0.05, async () => {
    most = Math.max(most, ++running);
    await pause(5);
    running--;
  });
  assertEquals([most, running], [3, 0]);
  assert(result.calls >= 3 && result.rate > 0 && result.p50 <= result.p99, `${result.calls}`);
});

Deno.test("sendBatches() sends all tasks, the rest in a smaller batch", async () => {
  const sizes: number[] = [];
  const before = nowMs();
  const { beganMs } = await sendBatches(25, 10, 2, (size) => Promise.resolve(sizes.push(size)));
  assertEquals(sizes.toSorted(), [10, 10, 5]);
  assert(beganMs >= before && beganMs <= nowMs());
});

Deno.test("pickUpDelays() measures from the send to the time that the task returns", async () => {
  const { p50, p99 } = await pickUpDelays(3, 0, () => Promise.resolve(nowMs() + 1000));
  assert(p50 >= 1000 && p99 >= p50 && p99 < 2000, `${p50}, ${p99}`);
});

Deno.test("a client program reports a failed command with its reason", async () => {
  const path = "tests/bench/programs/http_client.ts";
  await using client = await startDenoClient(path, ["http://127.0.0.1:9"], {});
  await assertRejects(() => client.run("pickUp", { count: 1 }), Error, 'Cannot run "pickUp"');
  await assertRejects(() => client.run("dance"), Error, "no command /dance");
});

Deno.test("startProgram() fails with the output of a program that does not become ready", async () => {
  const start = () => startProgram("sh", ["-c", "echo no module named celery"], {});
  await assertRejects(start, Error, "no module named celery");
});
