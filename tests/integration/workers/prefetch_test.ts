import { assert, assertEquals } from "@std/assert";
import { defineTask, z } from "../../../shared/mod.ts";
import type { WorkerProcess } from "../../../workers/main.ts";
import { handle } from "../../../workers/mod.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture } from "../../support/worker_fixture.ts";

/** A process task of the test app. */
function paused(queue: string) {
  const contract = defineTask({
    name: "test.pause_process",
    input: z.object({ seconds: z.number() }),
    output: z.object({ slept: z.number() }),
    run: "process",
    queue,
  });
  return handle(contract, () => {
    throw new Error("it runs in a child");
  });
}

async function inHand(worker: WorkerProcess): Promise<number> {
  const answer = await worker.health().request("/metrics");
  return Number(/^celeriac_deliveries_unacked (\d+)/m.exec(await answer.text())?.[1] ?? NaN);
}

Deno.test("two workers with two children each share a backlog of slow tasks", async () => {
  const slow = paused("celeriac.slow");
  await using fixture = await startWorkerFixture([slow], { processes: "2" });
  const other = await fixture.beside([slow]);
  const submitting = Array.from({ length: 30 }, () => {
    return fixture.submit("test.pause_process", { seconds: 0.5 });
  });
  const ids = await Promise.all(submitting);
  const most = [0, 0];
  await eventually("all have run", async () => {
    for (const [index, worker] of [fixture.worker, other].entries()) {
      most[index] = Math.max(most[index]!, await inHand(worker));
    }
    const states = await fixture.store.states(ids);
    return ids.every((id) => states.get(id) === "SUCCESS");
  }, { within: 120 });
  assert(most.every((count) => count <= 3), `in hand: ${most.join(", ")}`);
  const rows = await fixture.database.query<{ worker: string; tasks: number }>(
    "select worker, count(*)::int as tasks from celeriac.task group by worker",
  );
  assertEquals(rows.length, 2);
  assert(rows.every(({ tasks }) => tasks >= 5), JSON.stringify(rows));
});

Deno.test("an inline task does not wait behind tasks that need a child process", async () => {
  const add = handle(
    defineTask({ name: "add", input: z.object({ x: z.number(), y: z.number() }) }),
    ({ x, y }) => x + y,
  );
  await using fixture = await startWorkerFixture([add, paused("celeriac.default")], {
    processes: "1",
    grace: "0",
  });
  for (let index = 0; index < 100; index++) {
    await fixture.submit("test.pause_process", { seconds: 600 });
  }
  assertEquals((await fixture.final(await fixture.submit("add", { x: 1, y: 2 }))).result, "3");
});
