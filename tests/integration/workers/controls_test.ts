import { assertEquals, assertStringIncludes } from "@std/assert";
import { defineTask, Ignore, z } from "../../../shared/mod.ts";
import { handle } from "../../../workers/mod.ts";
import { startWorkerFixture } from "../../support/worker_fixture.ts";

const input = z.object({});

Deno.test("Worker marks a task as REVOKED when its handler throws Ignore", async () => {
  const ignored = defineTask({ name: "ignored", input });
  const after = defineTask({ name: "after", input });
  await using fixture = await startWorkerFixture([
    handle(ignored, () => {
      throw new Ignore("not today");
    }),
    handle(after, () => "done"),
  ], { concurrency: "1" });
  const id = await fixture.submit("ignored", {});
  await fixture.final(await fixture.submit("after", {}));
  const metrics = await (await fixture.worker.health().request("/metrics")).text();
  assertStringIncludes(metrics, "celeriac_tasks_running 0");
  const record = await fixture.final(id);
  assertEquals([record.state, record.result, record.exception?.exc_message], ["REVOKED", null, [
    "ignored",
  ]]);
  assertEquals((await fixture.outbox.depth()).total, 0);
});

Deno.test("Worker retries only the errors of the policy", async () => {
  class Busy extends Error {}
  class Broken extends Busy {}
  const choosy = defineTask({
    name: "choosy",
    input: z.object({ broken: z.boolean() }),
    retry: { maxAttempts: 3, base: 0.01, only: [Busy], never: [Broken] },
  });
  await using fixture = await startWorkerFixture([
    handle(choosy, ({ broken }) => {
      throw broken ? new Broken("for good") : new Busy("later");
    }),
  ]);
  const retries = async (broken: boolean) =>
    (await fixture.final(await fixture.submit("choosy", { broken }))).retries;
  assertEquals([await retries(false), await retries(true)], [2, 0]);
});
