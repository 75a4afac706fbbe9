import { assertEquals } from "@std/assert";
import { v7 } from "uuid";
import { toWire } from "../../../shared/celery/signature.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { handle } from "../../../workers/mod.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture } from "../../support/worker_fixture.ts";

const input = z.object({ fails: z.number().default(0) });

Deno.test("Worker finishes an existing record of a task that ignores results, and creates none", async () => {
  const quiet = defineTask({ name: "quiet", input, ignoreResult: true, retry: { base: 0.01 } });
  const after = defineTask({ name: "after", input: z.object({ value: z.string() }) });
  const ran: string[] = [];
  await using fixture = await startWorkerFixture([
    handle(quiet, ({ fails }, { id, attempt }) => {
      if (attempt <= fails) throw new Error("not yet");
      ran.push(id);
      return "secret";
    }),
    handle(after, ({ value }) => value),
  ]);
  const { database, store } = fixture;
  const summary = async (id: string) => {
    const { state, result, retries } = await fixture.final(id);
    return [state, result, retries];
  };

  const [row] = await database.query<{ id: string }>("select celeriac.submit('quiet') as id");
  assertEquals(await summary(row!.id), ["SUCCESS", null, 0]);

  // The state after its first worker died.
  const redelivered = v7();
  await store.claim([{ id: redelivered, round: 0, redelivered: true }], "worker@gone");
  await fixture.submit("quiet", { fails: 2 }, { taskId: redelivered });
  assertEquals(await summary(redelivered), ["SUCCESS", null, 2]);

  // A crash may come between the record and what follows: its value is then in the record only.
  const followed = v7();
  const follower = v7();
  await store.claim([{ id: followed, round: 0, redelivered: true }], "worker@gone");
  await fixture.submit("quiet", {}, {
    taskId: followed,
    callbacks: [toWire({ task: "after", args: [], kwargs: {}, options: { taskId: follower } })],
  });
  assertEquals((await fixture.final(follower)).result, '"secret"');
  assertEquals(await summary(followed), ["SUCCESS", '"secret"', 0]);

  const without = await fixture.submit("quiet", { fails: 1 });
  await eventually("the run", () => ran.includes(without));
  await fixture.submit("after", { value: "last" }).then(fixture.final);
  assertEquals(await store.find(without), undefined);
});
