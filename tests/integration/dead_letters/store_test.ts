import { assert, assertEquals, assertRejects } from "@std/assert";
import { v7 } from "uuid";
import type { Headers, Message } from "../../../shared/broker/message.ts";
import type { Database } from "../../../shared/database/database.ts";
import {
  type DeadLetter,
  deadLetterHeaders,
  type DeadLetterReason,
  readLetter,
} from "../../../shared/dead_letters/letter.ts";
import { DeadLetters } from "../../../shared/dead_letters/store.ts";
import { InvalidInput } from "../../../shared/errors.ts";
import { Outbox } from "../../../shared/outbox/outbox.ts";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import { DEAD_EXCHANGE } from "../../../shared/broker/topology.ts";
import { type Migrated, migratedPglite, migratedPostgres } from "../../support/migrated.ts";
import { entry, message, settlement } from "../../support/settlements.ts";

interface Fixture {
  readonly database: Database;
  readonly letters: DeadLetters;
  readonly outbox: Outbox;
  readonly results: PostgresResultStore;
}

const RATE = { rate: 100, limit: 1000 };

function letter(
  taskId: string | null,
  grounds: Partial<DeadLetterReason> = {},
  given: Partial<Message> = {},
): DeadLetter {
  const headers = deadLetterHeaders({
    reason: "poison",
    detail: "why",
    queue: "celeriac.default",
    worker: "celeriac@test",
    diedAt: new Date(),
    ...grounds,
  });
  const own = taskId === null ? {} : { id: taskId, task: "add", retries: 0 };
  return readLetter(
    message({ exchange: DEAD_EXCHANGE, headers: { ...own, ...headers }, ...given }),
  );
}

/** Headers of a letter whose worker has not set the record to FAILURE yet. */
function announced(id: string): Headers {
  const grounds = {
    reason: "poison",
    detail: null,
    queue: "celeriac.default",
    worker: "w",
    diedAt: null,
  };
  return { id, task: "add", retries: 0, ...deadLetterHeaders(grounds, { failing: true }) };
}

async function waiting({ database }: Fixture) {
  return await database.query<{ task_id: string; routing_key: string; headers: object; due: Date }>(
    "select task_id, routing_key, headers, due_at as due from celeriac.outbox order by due_at, id",
  );
}

const CASES: Record<string, (fixture: Fixture) => Promise<void>> = {
  async "add() stores a complete letter once"({ letters }) {
    const bytes = Uint8Array.of(0, 255, 128);
    const given = letter("a", { detail: "no\0" }, {
      headers: { ...letter("a").message.headers, big: 2n ** 60n, raw: bytes, at: new Date(0) },
      body: bytes,
    });
    await letters.add([given, given]);
    await letters.add([given]);
    assertEquals(await letters.count(), 1);
    const found = await letters.find(given.id);
    const { collectedAt, size, properties, headers, body } = found!;
    assert(Math.abs(collectedAt.getTime() - Date.now()) < 60_000);
    assertEquals([size, body, properties], [3, bytes, given.message.properties]);
    assertEquals([headers["big"], headers["raw"], headers["at"]], [
      { $bigint: String(2n ** 60n) },
      { $bytes: bytes.toBase64() },
      { $date: 0 },
    ]);
    assertEquals(await letters.find(v7()), undefined);
  },

  async "list() returns pages of matching letters, newest first"({ letters }) {
    for (let n = 0; n < 5; n++) {
      await letters.add([
        letter(`t${n}`, {
          reason: n % 2 ? "poison" : "malformed",
          queue: n < 3 ? "celeriac.a" : "celeriac.b",
        }),
      ]);
    }
    const ids = async (filter: Parameters<DeadLetters["list"]>[0]) => {
      const found: (string | null)[] = [];
      let cursor: string | null | undefined;
      do {
        const page = await letters.list(filter, { limit: 2, ...(cursor && { cursor }) });
        found.push(...page.letters.map(({ taskId }) => taskId));
        cursor = page.next;
      } while (cursor);
      return found;
    };
    assertEquals(await ids({}), ["t4", "t3", "t2", "t1", "t0"]);
    assertEquals(await ids({ reason: "poison" }), ["t3", "t1"]);
    assertEquals(await ids({ queue: "celeriac.a", reason: "malformed" }), ["t2", "t0"]);
    assertEquals(await ids({ taskId: "t3" }), ["t3"]);
    assertEquals(await ids({ task: "other" }), []);
    assertEquals(await ids({ until: new Date(0) }), []);
    assertEquals(await ids({ since: new Date(Date.now() + 3_600_000) }), []);
    assertEquals((await ids({ since: new Date(0) })).length, 5);
    assertEquals(await letters.count({ reason: "malformed" }), 3);
    const error = await assertRejects(
      () => letters.list({}, { limit: 1, cursor: "MjAyNg" }),
      InvalidInput,
    );
    assertEquals(error.field, "cursor");
  },

  async "redrive() moves the oldest matching letters to the outbox at a rate"(fixture) {
    const { letters } = fixture;
    for (let n = 0; n < 4; n++) await letters.add([letter(`t${n}`)]);
    await letters.add([letter("other", { reason: "malformed" })]);
    const before = Date.now();
    const outcome = await letters.redrive({ reason: "poison" }, { rate: 2, limit: 3 });
    const rows = await waiting(fixture);
    assertEquals(rows.map(({ task_id }) => task_id), ["t0", "t1", "t2"]);
    assertEquals(rows.map(({ due }) => due.getTime() - rows[0]!.due.getTime()), [0, 500, 1000]);
    assert(rows[0]!.due.getTime() >= before);
    assertEquals(rows[0]!.routing_key, "celeriac.default");
    assertEquals(rows[0]!.headers, { id: "t0", task: "add", retries: 0 });
    const { lastDueAt, ...counts } = outcome;
    assertEquals(counts, { redriven: 3, waiting: 0 });
    // By the clock that is synchronized with the database.
    assert(Math.abs(lastDueAt!.getTime() - rows[2]!.due.getTime()) < 1000);
    const left = await letters.list({}, { limit: 10 });
    assertEquals(left.letters.map(({ taskId }) => taskId), ["other", "t3"]);
  },

  async "redrive() reopens failed tasks and deletes their crashes in one transaction"(fixture) {
    const { letters, results, database } = fixture;
    const failure = { state: "FAILURE", worker: "w" } as const;
    await results.settle([settlement({ id: "failed", ...failure }), settlement({ id: "done" })]);
    await database.query(
      "insert into celeriac.crash (task_id, retries, runs) values ('failed', 0, 3)",
    );
    await letters.add([letter("failed"), letter("done"), letter("unheard")]);
    assertEquals((await letters.redrive({}, RATE)).redriven, 3);
    assertEquals((await results.find("failed"))?.state, "PENDING");
    assertEquals((await results.find("done"))?.state, "SUCCESS");
    assertEquals(await results.find("unheard"), undefined);
    assertEquals(await database.query("select task_id from celeriac.crash"), []);
    assertEquals(await letters.count(), 0);

    await results.settle([settlement({ id: "failed", ...failure })]);
    await letters.add([letter("failed")]);
    const broken = new DeadLetters({
      database,
      outbox: new Outbox({ database }),
      store: {
        reopen: () => Promise.reject(new Error("the server went away")),
        states: () => Promise.resolve(new Map()),
      },
    });
    await database.query("delete from celeriac.outbox");
    await assertRejects(() => broken.redrive({}, RATE), Error, "went away");
    assertEquals([await letters.count(), (await waiting(fixture)).length], [1, 0]);
    assertEquals((await results.find("failed"))?.state, "FAILURE");
  },

  async "redrive() skips letters whose record is not FAILURE yet, for at most an hour"(fixture) {
    const { letters, results, database } = fixture;
    const ids = ["unheard", "runs", "failed", "old"];
    await letters.add(ids.map((id) => letter(id, {}, { headers: announced(id) })));
    await letters.add([letter("ignored")]);
    const failure = { state: "FAILURE", worker: "w" } as const;
    await results.settle([
      settlement({ id: "runs", state: "STARTED" }),
      settlement({ id: "failed", ...failure }),
    ]);
    await database.query(
      "update celeriac.dead_letter set collected_at = now() - interval '61 minutes' where task_id = 'old'",
    );
    const first = await letters.redrive({}, RATE);
    assertEquals([first.redriven, first.waiting], [3, 2]);
    const sent = (await waiting(fixture)).map(({ task_id }) => task_id);
    assertEquals(sent.sort(), ["failed", "ignored", "old"]);
    await results.settle(["unheard", "runs"].map((id) => settlement({ id, ...failure })));
    assertEquals((await letters.redrive({}, RATE)).redriven, 2);
    assertEquals((await results.find("runs"))?.state, "PENDING");
  },

  async "redrive() skips attempts that the outbox still holds"(fixture) {
    const { letters, outbox } = fixture;
    await outbox.add([entry("held")]);
    await letters.add([letter("held"), letter("twice"), letter("twice")]);
    // Messages without an id are never duplicates.
    await letters.add([letter(null), letter(null), letter(null)]);
    const { redriven, waiting: left } = await letters.redrive({}, RATE);
    assertEquals([redriven, left], [4, 2]);
    assertEquals((await waiting(fixture)).length, 5);
    const kept = await letters.list({}, { limit: 10 });
    assertEquals(kept.letters.map(({ taskId }) => taskId).sort(), ["held", "twice"]);
  },

  async "redrive() and purge() process any number of letters"({ letters, outbox }) {
    const many = (name: string) =>
      Array.from({ length: 1203 }, (_, n) => letter(`${name}${n}`, { reason: name }));
    await letters.add(many("again"));
    await letters.add(many("away"));
    const { redriven } = await letters.redrive({ reason: "again" }, { rate: 1000, limit: 100_000 });
    assertEquals(redriven, 1203);
    assertEquals((await outbox.depth()).total, 1203);
    assertEquals(await letters.purge({ reason: "away" }), 1203);
    assertEquals(await letters.count(), 0);
  },
};

for (
  const [name, open] of [
    ["Postgres", () => migratedPostgres()],
    ["PGlite", () => migratedPglite()],
  ] as [string, () => Promise<Migrated<Database>>][]
) {
  Deno.test(`DeadLetters on ${name}`, async (test) => {
    await using fixture = await open();
    const { database } = fixture;
    const outbox = new Outbox({ database });
    const results = new PostgresResultStore({ database });
    const letters = new DeadLetters({ database, outbox, store: results });
    for (const [title, run] of Object.entries(CASES)) {
      await test.step(title, async () => {
        await database.script(
          "truncate celeriac.dead_letter, celeriac.outbox, celeriac.task, celeriac.crash",
        );
        await run({ database, letters, outbox, results });
      });
    }
  });
}

Deno.test("two concurrent redrives and a purge process each letter once", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const outbox = new Outbox({ database });
  const store = new PostgresResultStore({ database });
  const letters = new DeadLetters({ database, outbox, store });
  await letters.add(Array.from({ length: 2000 }, (_, n) => letter(`t${n}`)));
  const options = { rate: 10_000, limit: 100_000 };
  const [one, other, purged] = await Promise.all([
    letters.redrive({}, options),
    letters.redrive({}, options),
    letters.purge({ reason: "none of them" }),
  ]);
  assertEquals(one.redriven + other.redriven + await letters.count(), 2000);
  assertEquals((await outbox.depth()).total, one.redriven + other.redriven);
  assertEquals(purged, 0);
});
