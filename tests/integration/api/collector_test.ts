/** Nothing that anybody publishes to the dead letters stops their collecting. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Collector } from "../../../api/dead_letters/collector.ts";
import { DeadLetters } from "../../../shared/dead_letters/store.ts";
import { DEAD_EXCHANGE, DEAD_QUEUE } from "../../../shared/broker/topology.ts";
import { giveUpOf } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture, type WorkerFixture } from "../../support/worker_fixture.ts";
import { publishRaw, type RawChannel, rawChannel, type RawTask } from "../../support/raw_amqp.ts";

const DATES: readonly unknown[] = [
  "+055840-01-01T00:00:00Z",
  "-000001-01-01T00:00:00Z",
  "0000-01-01T00:00:00Z",
  "0001-01-01T00:00:00Z",
  "9999-12-31T23:59:59.999Z",
  "2026-02-30T25:61:61Z",
  "infinity",
  "soon",
  "",
  { "!": "timestamp", value: 1_764_000_000 },
  // Milliseconds, where AMQP has seconds.
  { "!": "timestamp", value: 1_764_000_000_000 },
  { "!": "timestamp", value: 2 ** 53 - 1 },
];

/** A value of each type that a header may have, and texts that Postgres has no place for. */
const VALUES: readonly unknown[] = [
  "a\0b",
  "\u0000\uffff\u{1f33f}",
  "x".repeat(60_000),
  { "!": "int8", value: -128 },
  { "!": "int64", value: 2 ** 53 - 1 },
  { "!": "double", value: -1e300 },
  { "!": "decimal", value: { digits: 314, places: 2 } },
  true,
  null,
  new Uint8Array([0, 255, 128]),
  [1, [2, ["x\0", null]], { deep: { deeper: [true] } }],
  { $date: "x", "a\0b": { c: { d: "e\0" } } },
];

const NAMES = [
  "celeriac-letter",
  "celeriac-reason",
  "celeriac-detail",
  "celeriac-queue",
  "celeriac-worker",
  "x-death",
  "x-first-death-queue",
  "x-first-death-reason",
  "id",
  "task",
  "retries",
];

const MEBIBYTE = new Uint8Array(1024 * 1024);

function garbage(): RawTask[] {
  const dated = DATES.flatMap((date) => [
    { headers: { "celeriac-rejected-at": date } },
    { headers: { "x-death": [{ time: date, reason: "expired" }] } },
    { headers: { eta: date }, timestamp: 1_764_000_000_000 },
  ]);
  const typed = NAMES.flatMap((name) => VALUES.map((value) => ({ headers: { [name]: value } })));
  return [
    ...[...dated, ...typed].map(({ headers, ...properties }, number) => ({
      body: new Uint8Array([number]),
      options: { persistent: true, ...properties, headers: { ...headers, number } },
    })),
    ...Array.from({ length: 24 }, (_, number) => ({
      body: MEBIBYTE,
      options: { persistent: true, headers: { "celeriac-worker": "a\0b", large: number } },
    })),
  ];
}

function lettersOf({ database, outbox, store }: WorkerFixture): DeadLetters {
  return new DeadLetters({ database, outbox, store });
}

/** Messages in the queue. Those in a consumer's hand are not counted, so it must be gone. */
async function waiting({ channel }: RawChannel): Promise<number> {
  return (await channel.checkQueue(DEAD_QUEUE)).messageCount;
}

Deno.test("a collector stores every message and leaves none unacked", async () => {
  await using fixture = await startWorkerFixture([]);
  await using amqp = await rawChannel(fixture.url);
  const letters = lettersOf(fixture);
  const all = garbage();
  {
    await using collector = new Collector({
      broker: fixture.broker,
      letters,
      giveUp: giveUpOf(fixture),
      consumerIdleTimeout: 10,
    });
    await collector.start();
    await publishRaw(amqp, DEAD_EXCHANGE, "", all);
    await eventually("all of them", async () => await letters.count() === all.length);
  }
  assertEquals(await waiting(amqp), 0);
  const dates = await fixture.database.query<{ year: number | null }>(
    "select distinct extract(year from died_at)::int as year from celeriac.dead_letter order by 1",
  );
  assertEquals(dates.map(({ year }) => year), [1, 2025, 9999, null]);
});

Deno.test("a collector keeps the body of a letter that the database rejects", async () => {
  await using fixture = await startWorkerFixture([]);
  await using amqp = await rawChannel(fixture.url);
  const letters = lettersOf(fixture);
  await fixture.database.script(
    "alter table celeriac.dead_letter add constraint no_w check (worker is distinct from 'w')",
  );
  {
    await using collector = new Collector({
      broker: fixture.broker,
      letters,
      giveUp: giveUpOf(fixture),
      consumerIdleTimeout: 10,
    });
    await collector.start();
    // More than it may have in hand.
    await publishRaw(
      amqp,
      DEAD_EXCHANGE,
      "",
      Array.from({ length: 40 }, (_, number) => ({
        body: new Uint8Array([number]),
        options: {
          headers: { "celeriac-worker": number % 2 ? "w" : "v", "celeriac-reason": "poison" },
        },
      })),
    );
    await eventually("all of them", async () => await letters.count({ reason: "poison" }) === 40);
  }
  assertEquals(await waiting(amqp), 0);
  const { letters: kept } = await letters.list({}, { limit: 100 });
  const refused = kept.filter(({ worker }) => worker === null);
  assertEquals(refused.length, 20);
  const { body, headers, detail } = (await letters.find(refused[0]!.id))!;
  assertEquals([body.length, headers], [1, {}]);
  assertStringIncludes(detail!, "no_w");
});

Deno.test("a collector continues after its queue was deleted with unacked letters and declared again", async () => {
  await using fixture = await startWorkerFixture([]);
  await using amqp = await rawChannel(fixture.url);
  const letters = lettersOf(fixture);
  const opened = Promise.withResolvers<void>();
  let held = 0;
  await using collector = new Collector({
    broker: fixture.broker,
    giveUp: giveUpOf(fixture),
    consumerIdleTimeout: 1,
    letters: {
      async add(batch) {
        held += batch.length;
        await opened.promise;
        await letters.add(batch);
      },
    },
  });
  await collector.start();
  const send = (reason: string, count: number) =>
    publishRaw(
      amqp,
      DEAD_EXCHANGE,
      "",
      Array.from({ length: count }, (_, number) => ({
        body: new Uint8Array(),
        options: { headers: { number, "celeriac-reason": reason } },
      })),
    );
  await send("before", 16);
  await eventually("letters in hand", () => held > 0);
  // As many as it may have: the broker drops that many of the new queue's.
  await eventually("a full hand", async () => await waiting(amqp) === 0);
  await fixture.replaceQueue(DEAD_QUEUE);
  opened.resolve();
  await eventually("those in hand", async () => await letters.count({ reason: "before" }) === 16);
  await send("after", 10);
  await eventually("those after", async () => await letters.count({ reason: "after" }) === 10);
});
