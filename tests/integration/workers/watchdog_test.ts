import { assert, assertEquals } from "@std/assert";
import { defineTask, z } from "../../../shared/mod.ts";
import { handle } from "../../../workers/handlers.ts";
import * as app from "../../app/handlers.ts";
import { startWorkerFixture } from "../../support/worker_fixture.ts";

function holdFor(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

const later = handle(
  defineTask({ name: "later", input: z.object({}) }),
  async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    holdFor(1500);
  },
);

Deno.test("Watchdog reports the handler that blocked the event loop, in its record and a metric", async () => {
  await using fixture = await startWorkerFixture([app.blockInlineHandler, later, app.echoHandler]);
  const before = await fixture.final(await fixture.submit("test.echo", { value: 1 }));
  assertEquals(before.meta, null);
  const blocking = await fixture.final(
    await fixture.submit("test.block_inline", { milliseconds: 1500 }),
  );
  assert(blocking.meta!.blocked!.seconds >= 1.4 && blocking.meta!.blocked!.sure);
  const afterwards = await fixture.final(await fixture.submit("later", {}));
  assertEquals(afterwards.state, "SUCCESS");
  assert(afterwards.meta!.blocked!.seconds >= 1.2);
  const metrics = await (await fixture.worker.health().request("/metrics")).text();
  for (const task of ["test.block_inline", "later"]) {
    assert(metrics.includes(`celeriac_loop_blocked_seconds_total{task="${task}"}`), metrics);
  }
});

Deno.test("a worker survives a handler that blocks its event loop for 10 s, and repeats no committed task", async () => {
  const runs: number[] = [];
  const counted = handle(
    defineTask({ name: "counted", input: z.object({ number: z.int() }) }),
    ({ number }) => runs.push(number),
  );
  await using fixture = await startWorkerFixture([app.blockInlineHandler, counted]);
  const submit = (number: number) => fixture.submit("counted", { number });
  const first = await Promise.all(Array.from({ length: 20 }, (_, number) => submit(number)));
  for (const id of first) assertEquals((await fixture.final(id)).state, "SUCCESS");
  const blocking = await fixture.submit("test.block_inline", { milliseconds: 10_000 });
  const second = await Promise.all(Array.from({ length: 20 }, (_, number) => submit(20 + number)));
  for (const id of [blocking, ...second]) assertEquals((await fixture.final(id)).state, "SUCCESS");
  assertEquals(runs.filter((number) => number < 20).length, 20);
  assertEquals(new Set(runs).size, 40);
});
