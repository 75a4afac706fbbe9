/** A refused task is collected as a dead letter, redriven and succeeds. */
import { assertEquals } from "@std/assert";
import { Collector } from "../../../api/dead_letters/collector.ts";
import { deadLetterHeaders } from "../../../shared/dead_letters/letter.ts";
import { DeadLetters } from "../../../shared/dead_letters/store.ts";
import { defineTask, Reject, z } from "../../../shared/mod.ts";
import { DEAD_EXCHANGE } from "../../../shared/broker/topology.ts";
import { handle } from "../../../workers/handlers.ts";
import { giveUpOf } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture, type WorkerFixture } from "../../support/worker_fixture.ts";
import { message, submission } from "../../support/settlements.ts";

const contract = defineTask({ name: "fussy", input: z.object({}) });

function lettersOf({ database, outbox, store }: WorkerFixture): DeadLetters {
  return new DeadLetters({ database, outbox, store });
}

Deno.test("a redriven letter resets its task to PENDING, and the task succeeds", async () => {
  let content = false;
  await using fixture = await startWorkerFixture([handle(contract, () => {
    if (!content) throw new Reject("not today");
    return "fine";
  })]);
  const letters = lettersOf(fixture);
  await using collector = new Collector({
    broker: fixture.broker,
    letters,
    giveUp: giveUpOf(fixture),
    consumerIdleTimeout: 10,
  });
  await collector.start();
  const id = await fixture.submit("fussy", {});
  assertEquals((await fixture.final(id)).state, "FAILURE");
  await eventually("its letter", async () => await letters.count({ taskId: id }) === 1);

  content = true;
  const { redriven } = await letters.redrive({ taskId: id }, { rate: 100, limit: 10 });
  assertEquals(redriven, 1);
  const { state, result } = await fixture.final(id);
  assertEquals({ state, result }, { state: "SUCCESS", result: '"fine"' });
  assertEquals(await letters.count(), 0);
});

Deno.test("a letter is not redriven before its worker has set the record to FAILURE", async () => {
  const released = Promise.withResolvers<void>();
  let attempts = 0;
  await using fixture = await startWorkerFixture([handle(contract, async (_, { id }) => {
    if (attempts++ > 0) return "fine";
    // Blocks the worker's update of the record, but not the letter.
    const held = Promise.withResolvers<void>();
    fixture.database.transaction(async (sql) => {
      await sql.query("select from celeriac.task where id = $1 for update", [id]);
      held.resolve();
      await released.promise;
    });
    await held.promise;
    throw new Reject("not today");
  })]);
  const letters = lettersOf(fixture);
  await using collector = new Collector({
    broker: fixture.broker,
    letters,
    giveUp: giveUpOf(fixture),
    consumerIdleTimeout: 10,
  });
  await collector.start();
  const { id } = submission();
  await fixture.store.submitted([submission({ id, name: "fussy" })]);
  await fixture.submit("fussy", {}, { taskId: id });
  await eventually("its letter", async () => await letters.count({ taskId: id }) === 1);

  const redrive = () => letters.redrive({ taskId: id }, { rate: 100, limit: 10 });
  const early = await redrive().finally(() => released.resolve());
  assertEquals([early.redriven, early.waiting], [0, 1]);
  assertEquals((await fixture.final(id)).state, "FAILURE");
  assertEquals((await redrive()).redriven, 1);
  assertEquals((await fixture.final(id)).state, "SUCCESS");
});

Deno.test("a letter that a collector stored but could not ack is stored once", async () => {
  await using fixture = await startWorkerFixture([handle(contract, () => {})]);
  const letters = lettersOf(fixture);
  const reason = {
    reason: "poison",
    detail: "",
    queue: "celeriac.default",
    worker: "w",
    diedAt: new Date(),
  };
  const death = message({
    exchange: DEAD_EXCHANGE,
    headers: { id: "a", task: "fussy", ...deadLetterHeaders(reason) },
  });
  {
    // Stores the letters and stops before it can ack them.
    const stored = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    await using collector = new Collector({
      broker: fixture.broker,
      giveUp: giveUpOf(fixture),
      consumerIdleTimeout: 10,
      letters: {
        add: async (batch) => {
          await letters.add(batch);
          stored.resolve();
          await held.promise;
          throw new Error("the connection broke");
        },
      },
    });
    await collector.start();
    await fixture.broker.publish(death);
    await stored.promise;
    held.resolve();
  }
  assertEquals(await letters.count(), 1);
  const before = await letters.list({}, { limit: 1 });
  await using collector = new Collector({
    broker: fixture.broker,
    letters,
    giveUp: giveUpOf(fixture),
    consumerIdleTimeout: 10,
  });
  await collector.start();
  await fixture.broker.publish({
    ...death,
    headers: { ...death.headers, ...deadLetterHeaders(reason) },
  });
  await eventually("the second letter", async () => await letters.count() === 2);
  const both = await letters.list({ taskId: "a" }, { limit: 10 });
  assertEquals(both.letters.at(-1), before.letters[0]);
});
