/** Messages that stay unacked for long are leased while their task runs, and parked while it waits. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeRevoke } from "../../../shared/celery/control.ts";
import { decodeEvents, EVENT_EXCHANGE } from "../../../shared/celery/event.ts";
import { requestReplies } from "../../../shared/celery/control_client.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { handle } from "../../../workers/handlers.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture, type WorkerFixture } from "../../support/worker_fixture.ts";

const SOON = { leaseAfter: "0.2" };

interface Row {
  readonly task_id: string;
  readonly holder: string | null;
  readonly seconds: number;
  readonly headers: Record<string, unknown>;
}

function rows({ database }: WorkerFixture): Promise<Row[]> {
  return database.query<Row>(
    `select task_id, holder, headers, extract(epoch from due_at - now())::float8 as seconds
    from celeriac.outbox order by id`,
  );
}

function leased(fixture: WorkerFixture, id: string): Promise<Row> {
  return eventually(`a lease of ${id}`, async () => {
    const found = await rows(fixture);
    return found.find(({ task_id, holder }) => task_id === id && holder !== null);
  });
}

async function emptied(fixture: WorkerFixture): Promise<void> {
  await eventually("an empty outbox", async () => (await rows(fixture)).length === 0);
}

async function metrics(fixture: WorkerFixture): Promise<string> {
  return await (await fixture.worker.health().request("/metrics")).text();
}

/** A task that runs until the test ends it, with its number of runs. */
function slowTask(name = "slow") {
  const gate = Promise.withResolvers<string>();
  const runs: number[] = [];
  const contract = defineTask({ name, input: z.object({}) });
  const handler = handle(contract, (_, { attempt, deliveries, signal }) => {
    runs.push(deliveries);
    const aborted = new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
    return Promise.race([gate.promise.then((word) => `${word} ${attempt}`), aborted]);
  });
  return { handler, runs, end: () => gate.resolve("done") };
}

Deno.test("a long task's message is acknowledged and leased, and its row is deleted when the task ends", async () => {
  const { handler, runs, end } = slowTask();
  await using fixture = await startWorkerFixture([handler], SOON);
  const id = await fixture.submit("slow", {});
  const row = await leased(fixture, id);
  assertEquals(row.holder, fixture.worker.node);
  assert(row.seconds > 30 && row.seconds <= 60, `due in ${row.seconds} s`);
  await eventually("an acknowledged delivery", async () => {
    const text = await metrics(fixture);
    return text.includes("celeriac_deliveries_unacked 0") &&
      text.includes("celeriac_messages_leased 1") && text.includes("celeriac_tasks_running 1");
  });
  const { node } = fixture.worker;
  const active = { method: "active", arguments: {}, destination: [node] };
  const answers = await requestReplies(fixture.broker, active, { timeoutMs: 30_000 });
  const shown = answers[node] as { id: string; acknowledged: boolean }[];
  assertEquals(shown.map((task) => [task.id, task.acknowledged]), [[id, true]]);
  end();
  const { result, deliveries } = await fixture.final(id);
  assertEquals([result, deliveries, runs], ['"done 1"', 1, [1]]);
  await emptied(fixture);
  assertStringIncludes(await metrics(fixture), "celeriac_messages_leased 0");
});

Deno.test("terminate() ends a leased task and deletes its row", async () => {
  const { handler } = slowTask();
  await using fixture = await startWorkerFixture([handler], SOON);
  const id = await fixture.submit("slow", {});
  await leased(fixture, id);
  await fixture.broker.publish(encodeRevoke([id], { terminate: true }), { mandatory: false });
  assertEquals((await fixture.final(id)).state, "REVOKED");
  await emptied(fixture);
});

Deno.test("a stopping worker requeues the message of a leased task, marked as redelivered", async () => {
  const { handler } = slowTask();
  await using fixture = await startWorkerFixture([handler], SOON);
  const id = await fixture.submit("slow", {});
  await leased(fixture, id);
  const stopped = fixture.worker.stop();
  fixture.worker.hurry();
  await stopped;
  assertEquals((await fixture.store.find(id))?.state, "STARTED");
  const again = slowTask();
  again.end();
  await fixture.beside([again.handler]);
  const { state, deliveries } = await fixture.final(id);
  assertEquals([state, deliveries, again.runs], ["SUCCESS", 2, [2]]);
  await emptied(fixture);
});

Deno.test("a copy of the message of a running task is acknowledged without a run, leased or not", async () => {
  const { handler, runs, end } = slowTask();
  await using fixture = await startWorkerFixture([handler], SOON);
  const id = await fixture.submit("slow", {});
  await eventually("a run", () => runs.length === 1);
  await fixture.submit("slow", {}, { taskId: id });
  await leased(fixture, id);
  await fixture.submit("slow", {}, { taskId: id });
  const other = await fixture.submit("slow", {});
  await eventually("a task that came after the copies", () => runs.length === 2);
  await eventually("no delivery in hand", async () => {
    return (await metrics(fixture)).includes("celeriac_deliveries_unacked 0");
  });
  end();
  await fixture.final(other);
  assertEquals((await fixture.final(id)).result, '"done 1"');
  assertEquals(runs.length, 2);
  await emptied(fixture);
});

Deno.test("a lease that another process took over is lost, and its message then runs", async () => {
  const { handler, runs, end } = slowTask();
  await using fixture = await startWorkerFixture([handler], SOON);
  const id = await fixture.submit("slow", {});
  await leased(fixture, id);
  // As a relay does that takes the row of a worker which was silent.
  const [taken] = await fixture.database.query<{ row: string }>(
    "update celeriac.outbox set holder = null, offer = id where task_id = $1 returning 1 as row",
    [id],
  );
  assert(taken);
  await fixture.database.query("update celeriac.outbox set due_at = now()");
  // The relay sends it, it joins the run, which is leased once more.
  const row = await leased(fixture, id);
  assertEquals(row.headers["celeriac-redelivered"], true);
  end();
  assertEquals((await fixture.final(id)).result, '"done 1"');
  assertEquals(runs, [1]);
  await emptied(fixture);
});

Deno.test("a leased task that fails is retried, and only its next attempt remains", async () => {
  const flaky = defineTask({ name: "flaky", input: z.object({}), retry: { base: 0.05 } });
  const gate = Promise.withResolvers<void>();
  const attempts: number[] = [];
  await using fixture = await startWorkerFixture([handle(flaky, async (_, { attempt }) => {
    attempts.push(attempt);
    await gate.promise;
    if (attempt === 1) throw new Error("not this time");
  })], SOON);
  const id = await fixture.submit("flaky", {});
  await leased(fixture, id);
  gate.resolve();
  const { state, retries } = await fixture.final(id);
  assertEquals([state, retries, attempts], ["SUCCESS", 1, [1, 2]]);
  await emptied(fixture);
});

Deno.test("a task that waits too long for a slot returns through the outbox, and runs once", async () => {
  const { handler, end } = slowTask();
  const seen: number[] = [];
  const quick = handle(defineTask({ name: "quick", input: z.object({}) }), (_, context) => {
    seen.push(context.deliveries);
  });
  await using fixture = await startWorkerFixture([handler, quick], { ...SOON, concurrency: "1" });
  const parked: string[] = [];
  await fixture.broker.listen(EVENT_EXCHANGE, (message) => {
    for (const event of decodeEvents(message)) {
      if (event.type === "task-deferred") parked.push(String(event.uuid));
    }
  }, { keys: ["#"] });
  await leased(fixture, await fixture.submit("slow", {}));
  const id = await fixture.submit("quick", {});
  await eventually("two rounds", () => parked.filter((one) => one === id).length >= 2);
  end();
  const { state, deliveries } = await fixture.final(id);
  assertEquals([state, deliveries, seen], ["SUCCESS", 1, [1]]);
  await emptied(fixture);
});

Deno.test("a task that waits too long for its rate limit is parked, without using up its delivery limit", async () => {
  const contract = defineTask({ name: "limited", input: z.object({}), rateLimit: "1/h" });
  await using fixture = await startWorkerFixture([handle(contract, () => "ran")], SOON);
  const first = await fixture.submit("limited", {});
  assertEquals((await fixture.final(first)).state, "SUCCESS");
  const ids = new Set([await fixture.submit("limited", {}), await fixture.submit("limited", {})]);
  const counts: unknown[] = [];
  for (let round = 0; round < 3; round++) {
    const parked = await eventually("both parked", async () => {
      const found = await rows(fixture);
      // If the worker is slow, it also leases a message that it is about to park, and deletes that row afterwards.
      return found.length === 2 && found.every(({ seconds }) => seconds > 60) && found;
    });
    assertEquals(new Set(parked.map(({ task_id }) => task_id)), ids);
    assert(parked.every(({ holder }) => holder === null));
    counts.push(...parked.map(({ headers }) => headers["x-delivery-count"] ?? 0));
    await fixture.database.query("update celeriac.outbox set due_at = now()");
  }
  assertEquals(new Set(counts), new Set([0]));
  await fixture.worker.stop();
  let deliveries = 0;
  const free = handle(defineTask({ name: "limited", input: z.object({}) }), (_, context) => {
    deliveries = Math.max(deliveries, context.deliveries);
  });
  await eventually("both sent", async () => {
    await fixture.database.query("update celeriac.outbox set due_at = now()");
    return (await rows(fixture)).length === 0;
  });
  await fixture.beside([free]);
  for (const id of ids) assertEquals((await fixture.final(id)).state, "SUCCESS");
});
