/** Both places where chords are counted keep the same rules. */
import { assert, assertEquals } from "@std/assert";
import { v7 } from "uuid";
import type { ResultTuple } from "../../../shared/celery/dispatch.ts";
import type { Database, Sql } from "../../../shared/database/database.ts";
import { makeDjangoTables } from "../../../shared/database/django.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { Maintenance } from "../../../api/maintenance.ts";
import { type ChordStore, NativeChords } from "../../../shared/workflows/chords.ts";
import { DjangoChords } from "../../../shared/workflows/django_chords.ts";
import { freshMigrated } from "../../support/migrated.ts";

const tuple = (id: string): ResultTuple => [[id, null], null];

async function createFixture() {
  const stack = new AsyncDisposableStack();
  const fresh = stack.use(await freshMigrated());
  const database = stack.use(new PostgresDatabase({ url: fresh.url, name: "test" }));
  await database.start();
  await makeDjangoTables(database);
  return { database, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const stores: Record<string, (database: PostgresDatabase) => ChordStore> = {
  NativeChords: (database) => new NativeChords({ database }),
  DjangoChords: (database) => new DjangoChords({ database, counterTimeoutMs: 0 }),
};

for (const [name, make] of Object.entries(stores)) {
  Deno.test(`${name} counts each member once and reports completion until the body is sent`, async () => {
    await using fixture = await createFixture();
    const chords = make(fixture.database);
    const id = v7();
    const members = [tuple("a"), tuple("b"), tuple("c")];
    await chords.open([{ id, members }]);
    await chords.open([{ id, members: [] }, { id, members }]);
    assertEquals(await chords.count(id, "a"), { state: "waiting" });
    assertEquals(await chords.count(id, "a"), { state: "waiting" });
    assertEquals(await chords.count(id, "b"), { state: "waiting" });
    const complete = { state: "complete" as const, members };
    assertEquals(await chords.count(id, "c"), complete);
    // The worker died before it sent the body: whoever comes next is told again.
    assertEquals(await chords.count(id, "c"), complete);
    assertEquals(await chords.count(id, "a"), complete);
    await chords.close(id);
    assertEquals(await chords.count(id, "c"), { state: "closed" });
    // A copy of what opened it does not open it again.
    await chords.open([{ id, members }]);
    assertEquals(await chords.count(id, "b"), { state: "closed" });
    assertEquals(await chords.count(v7(), "a"), { state: "unknown" });
  });

  Deno.test(`${name} completes a chord once when many members end concurrently`, async () => {
    await using fixture = await createFixture();
    const chords = make(fixture.database);
    const id = v7();
    const ids = Array.from({ length: 40 }, (_, index) => `m${index}`);
    await chords.open([{ id, members: ids.map(tuple) }]);
    const counts = await Promise.all(ids.map((member) => chords.count(id, member)));
    assertEquals(counts.filter(({ state }) => state === "complete").length, 1);
    assertEquals(counts.filter(({ state }) => state === "waiting").length, 39);
  });
}

/** A database that adds the characters of all rows that it returns. */
function measured(database: PostgresDatabase): { database: Database; characters(): number } {
  let characters = 0;
  const measuring = (sql: Sql): Sql => ({
    async query<Row extends object>(...given: Parameters<Sql["query"]>) {
      const rows = await sql.query<Row>(...given);
      characters += JSON.stringify(rows).length;
      return rows;
    },
    script: (statements) => sql.script(statements),
  });
  return {
    database: {
      ...measuring(database),
      address: database.address,
      start: () => database.start(),
      stop: () => database.stop(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
      transaction: (work) => database.transaction((sql) => work(measuring(sql))),
    },
    characters: () => characters,
  };
}

const measuredStores: Record<string, (database: Database) => ChordStore> = {
  NativeChords: (database) => new NativeChords({ database }),
  DjangoChords: (database) => new DjangoChords({ database, counterTimeoutMs: 0 }),
};

for (const [name, make] of Object.entries(measuredStores)) {
  Deno.test(`${name} reads the members of a chord only when it is complete`, async () => {
    await using fixture = await createFixture();
    const { database, characters } = measured(fixture.database);
    const chords = make(database);
    const id = v7();
    const ids = Array.from({ length: 1000 }, (_, index) => `member-${index}`);
    await chords.open([{ id, members: ids.map(tuple) }]);
    for (const member of ids.slice(1)) await chords.count(id, member);
    // A redelivered member is counted again.
    await chords.count(id, ids[1]!);
    assert(characters() < 100_000, `${characters()} characters for 1,000 counts`);
    const before = characters();
    assertEquals((await chords.count(id, ids[0]!)).state, "complete");
    assert(characters() - before > 10_000);
    await chords.close(id);
    const closed = characters();
    assertEquals(await chords.count(id, ids[0]!), { state: "closed" });
    assert(characters() - closed < 1000);
  });
}

Deno.test("DjangoChords decrements Python's row and leaves the end to Python", async () => {
  await using fixture = await createFixture();
  const { database } = fixture;
  const chords = new DjangoChords({ database, counterTimeoutMs: 0 });
  const row = `insert into django_celery_results_chordcounter (group_id, sub_tasks, count)
    values ($1, '[[["ours", null], null], [["theirs", null], null]]', 2)`;
  await database.query(row, ["g"]);
  assertEquals(await chords.count("g", "ours"), { state: "waiting" });
  const left = "select count from django_celery_results_chordcounter where group_id = 'g'";
  assertEquals(await database.query(left), [{ count: 1 }]);
  // Python's worker counts the last one and takes the row away.
  await database.query("delete from django_celery_results_chordcounter");
  assertEquals(await chords.count("g", "ours"), { state: "closed" });
});

Deno.test("DjangoChords waits for a counter whose transaction is still open", async () => {
  await using fixture = await createFixture();
  const { database } = fixture;
  const chords = new DjangoChords({ database, counterTimeoutMs: 60_000 });
  const counting = chords.count("g", "ours");
  const row = `insert into django_celery_results_chordcounter (group_id, sub_tasks, count)
    values ('g', '[[["ours", null], null]]', 1)`;
  await database.transaction(async (sql) => {
    await sql.query(row);
    await sql.query("select pg_sleep(0.5)");
  });
  assertEquals(await counting, { state: "complete", members: [tuple("ours")] });
});

Deno.test("Maintenance deletes ended chords and workflows and keeps waiting ones", async () => {
  await using fixture = await createFixture();
  const { database } = fixture;
  const chords = new NativeChords({ database });
  for (const id of ["over", "waiting"]) await chords.open([{ id, members: [tuple("a")] }]);
  await chords.count("over", "a");
  await chords.close("over");
  await database.script(`
    insert into celeriac.workflow (id, canvas) values ('old', '{}'), ('new', '{}');
    update celeriac.workflow set created_at = now() - interval '1 hour' where id = 'old';
    update celeriac.chord set created_at = now() - interval '1 hour', closed_at = closed_at - interval '1 hour';
    update celeriac.chord_member set counted_at = now() - interval '1 hour'`);
  const maintenance = new Maintenance({ database, retention: 60 });
  await maintenance.run();
  await maintenance.run();
  const left = async (table: string) =>
    (await database.query<{ id: string }>(`select id from celeriac.${table} order by id`))
      .map(({ id }) => id);
  assertEquals(await left("chord"), ["waiting"]);
  assertEquals(await left("workflow"), ["new"]);
  assertEquals(await database.query("select task from celeriac.chord_member"), []);
});
