/** Messages that RabbitMQ dead-letters: by TTL, length limit or delivery limit. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { v7 as newId } from "uuid";
import { defineTask, z } from "../../../shared/mod.ts";
import { Collector } from "../../../api/dead_letters/collector.ts";
import { DeadLetters } from "../../../shared/dead_letters/store.ts";
import { NativeChords } from "../../../shared/workflows/chords.ts";
import { DEAD_EXCHANGE, TASK_EXCHANGE } from "../../../shared/broker/topology.ts";
import { handle } from "../../../workers/mod.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture, type WorkerFixture } from "../../support/worker_fixture.ts";
import { rawChannel } from "../../support/raw_amqp.ts";
import { giveUpOf } from "../../support/relay.ts";

const add = defineTask({
  name: "add",
  input: z.object({ x: z.int(), y: z.int() }),
  output: z.int(),
});
const note = defineTask({ name: "note", input: z.object({ id: z.string() }), output: z.null() });
const sum = defineTask({
  name: "sum",
  input: z.object({ all: z.array(z.int()) }),
  output: z.int(),
});

const wire = (task: string, task_id: string, options: object = {}) => ({
  task,
  args: [],
  kwargs: {},
  options: { task_id, queue: "celeriac.default", ...options },
  subtask_type: null,
  immutable: false,
});

/** A worker, a collector, and a queue without consumers with a message TTL of a millisecond. */
async function withDeadEnd() {
  await using stack = new AsyncDisposableStack();
  const notes: string[] = [];
  const fixture = stack.use(
    await startWorkerFixture([
      handle(add, ({ x, y }) => x + y),
      handle(sum, ({ all }) => all.reduce((one, other) => one + other, 0)),
      handle(note, ({ id }) => {
        notes.push(id);
        return null;
      }),
    ]),
  );
  const { broker, database, outbox, store } = fixture;
  const letters = new DeadLetters({ database, outbox, store });
  const collector = stack.use(
    new Collector({ broker, letters, giveUp: giveUpOf(fixture), consumerIdleTimeout: 10 }),
  );
  await collector.start();
  const raw = stack.use(await rawChannel(fixture.url));
  const deadEnd = async (name: string, args: Record<string, unknown>) => {
    await raw.channel.assertQueue(name, {
      durable: true,
      arguments: { "x-dead-letter-exchange": DEAD_EXCHANGE, ...args },
    });
    await raw.channel.bindQueue(name, TASK_EXCHANGE, name);
  };
  const owned = stack.move();
  return {
    fixture,
    letters,
    notes,
    raw,
    deadEnd,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function failed(fixture: WorkerFixture, id: string, reason: string): Promise<void> {
  const { state, exception, name } = await fixture.final(id);
  assertEquals([state, name], ["FAILURE", "add"]);
  assertEquals(exception?.exc_type, "DeadLettered");
  assertStringIncludes(String(exception?.exc_message[0]), `(${reason})`);
}

Deno.test("a message published directly to the dead-letter queue does not change a record", async () => {
  await using here = await withDeadEnd();
  const { fixture, letters } = here;
  const id = newId();
  const death = { "x-first-death-reason": "delivery_limit", "x-death": [{ reason: "expired" }] };
  await fixture.broker.publish({
    exchange: "",
    routingKey: "celeriac.dead",
    properties: { contentType: "application/json" },
    headers: { task: "add", id, ...death },
    body: new TextEncoder().encode("[[], {}, {}]"),
  });
  await eventually("the letter", async () => await letters.count({ reason: "unverified" }) === 1);
  await fixture.submit("add", { x: 1, y: 1 }, { taskId: id });
  assertEquals((await fixture.final(id)).state, "SUCCESS");
});

Deno.test("a task whose message RabbitMQ dead-letters becomes FAILURE, and its workflow continues", async (t) => {
  await using here = await withDeadEnd();
  const { fixture, letters, notes, deadEnd } = here;
  await deadEnd("celeriac.expiring", { "x-message-ttl": 1 });
  await deadEnd("celeriac.short", { "x-max-length": 1 });

  await t.step("expired, without a row", async () => {
    const [errback, next] = [newId(), newId()];
    const id = await fixture.submit("add", { x: 1, y: 1 }, {
      queue: "celeriac.expiring",
      errbacks: [wire("note", errback)],
      chain: [wire("add", next)],
    });
    await failed(fixture, id, "expired");
    assertEquals((await fixture.final(next)).state, "FAILURE");
    await eventually("the errback", () => notes.includes(id) || undefined);
    await eventually("its letter", async () => await letters.count({ taskId: id }) === 1);
  });

  await t.step("dropped by a length limit, in a chord", async () => {
    const [one, two, body, group] = [newId(), newId(), newId(), newId()];
    const chords = new NativeChords({ database: fixture.database });
    await chords.open([{ id: group, members: [[[one, null], null], [[two, null], null]] }]);
    const options = { group, chord: wire("sum", body) };
    await fixture.submit("add", { x: 1, y: 1 }, { ...options, taskId: one });
    await fixture.submit("add", { x: 2, y: 2 }, {
      ...options,
      taskId: two,
      queue: "celeriac.short",
    });
    await fixture.submit("add", { x: 3, y: 3 }, { queue: "celeriac.short" });
    await failed(fixture, two, "maxlen");
    const { state, exception } = await fixture.final(body);
    assertEquals([state, exception?.exc_type], ["FAILURE", "ChordError"]);
  });

  await t.step("expired by the sender's expiration: REVOKED, as a worker sets it", async () => {
    const expires = new Date(Date.now() - 1000);
    const id = await fixture.submit("add", { x: 1, y: 1 }, { queue: "celeriac.expiring", expires });
    assertEquals((await fixture.final(id)).state, "REVOKED");
  });

  await t.step(
    "final before: its record stays, and what follows is what follows that",
    async () => {
      const [id, next] = [newId(), newId()];
      assert((await fixture.store.revoke(id, "revoked")).revoked);
      await fixture.submit("add", { x: 1, y: 1 }, {
        queue: "celeriac.expiring",
        taskId: id,
        chain: [wire("add", next)],
      });
      assertEquals((await fixture.final(next)).state, "REVOKED");
      assertEquals((await fixture.final(id)).state, "REVOKED");
    },
  );
});
