/** A worker that meets tasks which it does not know, and others know. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { defineTask, z } from "../../../../shared/mod.ts";
import { handle } from "../../../../workers/handlers.ts";
import { eventually } from "../../../support/eventually.ts";
import { startWorkerFixture } from "../../../support/worker_fixture.ts";

const queue = "celeriac.default";
const old = handle(defineTask({ name: "old", input: z.object({}) }), () => "old");

const fresh = defineTask({
  name: "fresh",
  input: z.object({ n: z.number() }),
  retry: { maxAttempts: 2, base: 0 },
});
let attempts: number[] = [];
const freshHandler = handle(fresh, ({ n }, { attempt }) => {
  attempts.push(attempt);
  if (n < 0 && attempt === 1) throw new Error("once");
  return n;
});

const CRASHES = "select count(*)::integer as count from celeriac.crash";

Deno.test("tasks of a new release wait for its workers, whoever meets them, and cost no attempt", async () => {
  attempts = [];
  await using fixture = await startWorkerFixture([old], { unknownTaskWait: "600" });
  const ids: string[] = [];
  for (let n = 0; n < 4; n++) ids.push(await fixture.submit("fresh", { n }, { queue }));
  await eventually(
    "all tasks in the outbox",
    async () => (await fixture.outbox.depth()).total === 4,
  );
  assertEquals(await fixture.store.find(ids[0]!), undefined, "it has no outcome yet");

  // A quarter of what comes goes to the old worker still.
  for (let count = 0; count < 3; count++) await fixture.beside([old, freshHandler]);
  for (const [n, id] of ids.entries()) {
    const { state, result, retries } = await fixture.final(id);
    assertEquals([state, result, retries], ["SUCCESS", String(n), 0]);
  }
  assertEquals(attempts, [1, 1, 1, 1]);

  // What the right worker sends again may meet the other one, too.
  const again = await fixture.final(await fixture.submit("fresh", { n: -1 }, { queue }));
  assertEquals([again.state, again.retries, attempts.slice(4)], ["SUCCESS", 1, [1, 2]]);
  assertEquals(await fixture.database.query(CRASHES), [{ count: 0 }]);
  assertEquals((await fixture.outbox.depth()).total, 0);
});

Deno.test("a task that no worker knows becomes a dead letter when its time is over", async () => {
  await using fixture = await startWorkerFixture([old], { unknownTaskWait: "2" });
  const id = await fixture.submit("nowhere", {}, { queue });
  const { state, exception, retries } = await fixture.final(id);
  assertEquals([state, exception?.exc_type, retries], ["FAILURE", "NotRegistered", 0]);
  const { message } = await fixture.deadLetter();
  assertEquals(message.headers["celeriac-reason"], "unknown-task");
  assertStringIncludes(String(message.headers["celeriac-detail"]), "nowhere");
});

Deno.test("a task that is revoked or expires while no worker knows it does not run later", async () => {
  attempts = [];
  await using fixture = await startWorkerFixture([old], { unknownTaskWait: "600" });
  const revoked = await fixture.submit("fresh", { n: 1 }, { queue });
  const expired = await fixture.submit("fresh", { n: 2 }, { queue, expires: 1 });
  await eventually("both in the outbox", async () => (await fixture.outbox.depth()).total === 2);
  await fixture.store.revoke(revoked, "revoked");
  assertEquals((await fixture.final(expired)).state, "REVOKED");
  await fixture.beside([freshHandler]);
  await eventually("an empty outbox", async () => (await fixture.outbox.depth()).total === 0);
  assertEquals((await fixture.final(revoked)).state, "REVOKED");
  assertEquals(attempts, []);
});
