/** Messages that RabbitMQ dead-letters by itself: by TTL, length limit or delivery limit. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { v7 as newId } from "uuid";
import { defineTask, z } from "../../../shared/mod.ts";
import { Collector } from "../../../api/dead_letters/collector.ts";
import { DeadLetters } from "../../../shared/dead_letters/store.ts";
import { NativeChords } from "../../../shared/workflows/chords.ts";
import { DEAD_EXCHANGE, TASK_EXCHANGE } from "../../../shared/broker/topology.ts";
import { handle } from "../../../workers/mod.ts";
import { eventually } from "../../support/eventually.ts";
import { type House, house } from "../../support/house.ts";
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

/** A worker, a collector, and a queue that nobody consumes and in which a message lives for a millisecond. */
async function withDeadEnd() {
  await using stack = new AsyncDisposableStack();
  const notes: string[] = [];
  const home = stack.use(
    await house([
      handle(add, ({ x, y }) => x + y),
      handle(sum, ({ all }) => all.reduce((one, other) => one + other, 0)),
      handle(note, ({ id }) => {
        notes.push(id);
        return null;
      }),
    ]),
  );
  const { broker, database, outbox, store } = home;
  const letters = new DeadLetters({ database, outbox, store });
  const collector = stack.use(
    new Collector({ broker, letters, giveUp: giveUpOf(home), consumerIdleTimeout: 10 }),
  );
  await collector.start();
  const raw = stack.use(await rawChannel(home.url));
  const deadEnd = async (name: string, args: Record<string, unknown>) => {
    await raw.channel.assertQueue(name, {
      durable: true,
      arguments: { "x-dead-letter-exchange": DEAD_EXCHANGE, ...args },
    });
    await raw.channel.bindQueue(name, TASK_EXCHANGE, name);
  };
  const owned = stack.move();
  return { home, letters, notes, raw, deadEnd, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function failed(home: House, id: string, reason: string): Promise<void> {
  const { state, exception, name } = await home.final(id);
  assertEquals([state, name], ["FAILURE", "add"]);
  assertEquals(exception?.exc_type, "DeadLettered");
  assertStringIncludes(String(exception?.exc_message[0]), `(${reason})`);
}

Deno.test("a message published to the dead-letter queue itself ends no record", async () => {
  await using here = await withDeadEnd();
  const { home, letters } = here;
  const id = newId();
  const death = { "x-first-death-reason": "delivery_limit", "x-death": [{ reason: "expired" }] };
  await home.broker.publish({
    exchange: "",
    routingKey: "celeriac.dead",
    properties: { contentType: "application/json" },
    headers: { task: "add", id, ...death },
    body: new TextEncoder().encode("[[], {}, {}]"),
  });
  await eventually("the letter", async () => await letters.count({ reason: "unverified" }) === 1);
  await home.submit("add", { x: 1, y: 1 }, { taskId: id });
  assertEquals((await home.final(id)).state, "SUCCESS");
});

Deno.test("a task whose message RabbitMQ dead-letters is FAILURE, and its workflow goes on", async (t) => {
  await using here = await withDeadEnd();
  const { home, letters, notes, deadEnd } = here;
  await deadEnd("celeriac.expiring", { "x-message-ttl": 1 });
  await deadEnd("celeriac.short", { "x-max-length": 1 });

  await t.step("expired, without a row", async () => {
    const [errback, next] = [newId(), newId()];
    const id = await home.submit("add", { x: 1, y: 1 }, {
      queue: "celeriac.expiring",
      errbacks: [wire("note", errback)],
      chain: [wire("add", next)],
    });
    await failed(home, id, "expired");
    assertEquals((await home.final(next)).state, "FAILURE");
    await eventually("the errback", () => notes.includes(id) || undefined);
    await eventually("its letter", async () => await letters.count({ taskId: id }) === 1);
  });

  await t.step("pushed out by a length limit, in a chord", async () => {
    const [one, two, body, group] = [newId(), newId(), newId(), newId()];
    const chords = new NativeChords({ database: home.database });
    await chords.open([{ id: group, members: [[[one, null], null], [[two, null], null]] }]);
    const options = { group, chord: wire("sum", body) };
    await home.submit("add", { x: 1, y: 1 }, { ...options, taskId: one });
    await home.submit("add", { x: 2, y: 2 }, { ...options, taskId: two, queue: "celeriac.short" });
    await home.submit("add", { x: 3, y: 3 }, { queue: "celeriac.short" });
    await failed(home, two, "maxlen");
    const { state, exception } = await home.final(body);
    assertEquals([state, exception?.exc_type], ["FAILURE", "ChordError"]);
  });

  await t.step("expired by its sender's own time: REVOKED, as a worker would say", async () => {
    const expires = new Date(Date.now() - 1000);
    const id = await home.submit("add", { x: 1, y: 1 }, { queue: "celeriac.expiring", expires });
    assertEquals((await home.final(id)).state, "REVOKED");
  });

  await t.step(
    "final before: its record stays, and what follows is what follows that",
    async () => {
      const [id, next] = [newId(), newId()];
      assert((await home.store.revoke(id, "revoked")).revoked);
      await home.submit("add", { x: 1, y: 1 }, {
        queue: "celeriac.expiring",
        taskId: id,
        chain: [wire("add", next)],
      });
      assertEquals((await home.final(next)).state, "REVOKED");
      assertEquals((await home.final(id)).state, "REVOKED");
    },
  );
});
