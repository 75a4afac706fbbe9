/** Databases that somebody else has set up, and poolers before them. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Parameter } from "../../../shared/database/database.ts";
import { migrate } from "../../../shared/database/migrate.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { readOnlyReason } from "../../../shared/database/read_only.ts";
import { ConfigurationError, DatabaseUnavailable } from "../../../shared/errors.ts";
import { testDatabase } from "../../support/database_conformance.ts";
import { startPgBouncer } from "../../support/pgbouncer.ts";
import { pipelineOn, submit } from "../../support/pipeline.ts";
import { migrate as runMigrate, startApi, startWorker } from "../../support/roles.ts";
import { run } from "../../support/process.ts";
import { freshDatabase, freshVhost, type TestDatabase } from "../../support/servers.ts";

const SETTINGS = [
  "bytea_output = escape",
  "datestyle = 'German, DMY'",
  "timezone = 'Europe/Berlin'",
  "intervalstyle = sql_standard",
  "statement_timeout = 1000",
  "lock_timeout = 1000",
  "standard_conforming_strings = off",
  "extra_float_digits = 0",
  "default_transaction_isolation = serializable",
];

async function asAdministrator(statement: string, values: Parameter[] = []): Promise<unknown[]> {
  await using server = new PostgresDatabase({ url: Deno.env.get("DATABASE_URL") ?? "", max: 1 });
  await server.start();
  return await server.query(statement, values);
}

/** A database with settings of its own, which its sessions start with. */
async function setDatabase(settings = SETTINGS): Promise<TestDatabase> {
  const fixture = await freshDatabase();
  for (const setting of settings) {
    await asAdministrator(`alter database ${fixture.name} set ${setting}`);
  }
  return fixture;
}

/** A database with these settings, through a pooler that moves sessions between its connections. */
async function pooledDatabase(settings = SETTINGS) {
  await using stack = new AsyncDisposableStack();
  const fixture = stack.use(await setDatabase(settings));
  const options = { pool_mode: "transaction", default_pool_size: "4" };
  const pooler = stack.use(await startPgBouncer(fixture.url, options));
  const owned = stack.move();
  const database: TestDatabase = {
    name: fixture.name,
    url: pooler.through(fixture.url),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  return { database, direct: fixture };
}

async function under(open: () => Promise<TestDatabase>) {
  const fixture = await open();
  const database = new PostgresDatabase({ url: fixture.url });
  return {
    database,
    async [Symbol.asyncDispose]() {
      await database.stop();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

testDatabase("PostgresDatabase with other settings", () => under(setDatabase));
testDatabase(
  "PostgresDatabase through PgBouncer",
  () => under(async () => (await pooledDatabase()).database),
);

Deno.test("PostgresDatabase sets its session settings and keeps the options of the URL", async () => {
  await using fixture = await setDatabase();
  const url = new URL(fixture.url);
  url.search = "options=-c statement_timeout=7s -c work_mem=9MB";
  await using database = new PostgresDatabase({ url: url.href });
  await database.start();
  const show = async (name: string) => {
    const [row] = await database.query<{ value: string }>("select current_setting($1) as value", [
      name,
    ]);
    return row?.value;
  };
  assertEquals(await show("statement_timeout"), "7s");
  assertEquals(await show("work_mem"), "9MB");
  assertEquals(await show("lock_timeout"), "0");
  assertEquals(await show("TimeZone"), "UTC");
  assertEquals(await show("transaction_isolation"), "read committed");
});

Deno.test("PostgresDatabase through PgBouncer keeps transactions on one connection and prepares nothing", async () => {
  const pooled = await pooledDatabase();
  await using fixture = pooled.database;
  await using database = new PostgresDatabase({ url: fixture.url, max: 12 });
  await database.start();
  const session = "select pg_backend_pid() as pid, $1::integer as number";
  await Promise.all(Array.from({ length: 200 }, (_, number) =>
    database.transaction(async (sql) => {
      const [first] = await sql.query(session, [number]);
      assertEquals(await sql.query(session, [number]), [first]);
    })));
  await using direct = new PostgresDatabase({ url: pooled.direct.url });
  await direct.start();
  assertEquals(await database.query("select from pg_prepared_statements"), []);
});

Deno.test("API and worker run a task through PgBouncer in transaction mode", async () => {
  const pooled = await pooledDatabase([...SETTINGS, "search_path = nowhere"]);
  await using database = pooled.database;
  await using vhost = await freshVhost();
  await runMigrate(database.url);
  await using pipeline = await pipelineOn(vhost, database);
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  await using _worker = await startWorker(pipeline);
  for (const value of ["a", "b\\c"]) {
    const { id } = await submit(url, "test.echo", { kwargs: { value } });
    const { state, result } = await pipeline.final(id);
    assertEquals([state, result], ["SUCCESS", value]);
  }
});

Deno.test("PostgresDatabase names the mode of a pooler without transactions", async () => {
  await using fixture = await freshDatabase();
  await using pooler = await startPgBouncer(fixture.url, { pool_mode: "statement" });
  await using database = new PostgresDatabase({ url: pooler.through(fixture.url) });
  await database.start();
  const error = await assertRejects(() => migrate(database), DatabaseUnavailable);
  assertStringIncludes(error.message, "statement pooling");
});

Deno.test("migrate() rejects a database that is not UTF8, with a remedy", async () => {
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  await asAdministrator(`create database ${name} encoding 'LATIN1' locale 'C' template template0`);
  try {
    const url = new URL(Deno.env.get("DATABASE_URL") ?? "");
    url.pathname = `/${name}`;
    await using database = new PostgresDatabase({ url: url.href });
    await database.start();
    const error = await assertRejects(() => migrate(database), ConfigurationError);
    assertStringIncludes(error.message, "LATIN1");
    assertStringIncludes(error.message, "encoding 'UTF8'");
  } finally {
    await asAdministrator(`drop database ${name} with (force)`);
  }
});

Deno.test("PostgresDatabase works with each PGTARGETSESSIONATTRS that it accepts", async () => {
  await using server = await freshDatabase();
  const module = new URL("../../../shared/database/postgres.ts", import.meta.url).href;
  const program = `
    const { PostgresDatabase } = await import(${JSON.stringify(module)});
    await using database = new PostgresDatabase({ url: ${JSON.stringify(server.url)}, max: 1 });
    await database.start();
    const [row] = await database.query("select 1 as one");
    console.log(row.one, Deno.env.get("PGTARGETSESSIONATTRS"));`;
  for (const value of ["any", "read-write", "primary"]) {
    // In a process of its own, because test files that run in parallel share their environment.
    const output = await run(Deno.execPath(), ["eval", "--no-lock", program], {
      env: { PGTARGETSESSIONATTRS: value },
    });
    assertStringIncludes(output, `1 ${value}`);
  }
});

Deno.test("readOnlyReason() reports read-only databases only", async () => {
  await using fixture = await setDatabase(["default_transaction_read_only = on"]);
  await using database = new PostgresDatabase({ url: fixture.url });
  await database.start();
  assertStringIncludes(await readOnlyReason(database) ?? "", "default_transaction_read_only is on");
  await using writable = await freshDatabase();
  await using other = new PostgresDatabase({ url: writable.url });
  await other.start();
  assertEquals(await readOnlyReason(other), undefined);
});
