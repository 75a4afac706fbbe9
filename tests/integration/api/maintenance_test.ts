import { assert, assertEquals, assertRejects } from "@std/assert";
import { v4 } from "uuid";
import type { Database } from "../../../shared/database/database.ts";
import { DAYS_AHEAD } from "../../../shared/database/migrate.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { DatabaseRefused } from "../../../shared/errors.ts";
import { Maintenance } from "../../../api/maintenance.ts";
import { Outbox } from "../../../shared/outbox/outbox.ts";
import { Idempotency } from "../../../shared/results/idempotency.ts";
import { NativeChords } from "../../../shared/workflows/chords.ts";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import { eventually } from "../../support/eventually.ts";
import { migratedPglite, migratedPostgres } from "../../support/migrated.ts";
import { entry, settlement } from "../../support/settlements.ts";

const DAY_MS = 86_400_000;
const NOTHING = { made: 0, dropped: 0, deleted: 0, keys: 0 };

/** An id of ours, made so many days from now. */
function idOf(days: number): string {
  const ms = Date.now() + days * DAY_MS;
  const hex = Math.floor(ms).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${v4().slice(15, 18)}-8${v4().slice(20)}`;
}

function partitionOf(days: number): string {
  return `task_${
    new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10).replaceAll("-", "")
  }`;
}

async function partitions(database: Database): Promise<Set<string>> {
  const rows = await database.query<{ name: string }>(
    "select relname as name from pg_inherits join pg_class on pg_class.oid = inhrelid where inhparent = 'celeriac.task'::regclass",
  );
  return new Set(rows.map(({ name }) => name));
}

async function holder(database: Database, id: string): Promise<string | undefined> {
  const [row] = await database.query<{ name: string }>(
    "select relname as name from celeriac.task join pg_class on pg_class.oid = task.tableoid where id = $1",
    [id],
  );
  return row?.name;
}

/** Makes the partition of a day gone by, as if upkeep had run then. */
async function makeDay(database: Database, days: number): Promise<void> {
  const day = new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
  const bounds = await database.query<{ low: string; high: string }>(
    "select celeriac.day_bound($1::date) as low, celeriac.day_bound($1::date + 1) as high",
    [day],
  );
  const { low, high } = bounds[0]!;
  await database.script(
    `create table celeriac.${
      partitionOf(days)
    } partition of celeriac.task for values from ('${low}') to ('${high}')`,
  );
}

/** Moves a record into the past. */
async function age(database: Database, ids: readonly string[], days: number): Promise<void> {
  await database.query(
    `update celeriac.task set created_at = created_at - $2 * interval '1 day', updated_at = updated_at - $2 * interval '1 day',
       finished_at = finished_at - $2 * interval '1 day' where id = any($1::text[])`,
    [[...ids], days],
  );
}

Deno.test("run() creates partitions ahead and moves rows out of the default partition", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  const maintenance = new Maintenance({ database });
  assertEquals(await maintenance.run(), NOTHING);
  await database.script(
    `drop table celeriac.${partitionOf(2)}; drop table celeriac.${partitionOf(5)}`,
  );
  const [stray, foreign, old] = [idOf(2), v4(), idOf(-100)];
  await store.settle([
    settlement({ id: stray }),
    settlement({ id: foreign }),
    settlement({ id: old }),
  ]);
  assertEquals(await holder(database, stray), "task_default");
  assertEquals(await maintenance.run(), { ...NOTHING, made: 2 });
  assertEquals(await holder(database, stray), partitionOf(2));
  assertEquals(await holder(database, old), "task_default");
  assertEquals((await store.find(stray))?.result, "3");
  for (let days = 0; days <= DAYS_AHEAD; days++) {
    assert((await partitions(database)).has(partitionOf(days)));
    const id = idOf(days);
    await store.settle([settlement({ id })]);
    assertEquals(await holder(database, id), partitionOf(days));
  }
});

Deno.test("ids that are not UUIDv7 stay out of the default partition, which is scanned when a partition is created", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  const ids = [
    "",
    "0",
    "order-17",
    "ÿ",
    "00000000-0000-4000-8000-000000000000",
    "ffffffff-0000-4000-8000-000000000000",
  ];
  await store.settle(ids.map((id) => settlement({ id })));
  for (const id of ids) assert((await holder(database, id))?.startsWith("task_foreign_"), id);
});

Deno.test("run() leaves rows in the default partition when too many would have to move", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await database.script(`
    drop table celeriac.${partitionOf(3)};
    insert into celeriac.task (id)
    select celeriac.day_bound((now() at time zone 'UTC')::date + 3) || '-7' || n from generate_series(1, 10001) as n`);
  const maintenance = new Maintenance({ database });
  assertEquals(await maintenance.run(), NOTHING);
  await database.script("delete from celeriac.task_default where id like '%-710001'");
  assertEquals((await maintenance.run()).made, 1);
});

Deno.test("run() drops only partitions whose rows are all final and expired", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  const maintenance = new Maintenance({ database, retention: 10 * 86_400 });
  for (const days of [-9, -12, -13, -14]) await makeDay(database, days);
  const [recent, expired, waiting, late] = [idOf(-9), idOf(-12), idOf(-13), idOf(-14)];
  await store.settle([
    settlement({ id: recent }),
    settlement({ id: expired }),
    settlement({ id: waiting, state: "STARTED" }),
    settlement({ id: late }),
  ]);
  await age(database, [recent], 9);
  await age(database, [expired], 12);
  await age(database, [waiting], 13);
  await age(database, [late], 5);
  assertEquals(await maintenance.run(), { ...NOTHING, dropped: 2 });
  const left = await partitions(database);
  assertEquals([-9, -12, -13, -14].map((days) => left.has(partitionOf(days))), [
    true,
    false,
    true,
    false,
  ]);
  assertEquals(await holder(database, late), "task_default");
  assertEquals(await store.find(expired), undefined);
  for (const id of [recent, waiting, late]) assert(await store.find(id));

  // A copy of an expired task's message may still come: its record goes where days without a partition go.
  assertEquals(await store.settle([settlement({ id: expired })]), [true]);
  assertEquals(await holder(database, expired), "task_default");
});

Deno.test("run() deletes expired rows of foreign tasks and of partitions with unfinished tasks", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  await makeDay(database, -30);
  const [foreignOld, foreignNew, dayOld, dayOpen] = [v4(), v4(), idOf(-30), idOf(-30)];
  await store.settle([
    settlement({ id: foreignOld, state: "FAILURE" }),
    settlement({ id: foreignNew }),
    settlement({ id: dayOld }),
    settlement({ id: dayOpen, state: "RETRY", retries: 1 }),
  ]);
  await age(database, [foreignOld, dayOld, dayOpen], 30);
  await age(database, [foreignNew], 5);
  const maintenance = new Maintenance({ database, retention: 10 * 86_400 });
  assertEquals(await maintenance.run(), { ...NOTHING, dropped: 1, deleted: 1 });
  assert(await store.find(foreignNew));
  assertEquals(await holder(database, dayOpen), "task_default");
  assertEquals(await store.find(dayOld), undefined);
});

Deno.test("run() deletes abandoned unfinished tasks unless they are in the outbox", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  const [abandoned, held, fresh] = [v4(), v4(), v4()];
  await store.settle([abandoned, held, fresh].map((id) => settlement({ id, state: "STARTED" })));
  await new Outbox({ database }).add([entry(held, { dueAt: new Date(Date.now() + DAY_MS) })]);
  await age(database, [abandoned, held], 40);
  await age(database, [fresh], 20);
  const maintenance = new Maintenance({ database, retention: 86_400, abandonment: 30 * 86_400 });
  const elsewhere = v4();
  await store.settle([settlement({ id: elsewhere, state: "STARTED", queue: "celery" })]);
  await age(database, [elsewhere], 2);
  assertEquals(await maintenance.run(), { ...NOTHING, deleted: 2 });
  assertEquals(await store.find(abandoned), undefined);
  assertEquals(await store.find(elsewhere), undefined);
  assert(await store.find(held));
  assert(await store.find(fresh));
});

Deno.test("run() scans a partition with many unfinished tasks once and deletes its expired rows", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await makeDay(database, -30);
  // Every fourth of 48,000 is unfinished: more than are moved.
  await database.script(`
    insert into celeriac.task (id, state, finished_at, created_at, updated_at)
    select celeriac.day_bound((now() at time zone 'UTC')::date - 30) || '-7' || lpad(n::text, 6, '0'),
      case when n % 4 = 0 then 'PENDING' else 'SUCCESS' end,
      case when n % 4 <> 0 then now() - interval '30 days' end, now() - interval '30 days', now() - interval '30 days'
    from generate_series(1, 48000) as n`);
  const maintenance = new Maintenance({ database });
  assertEquals(await maintenance.run(), { ...NOTHING, deleted: 36_000 });
  assertEquals(await maintenance.run(), NOTHING);
  await database.script("delete from celeriac.task where id > (select min(id) from celeriac.task)");
  assertEquals(await maintenance.run(), { ...NOTHING, dropped: 1 });
  const states = await database.query(
    "select state, tableoid::regclass::text as place from celeriac.task",
  );
  assertEquals(states, [{ state: "PENDING", place: "celeriac.task_default" }]);
});

Deno.test("run() keeps old rows that open chords, running workflows or outbox messages need", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  const chords = new NativeChords({ database });
  await makeDay(database, -30);
  const id = () => idOf(-30);
  const [member, group, first, ending, other, held] = [id(), id(), id(), id(), id(), id()];
  await store.settle([member, first, ending, held].map((id) => settlement({ id })));
  await store.settle([settlement({ id: other, state: "STARTED" })]);
  await chords.open([{ id: group, members: [[[member, null], null], [[idOf(0), null], null]] }]);
  await chords.count(group, member);
  await database.query(
    "insert into celeriac.workflow (id, canvas, tasks, endings) values ('w', '{}', $1::text[], $2::text[])",
    [[first, ending, other], [ending, other]],
  );
  await new Outbox({ database }).add([entry(held, { dueAt: new Date(Date.now() + DAY_MS) })]);
  await age(database, [member, first, ending, other, held], 30);
  await database.script(`
    update celeriac.chord set created_at = now() - interval '30 days';
    update celeriac.workflow set created_at = now() - interval '30 days'`);
  const maintenance = new Maintenance({ database });
  const ids = [member, first, ending, other, held];
  const kept = async () => {
    const states = await store.states(ids);
    return [0, 1, 2, 3, 4].filter((index) => states.has(ids[index]!));
  };
  assertEquals(await maintenance.run(), { ...NOTHING, dropped: 1 });
  assertEquals(await kept(), [0, 1, 2, 3, 4]);
  const [workflow] = await database.query("select id from celeriac.workflow");
  assertEquals(workflow, { id: "w" });

  await chords.close(group);
  await store.settle([settlement({ id: other })]);
  assertEquals(await maintenance.run(), { ...NOTHING, deleted: 1 });
  assertEquals(await kept(), [1, 2, 3, 4]);

  await age(database, [other], 8);
  await database.script("delete from celeriac.outbox");
  assertEquals(await maintenance.run(), { ...NOTHING, deleted: 4 });
  assertEquals(await database.query("select id from celeriac.workflow"), []);
});

Deno.test("run() deletes in several statements, and deletes old idempotency keys", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await database.script(`
    insert into celeriac.task (id, state, finished_at, created_at, updated_at)
    select md5(n::text), 'SUCCESS', now() - interval '30 days', now() - interval '30 days', now() - interval '30 days'
    from generate_series(1, 12000) as n;
    insert into celeriac.idempotency (key, body_hash, task_id, created_at)
    select n::text, '', '', now() - interval '25 hours' from generate_series(1, 5500) as n`);
  await new Idempotency({ database }).begin("fresh", "hash", "id");
  const total = await new Maintenance({ database }).run();
  assertEquals(total, { ...NOTHING, deleted: 12_000, keys: 5500 });
  assertEquals(await database.query("select key from celeriac.idempotency"), [{ key: "fresh" }]);
});

Deno.test("run() waits neither for a reader of the table nor for another process's maintenance", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await database.script(`drop table celeriac.${partitionOf(1)}`);
  await makeDay(database, -30);
  const maintenance = new Maintenance({ database });
  await database.transaction(async (sql) => {
    await sql.query("select from celeriac.task");
    // The reader holds the default partition and the table: what needs them has to wait for the next round.
    assertEquals(await maintenance.run(), NOTHING);
  });
  await database.transaction(async (sql) => {
    await sql.query("select celeriac.upkeep_lock()");
    assertEquals(await maintenance.run(), NOTHING);
  });
  assertEquals(await maintenance.run(), { ...NOTHING, made: 1, dropped: 1 });
});

Deno.test("celeriac.expire() rejects a retention that would delete unread results", async () => {
  await using fixture = await migratedPostgres();
  await assertRejects(
    () => fixture.database.query("select celeriac.expire('1 second', 10, '1 hour')"),
    DatabaseRefused,
    "retention",
  );
});

Deno.test("Maintenance runs at start and at each interval, and survives a database outage", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await using own = new PostgresDatabase({ url: fixture.url });
  await using maintenance = new Maintenance({ database: own, every: 0.02 });
  await maintenance.start();
  await own.start();
  for (let round = 0; round < 2; round++) {
    await database.script(`drop table if exists celeriac.${partitionOf(4)}`);
    await eventually("a partition", async () => (await partitions(database)).has(partitionOf(4)));
  }
  await maintenance.stop();
  await maintenance.stop();
});

Deno.test("run() works in PGlite", async () => {
  await using fixture = await migratedPglite();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  const maintenance = new Maintenance({ database, retention: 86_400 });
  await makeDay(database, -5);
  const [expired, foreign] = [idOf(-5), v4()];
  await store.settle([settlement({ id: expired }), settlement({ id: foreign })]);
  await age(database, [expired, foreign], 5);
  await database.script(`drop table celeriac.${partitionOf(2)}`);
  assertEquals(await maintenance.run(), { made: 1, dropped: 1, deleted: 1, keys: 0 });
});
