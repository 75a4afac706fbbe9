import { assert, assertEquals, assertObjectMatch } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import type { Broker, Delivery } from "../../../shared/broker/broker.ts";
import type { Message } from "../../../shared/broker/message.ts";
import { makeDjangoTables } from "../../../shared/database/django.ts";
import { DatabaseJournal } from "../../../shared/broker/memory/database_journal.ts";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import type { Database, Parameter } from "../../../shared/database/database.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { DeadLetters } from "../../../shared/dead_letters/store.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import { Outbox, type OutboxEntry } from "../../../shared/outbox/outbox.ts";
import { resultStore } from "../../../shared/results/open_store.ts";
import { consumed, queues, started, text, texts } from "../../support/broker_helpers.ts";
import { eventually } from "../../support/eventually.ts";
import type { Inbox } from "../../support/inbox.ts";
import { migratedPglite, migratedPostgres } from "../../support/migrated.ts";
import { TcpProxy } from "../../support/proxy.ts";
import { relayOf } from "../../support/relay.ts";
import { freshVhost } from "../../support/servers.ts";
import {
  entry,
  type GivenEntry,
  message,
  settlement,
  submission,
} from "../../support/settlements.ts";

const QUEUE = "celeriac.relayed";

/** A message for the queue of these tests, its body a number. */
function numbered(number: number, given: GivenEntry = {}): OutboxEntry {
  const body = new TextEncoder().encode(String(number));
  return entry(`task-${number}`, {
    message: message({ exchange: "", routingKey: QUEUE, body }),
    ...given,
  });
}

async function numbers(inbox: Inbox<Delivery>, count: number): Promise<number[]> {
  return (await texts(inbox, count)).map(Number);
}

function emptied(database: Database): Promise<boolean> {
  const outbox = new Outbox({ database });
  return eventually("an empty outbox", async () => (await outbox.depth()).total === 0);
}

/** RabbitMQ with the queue, and Postgres. */
async function createFixture() {
  await using stack = new AsyncDisposableStack();
  const vhost = stack.use(await freshVhost());
  const { database, url } = stack.use(await migratedPostgres());
  const proxy = stack.use(TcpProxy.of(vhost.url));
  const broker = stack.use(new AmqpBroker({ url: proxy.through(vhost.url), name: "relay test" }));
  await started(broker, queues(QUEUE));
  const inbox = await consumed(broker, QUEUE);
  const owned = stack.move();
  return {
    vhost,
    url,
    database,
    proxy,
    broker,
    inbox,
    outbox: new Outbox({ database }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

Deno.test("Relay publishes due entries unchanged, in due order, and deletes them", async () => {
  await using here = await createFixture();
  const { database, broker, outbox, inbox } = here;
  const base = Date.now() - 60_000;
  const entries = Array.from(
    { length: 20 },
    (_, n) => numbered(n, { dueAt: new Date(base + n * 1000) }),
  );
  await outbox.add(entries.toReversed());
  const headers = {
    id: "x",
    // Past its time: that is for the worker to say.
    expires: "2020-01-01T00:00:00+00:00",
    at: new Date(1_700_000_000_000),
    big: 2n ** 40n,
    raw: new Uint8Array([1, 255]),
    timelimit: [null, 30],
  };
  const properties = {
    contentType: "application/json",
    contentEncoding: "utf-8",
    priority: 4,
    correlationId: "x",
    deliveryMode: 2 as const,
  };
  const body = crypto.getRandomValues(new Uint8Array(50_000));
  await outbox.add([
    entry("x", { message: { exchange: "", routingKey: QUEUE, properties, headers, body } }),
  ]);

  await using relay = relayOf({ database, broker });
  await relay.start();
  await relay.start();
  assertEquals(await numbers(inbox, 20), Array.from({ length: 20 }, (_, n) => n));
  const last = (await inbox.next()).message;
  assertEquals(last.body, body);
  assertObjectMatch(last.properties, properties);
  assertEquals(last.headers.expires, headers.expires);
  assertEquals(last.headers.at, headers.at);
  assertEquals(last.headers.raw, headers.raw);
  assertEquals(last.headers.timelimit, headers.timelimit);
  assertEquals(BigInt(Number(last.headers.big)), headers.big);
  await emptied(database);
});

Deno.test("Relay shares the outbox with another relay: each of 1,000 entries is published exactly once", async () => {
  await using here = await createFixture();
  const { database, url, broker, outbox, inbox } = here;
  await using own = new PostgresDatabase({ url });
  await own.start();
  await outbox.add(Array.from({ length: 1000 }, (_, n) => numbered(n)));
  await using one = relayOf({ database, broker });
  await using other = relayOf({ database: own, broker });
  await Promise.all([one.start(), other.start()]);
  const seen = await numbers(inbox, 1000);
  await emptied(database);
  await one.stop();
  await other.stop();
  await broker.publish(numbered(-1).message);
  assertEquals(await numbers(inbox, 1), [-1]);
  assertEquals(inbox.size, 0);
  assertEquals(new Set(seen).size, 1000);
});

Deno.test("Relay drains thousands of entries without a pause between rounds", async () => {
  await using here = await createFixture();
  const { database, broker, outbox, inbox } = here;
  await outbox.add(Array.from({ length: 2000 }, (_, n) => numbered(n)));
  // With rests of a minute only one round would come in time.
  await using relay = relayOf({ database, broker, pollMs: 60_000 });
  await relay.start();
  assertEquals(new Set(await numbers(inbox, 2000)).size, 2000);
  await emptied(database);
});

Deno.test("Relay publishes an entry at its due time, neither earlier nor at the next poll", async () => {
  await using here = await createFixture();
  const { database, broker, outbox, inbox } = here;
  const dueAt = new Date(Date.now() + 500);
  await outbox.add([
    numbered(1, { dueAt }),
    numbered(2, { dueAt: new Date(Date.now() + 3_600_000) }),
  ]);
  await using relay = relayOf({ database, broker, pollMs: 60_000 });
  await relay.start();
  await inbox.next();
  const late = Date.now() - dueAt.getTime();
  assert(late >= 0 && late < 50_000, `${late} ms`);
  await eventually("one removed", async () => (await outbox.depth()).total === 1);
});

Deno.test("wake() makes the relay poll immediately", async () => {
  await using here = await createFixture();
  const { database, broker, outbox, inbox } = here;
  await using relay = relayOf({ database, broker, pollMs: 60_000 });
  await relay.start();
  for (let n = 0; n < 5; n++) {
    await outbox.add([numbered(n)]);
    relay.wake();
    assertEquals(await numbers(inbox, 1), [n]);
  }
});

Deno.test("Relay keeps and retries an entry without a queue, and publishes the others", async () => {
  await using here = await createFixture();
  const { database, broker, outbox, inbox } = here;
  const lost = message({
    exchange: "",
    routingKey: "celeriac.later",
    body: new TextEncoder().encode("7"),
  });
  await outbox.add([entry("lost", { message: lost }), numbered(1)]);
  await using relay = relayOf({ database, broker });
  await relay.start();
  assertEquals(await numbers(inbox, 1), [1]);
  const row = await eventually("an attempt that failed", async () => {
    const [row] = await database.query<{ attempts: number; last_error: string; ahead: boolean }>(
      "select attempts, last_error, due_at > created_at as ahead from celeriac.outbox where attempts > 1",
    );
    return row;
  });
  assert(row.last_error.includes("celeriac.later"), row.last_error);
  assert(row.ahead);
  await broker.declare(queues("celeriac.later"));
  const later = await consumed(broker, "celeriac.later");
  await database.query("update celeriac.outbox set due_at = now()");
  relay.wake();
  assertEquals(text((await later.next()).message), "7");
  await emptied(database);
});

for (const results of ["native", "django"] as const) {
  Deno.test(`Relay dead-letters an entry that can never be sent and stores FAILURE (${results})`, async () => {
    await using here = await createFixture();
    const { database, broker, outbox, inbox } = here;
    if (results === "django") await makeDjangoTables(database);
    const store = resultStore(results, database);
    const letters = new DeadLetters({ database, outbox, store });
    const failed = { state: "RETRY", retries: 2 } as const;
    await store.submitted(["too-long", "too-large"].map((id) => submission({ id })));
    await store.settle([
      settlement({ id: "done", state: "SUCCESS" }),
      settlement({ id: "ahead", ...failed }),
    ]);
    const large = { note: "語".repeat(25_000) };
    const unsendable = (id: string, given: Partial<Message>) =>
      entry(id, {
        message: message({
          exchange: "",
          routingKey: QUEUE,
          headers: { id, task: "add", ...large },
          ...given,
        }),
      });
    await outbox.add([
      unsendable("too-long", {
        properties: { contentType: "application/json", correlationId: "é".repeat(200) },
        headers: { id: "too-long", task: "add" },
      }),
      unsendable("too-large", {}),
      unsendable("too-low", { headers: { id: "too-low", task: "add", n: -(2n ** 60n) } }),
      unsendable("done", {}),
      unsendable("ahead", {}),
      numbered(1),
    ]);
    await using relay = relayOf({ database, broker, results });
    await relay.start();
    assertEquals(await numbers(inbox, 1), [1]);
    await emptied(database);

    const states = await store.states(["too-long", "too-large", "too-low", "done", "ahead"]);
    assertEquals(Object.fromEntries(states), {
      "too-long": "FAILURE",
      "too-large": "FAILURE",
      "too-low": "FAILURE", // which had no record
      "done": "SUCCESS",
      "ahead": "RETRY",
    });
    const { exception, finishedAt } = (await store.find("too-large"))!;
    assertEquals(exception?.exc_type, "ValueError");
    assert(finishedAt);
    const { letters: kept } = await letters.list({ reason: "unsendable" }, { limit: 10 });
    assertEquals(kept.map(({ taskId }) => taskId).sort(), [
      "ahead",
      "done",
      "too-large",
      "too-long",
      "too-low",
    ]);
    const { queue, worker, detail, id } = kept.find(({ taskId }) => taskId === "too-large")!;
    assertEquals([queue, worker], [QUEUE, null]);
    assert(detail?.includes("headers"), detail!);
    assertEquals((await letters.find(id))?.headers["note"], large.note);
  });
}

Deno.test("Relay dead-letters an event that can never be sent, without a record under its key", async () => {
  await using here = await createFixture();
  const { database, broker, outbox } = here;
  const store = resultStore("native", database);
  const letters = new DeadLetters({ database, outbox, store });
  // A task of another system may have the event's key, or its id, as its id.
  const ids = ["key", "17"];
  await store.submitted(ids.map((id) => submission({ id })));
  const body = new TextEncoder().encode('{"specversion": "1.0", "id": "17", "type": "paid"}');
  const headers = { id: "17", task: "add", cloudEvents_note: "語".repeat(50_000) };
  const properties = { contentType: "application/cloudevents+json" };
  const event = { exchange: "event.celeriac", routingKey: "paid", properties, headers, body };
  await outbox.add([entry("key", { message: message(event) })]);
  await using relay = relayOf({ database, broker });
  await relay.start();
  await emptied(database);
  assertEquals(Object.fromEntries(await store.states(ids)), { "key": "PENDING", "17": "PENDING" });
  const { letters: [letter] } = await letters.list({ reason: "unsendable" }, { limit: 10 });
  assertObjectMatch(letter!, { taskId: null, task: null, queue: "inbox.celeriac" });
  // A redrive sends it to the inbox, and touches no record.
  const { redriven } = await letters.redrive({}, { rate: 100, limit: 10 });
  assertEquals(redriven, 1);
  const [again] = await database.query("select exchange, routing_key from celeriac.outbox");
  assertEquals({ ...again }, { exchange: "", routing_key: "inbox.celeriac" });
  assertEquals(Object.fromEntries(await store.states(ids)), { "key": "PENDING", "17": "PENDING" });
});

Deno.test("Relay waits during a broker outage without counting attempts or changing the order", async () => {
  await using here = await createFixture();
  const { database, broker, outbox, inbox, proxy } = here;
  await using relay = relayOf({ database, broker });
  await relay.start();
  proxy.swallow();
  await outbox.add(Array.from({ length: 10 }, (_, n) => numbered(n)));
  await eventually("the entries in the relay's hands", async () => {
    const [row] = await database.query<{ taken: string }>(
      "select count(*) as taken from celeriac.outbox where offer > 0",
    );
    return row?.taken === "10";
  });
  proxy.cut();
  await eventually("entries put back", async () => {
    const rows = await database.query<{ attempts: number }>(
      `select attempts from celeriac.outbox
       where last_error is not null and due_at < created_at`,
    );
    return rows.length === 10 && rows.every(({ attempts }) => attempts === 0);
  });
  proxy.pass();
  await broker.connected();
  const seen = await numbers(inbox, 10);
  assertEquals(new Set(seen).size, 10);
  await emptied(database);
});

Deno.test("Relay survives a database outage", async () => {
  await using here = await createFixture();
  const { url, broker, outbox, inbox } = here;
  await using own = new PostgresDatabase({ url });
  await using relay = relayOf({ database: own, broker });
  await relay.start();
  await outbox.add([numbered(1)]);
  await own.start();
  assertEquals(await numbers(inbox, 1), [1]);
});

/** A broker that does something before it takes a message. */
function before(broker: Broker, act: (message: Message) => Promise<unknown>): Broker {
  return new Proxy(broker, {
    get(target, property) {
      if (property === "publish") {
        return async (message: Message) => {
          await act(message);
          await target.publish(message);
        };
      }
      const value = Reflect.get(target, property, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

Deno.test("Relay does not lose an entry that a worker adds again before the relay deletes the first one", async () => {
  await using here = await createFixture();
  const { database, broker, outbox, inbox } = here;
  await outbox.add([numbered(1)]);
  let putBack = false;
  await using relay = relayOf({
    database,
    broker: before(broker, async () => {
      if (!putBack) await outbox.add([numbered(1)]);
      putBack = true;
    }),
  });
  await relay.start();
  assertEquals(await numbers(inbox, 2), [1, 1]);
  await emptied(database);
});

Deno.test("Relay deletes published entries after a database outage and does not publish them again", async () => {
  await using here = await createFixture();
  const { database, broker, outbox, inbox } = here;
  let refusals = 3;
  let published = 0;
  const away = new Proxy(database, {
    get(target, property) {
      if (property === "query") {
        return (statement: string, parameters: readonly Parameter[]) =>
          statement.startsWith("delete") && refusals-- > 0
            ? Promise.reject(new DatabaseUnavailable("Cannot reach the database"))
            : target.query(statement, parameters);
      }
      const value = Reflect.get(target, property, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  await using relay = relayOf({
    database: away,
    broker: before(broker, () => Promise.resolve(published++)),
  });
  await outbox.add([numbered(1), numbered(2)]);
  await relay.start();
  await emptied(database);
  assertEquals(await numbers(inbox, 2), [1, 2]);
  assertEquals([published, refusals < 0], [2, true]);
});

Deno.test("Relay takes over entries that another relay claimed and never finished", async () => {
  await using here = await createFixture();
  const { database, broker, outbox, inbox } = here;
  await outbox.add([numbered(1)]);
  const stuck = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<void>();
  await using first = relayOf({
    database,
    broker: before(broker, () => {
      taken.resolve();
      return stuck.promise;
    }),
  });
  await first.start();
  await taken.promise;
  const [lease] = await database.query<{ seconds: number }>(
    "select extract(epoch from due_at - now())::float8 as seconds from celeriac.outbox",
  );
  assert(lease!.seconds > 10 && lease!.seconds <= 20, String(lease!.seconds));
  await database.query("update celeriac.outbox set due_at = now()");
  await using second = relayOf({ database, broker });
  await second.start();
  assertEquals(await numbers(inbox, 1), [1]);
  await emptied(database);
  stuck.resolve();
});

Deno.test("Relay works in embedded mode, where broker and outbox share one connection", async () => {
  await using here = await migratedPglite();
  const { database } = here;
  await using broker = new MemoryBroker({ journal: new DatabaseJournal({ database }) });
  await started(broker, queues(QUEUE));
  const inbox = await consumed(broker, QUEUE);
  const outbox = new Outbox({ database });
  await outbox.add(Array.from({ length: 300 }, (_, n) => numbered(n)));
  await using relay = relayOf({ database, broker });
  await relay.start();
  assertEquals(new Set(await numbers(inbox, 300)).size, 300);
  await emptied(database);
  await relay.stop();
});

Deno.test("a relay that polled an empty outbox reads only the entries that it takes", async () => {
  await using stack = new AsyncDisposableStack();
  const { url, database: owner } = stack.use(await migratedPostgres());
  // One connection, so that each statement runs often enough for the server to keep its plan.
  const database = stack.use(new PostgresDatabase({ url, max: 1 }));
  await database.start();
  const broker = stack.use(new MemoryBroker({}));
  await started(broker, queues(QUEUE));
  const inbox = await consumed(broker, QUEUE);
  await owner.query("vacuum analyze celeriac.outbox");
  const relay = stack.use(relayOf({ database, broker, pollMs: 5 }));
  await relay.start();
  const read = async () => {
    await database.query("select pg_stat_force_next_flush()");
    const [row] = await owner.query<{ scans: number; rows: number }>(
      `select seq_scan::integer as scans, seq_tup_read::integer as rows from pg_stat_user_tables where relname = 'outbox'`,
    );
    return row!;
  };
  await eventually("some polls", async () => (await read()).scans >= 20);
  const before = await read();
  await owner.query(
    `insert into celeriac.outbox (task_id, retries, due_at, exchange, routing_key, properties, headers, body)
     select 'task-' || n, 0, now() + n * interval '1 microsecond', '', $1, '{}', '{}', ''
     from generate_series(1, 50000) as n`,
    [QUEUE],
  );
  await texts(inbox, 1000);
  await relay.stop();
  const after = await read();
  assert(after.rows - before.rows < 50_000, `${after.rows - before.rows} rows read in scans`);
});
