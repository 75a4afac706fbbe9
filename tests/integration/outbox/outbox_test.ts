import { assert, assertEquals } from "@std/assert";
import type { HeaderValue } from "../../../shared/broker/message.ts";
import type { Database } from "../../../shared/database/database.ts";
import { Outbox, type StampValues } from "../../../shared/outbox/outbox.ts";
import { fromStored } from "../../../shared/broker/stored_message.ts";
import { type Migrated, migratedPglite, migratedPostgres } from "../../support/migrated.ts";
import { entry, message } from "../../support/settlements.ts";

const STORED =
  "select exchange, routing_key, properties, headers, body from celeriac.outbox where task_id = $1";

const HEADERS: Record<string, HeaderValue> = {
  text: 'quotes " and \\ and 🥕',
  awkward: "nul \0 and half a pair \ud800",
  integer: 42,
  float: 0.1,
  big: 2n ** 62n,
  negative: -(2n ** 62n),
  endless: Infinity,
  yes: true,
  nothing: null,
  time: new Date(1_700_000_000_123),
  bytes: new Uint8Array([0, 1, 254, 255]),
  list: [1, "a", null, new Date(0), [2n], { deep: new Uint8Array([7]) }],
  table: { $date: 5 },
  tables: { $object: { $bytes: "AA==" }, other: { $bigint: "1", $date: 2 } },
  timelimit: [null, null],
};

const CASES: Record<string, (database: Database) => Promise<void>> = {
  async "add() stores messages byte for byte, and headers with their types"(database) {
    const sent = message({
      exchange: "some exchange",
      routingKey: "some.key",
      properties: {
        contentType: "application/json",
        deliveryMode: 2,
        priority: 3,
        correlationId: "a",
        replyTo: "b",
        timestamp: 1,
      },
      headers: HEADERS,
      body: crypto.getRandomValues(new Uint8Array(50_000)),
    });
    await new Outbox({ database }).add([entry("kept", { message: sent })]);
    const [row] = await database.query<Parameters<typeof fromStored>[0]>(STORED, ["kept"]);
    assertEquals(fromStored(row!), sent);
    const endless = await database.query("delete from celeriac.outbox returning task_id");
    assertEquals(endless, [{ task_id: "kept" }]);
  },

  async "add() keeps the first entry of an attempt"(database) {
    const outbox = new Outbox({ database });
    await outbox.add([entry("once"), entry("once", { retries: 1 }), entry("once")]);
    await outbox.add([entry("once", { message: message({ routingKey: "other" }) })]);
    const rows = await database.query(
      "delete from celeriac.outbox returning task_id, retries, routing_key",
    );
    assertEquals(rows, [
      { task_id: "once", retries: 0, routing_key: "celeriac.default" },
      { task_id: "once", retries: 1, routing_key: "celeriac.default" },
    ]);
    await outbox.add([]);
  },

  async "add() is part of the given transaction"(database) {
    const outbox = new Outbox({ database });
    const undone = database.transaction(async (sql) => {
      await outbox.add([entry("undone")], sql);
      throw new Error("undo");
    });
    await undone.catch(() => {});
    assertEquals(await outbox.depth(), { total: 0, due: 0, lag: 0 });
    await database.transaction((sql) => outbox.add([entry("done")], sql));
    assertEquals((await outbox.depth()).total, 1);
    await database.query("delete from celeriac.outbox");
  },

  async "count() is exact for few entries, and reads no more than 10,000 of many"(database) {
    const outbox = new Outbox({ database });
    assertEquals(await outbox.count(), 0);
    await outbox.add([entry("one"), entry("two")]);
    assertEquals(await outbox.count(), 2);
    await database.query("delete from celeriac.outbox");
    await database.query(`
      insert into celeriac.outbox (task_id, retries, due_at, exchange, routing_key, properties, headers, body)
      select number::text, 0, now(), '', 'q', '{}', '{}', ''::bytea from generate_series(1, 25000) as number`);
    await database.script("analyze celeriac.outbox");
    await database.transaction(async (sql) => {
      assertEquals(await new Outbox({ database: sql }).count(), 25_000);
      const [read] = await sql.query<{ rows: number }>(`
        select (seq_tup_read + coalesce(idx_tup_fetch, 0))::float8 as rows
        from pg_stat_xact_user_tables where relid = 'celeriac.outbox'::regclass`);
      // Includes the last few reads before the transaction, which the backend has not reported yet.
      assert(read!.rows <= 12_000, `${read!.rows} rows`);
    });
    await database.query("delete from celeriac.outbox");
  },

  async "findStamped() reads every page, and no leased message"(database) {
    const outbox = new Outbox({ database });
    const stamped = (id: string, stamps: Record<string, HeaderValue>) =>
      entry(id, { message: message({ headers: { id, stamps } }) });
    const ids = Array.from({ length: 1001 }, (_, index) => `stamped ${index}`);
    await outbox.add([
      ...ids.map((id) => stamped(id, { tenant: id.endsWith("7") ? [1, "a"] : "b" })),
      stamped("leased", { tenant: "a" }),
      stamped("unreadable", { tenant: "\0" }),
      stamped("other", { tenant: ["c", 2], owner: "a" }),
      stamped("none", {}),
    ]);
    await database.query("update celeriac.outbox set offer = -1 where task_id = 'leased'");
    const find = async (stamps: StampValues) =>
      (await Array.fromAsync(outbox.findStamped(stamps))).flat();
    assertEquals(await find({ tenant: ["a", "b"] }), ids);
    assertEquals(await find({ tenant: [1] }), ids.filter((id) => id.endsWith("7")));
    assertEquals(await find({ tenant: ["1", "d"], owner: ["b"] }), []);
    assertEquals(await find({ owner: ["a"] }), ["other"]);
    await database.query("delete from celeriac.outbox");
  },

  async "depth() counts stored and due entries and their age"(database) {
    const outbox = new Outbox({ database });
    await outbox.add([
      entry("a", { dueAt: new Date(Date.now() - 60_000) }),
      entry("b", { dueAt: new Date(Date.now() - 1000) }),
      entry("c", { dueAt: new Date(Date.now() + 60_000) }),
    ]);
    const { total, due, lag } = await outbox.depth();
    assertEquals([total, due], [3, 2]);
    assert(lag > 59 && lag < 70, String(lag));
  },
};

for (
  const [name, open] of [
    ["Postgres", migratedPostgres],
    ["PGlite", migratedPglite],
  ] as [string, () => Promise<Migrated<Database>>][]
) {
  Deno.test(`Outbox on ${name}`, async (test) => {
    await using fixture = await open();
    for (const [title, run] of Object.entries(CASES)) {
      await test.step(title, () => run(fixture.database));
    }
  });
}
