import { setTimeout as delay } from "node:timers/promises";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Database } from "../../../shared/database/database.ts";
import { DAYS_AHEAD, migrate, MIGRATIONS, pending } from "../../../shared/database/migrate.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { ConfigurationError, DatabaseRefused } from "../../../shared/errors.ts";
import { freshMigrated, migratedPglite } from "../../support/migrated.ts";
import { freshDatabase } from "../../support/servers.ts";

const NAMES = MIGRATIONS.map(({ name }) => name);

async function open(url: string): Promise<PostgresDatabase> {
  const database = new PostgresDatabase({ url });
  await database.start();
  return database;
}

async function partitions(database: Database): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'celeriac.task'::regclass order by name",
  );
  return rows.map(({ name }) => name);
}

Deno.test("migrate() creates the schema with its partitions and is idempotent", async () => {
  await using fixture = await freshDatabase();
  await using database = await open(fixture.url);
  assertEquals(await pending(database), NAMES);
  assertEquals(await migrate(database), NAMES.map((name, index) => ({ version: index + 1, name })));
  assertEquals(await pending(database), []);
  const made = await partitions(database);
  assertEquals(made.filter((name) => /task_\d{8}$/.test(name)).length, DAYS_AHEAD + 1);
  assertEquals(made.filter((name) => !/task_\d{8}$/.test(name)), [
    "celeriac.task_default",
    "celeriac.task_foreign_high",
    "celeriac.task_foreign_low",
  ]);
  assertEquals(await migrate(database), []);
  assertEquals(await partitions(database), made);
});

Deno.test("migrate() works in PGlite", async () => {
  await using fixture = await migratedPglite();
  assertEquals(await pending(fixture.database), []);
  assertEquals((await partitions(fixture.database)).length, DAYS_AHEAD + 4);
  assertEquals(await migrate(fixture.database), []);
});

Deno.test("migrate() applies each migration once when many processes run it concurrently", async () => {
  await using fixture = await freshDatabase();
  await using stack = new AsyncDisposableStack();
  const databases = await Promise.all(
    Array.from({ length: 5 }, async () => stack.use(await open(fixture.url))),
  );
  const applied = await Promise.all(databases.map((database) => migrate(database)));
  assertEquals(applied.flat().length, NAMES.length);
  assertEquals(applied.filter((steps) => steps.length > 0).length, 1);
});

Deno.test("migrate() rolls back when a migration fails", async () => {
  await using fixture = await freshDatabase();
  await using database = await open(fixture.url);
  const broken = {
    name: "broken",
    sql: "create table celeriac.half_done (n integer); select nonsense",
  };
  await assertRejects(
    () => migrate(database, { migrations: [...MIGRATIONS, broken] }),
    DatabaseRefused,
    "nonsense",
  );
  assertEquals(await pending(database), NAMES);
  assertEquals(await database.query("select to_regnamespace('celeriac') as schema"), [{
    schema: null,
  }]);
});

Deno.test("migrate() applies only pending migrations to an older database", async () => {
  await using fixture = await freshDatabase();
  await using database = await open(fixture.url);
  await migrate(database);
  const next = { name: "next", sql: "create table celeriac.added (n integer)" };
  assertEquals(await migrate(database, { migrations: [...MIGRATIONS, next] }), [
    { version: NAMES.length + 1, name: "next" },
  ]);

  // To this release the database is now newer: it may be worked with, but not be migrated.
  assertEquals(await pending(database), []);
  await assertRejects(() => migrate(database), ConfigurationError, "run the newer program");
});

Deno.test("migrate() rejects a database that was migrated with other files", async () => {
  await using fixture = await freshDatabase();
  await using database = await open(fixture.url);
  await migrate(database);
  const altered = MIGRATIONS.map(({ name, sql }) => ({
    name,
    sql: name === "outbox" ? `${sql}\n` : sql,
  }));
  const error = await assertRejects(
    () => migrate(database, { migrations: altered }),
    ConfigurationError,
  );
  assert(error.message.includes("2 (outbox)"));
  const otherLineEnds = MIGRATIONS.map(({ name, sql }) => ({
    name,
    sql: sql.replaceAll("\n", "\r\n"),
  }));
  assertEquals(await migrate(database, { migrations: otherLineEnds }), []);
});

Deno.test("migrate() holds up no other statement behind a long read, and names the reader", async () => {
  await using fixture = await freshMigrated();
  await using database = await open(fixture.url);
  await using other = new PostgresDatabase({ url: fixture.url, name: "report", timeoutMs: 5000 });
  await other.start();
  const next = { name: "next", sql: "alter table celeriac.task add column added integer" };
  const migrations = [...MIGRATIONS, next];
  const [held, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const reading = other.transaction(async (sql) => {
    await sql.query("select from celeriac.task");
    held.resolve();
    await ended.promise;
  });
  await held.promise;
  try {
    const locks = { timeoutMs: 500, attempts: 2, pauseMs: 100 };
    const [error] = await Promise.all([
      assertRejects(() => migrate(database, { migrations, locks }), DatabaseRefused),
      (async () => {
        await delay(200);
        await other.query("select from celeriac.task"); // fails after its time limit if the migration waits without end
      })(),
    ]);
    assertMatch(error.message, /held by session \d+ of \S+ \('report'\) since .*: wait until/);
    const migrating = migrate(database, { migrations, locks: { ...locks, attempts: 50 } });
    await delay(600);
    ended.resolve();
    assertEquals((await migrating).map(({ name }) => name), ["next"]);
  } finally {
    ended.resolve();
    await reading;
  }
});
