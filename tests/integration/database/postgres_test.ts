import { configure, type LogRecord, reset } from "@logtape/logtape";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import {
  ConfigurationError,
  DatabaseRefused,
  DatabaseTooSlow,
  DatabaseUnavailable,
} from "../../../shared/errors.ts";
import { testDatabase } from "../../support/database_conformance.ts";
import { eventually } from "../../support/eventually.ts";
import { TcpProxy } from "../../support/proxy.ts";
import { freshDatabase } from "../../support/servers.ts";

testDatabase("PostgresDatabase", async () => {
  const fixture = await freshDatabase();
  const database = new PostgresDatabase({ url: fixture.url });
  return {
    database,
    async [Symbol.asyncDispose]() {
      await database.stop();
      await fixture[Symbol.asyncDispose]();
    },
  };
});

const BACKEND = "select pg_backend_pid() as pid";

Deno.test("PostgresDatabase.transaction() fails when its connection is cut, and the next one works", async () => {
  await using fixture = await freshDatabase();
  await using database = new PostgresDatabase({ url: fixture.url, max: 2 });
  await using killer = new PostgresDatabase({ url: fixture.url, max: 1 });
  await database.start();
  await killer.start();
  await database.script("create table cut (n integer)");

  // Between two statements: the driver learns of it from an event, not from a statement.
  await assertRejects(() =>
    database.transaction(async (sql) => {
      await sql.query("insert into cut values (1)");
      const [backend] = await sql.query<{ pid: number }>(BACKEND);
      await killer.query("select pg_terminate_backend($1)", [backend!.pid]);
      for (;;) await sql.query("select 1");
    }), DatabaseUnavailable);

  // In the middle of one.
  await assertRejects(() =>
    database.transaction(async (sql) => {
      const [backend] = await sql.query<{ pid: number }>(BACKEND);
      const sleeping = sql.query("select pg_sleep(60)");
      const [, outcome] = await Promise.allSettled([
        killer.query("select pg_terminate_backend($1)", [backend!.pid]),
        sleeping,
      ]);
      if (outcome.status === "rejected") throw outcome.reason;
    }), DatabaseUnavailable);

  assertEquals(await database.query("select n from cut"), []);
});

Deno.test("PostgresDatabase.query() survives the loss of an idle connection", async () => {
  await using fixture = await freshDatabase();
  await using database = new PostgresDatabase({ url: fixture.url, max: 1, name: "idle one" });
  await using killer = new PostgresDatabase({ url: fixture.url, max: 1 });
  await database.start();
  await killer.start();
  await database.query("select 1");
  await killer.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'idle one'",
  );
  for (;;) {
    try {
      assertEquals(await database.query("select 1 as one"), [{ one: 1 }]);
      return;
    } catch (error) {
      assert(error instanceof DatabaseUnavailable);
    }
  }
});

Deno.test("PostgresDatabase.query() is unavailable when connection, login or database is refused", async () => {
  await using fixture = await freshDatabase();
  const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = closed.addr;
  closed.close();
  const nobody = new URL(fixture.url);
  nobody.username = "nobody_here";
  nobody.password = "s3cret";
  const nowhere = new URL(fixture.url);
  nowhere.pathname = "/no_such_database";
  for (
    const [url, reason] of [
      [`postgres://user:s3cret@127.0.0.1:${port}/name`, "ECONNREFUSED"],
      [nobody.href, "nobody_here"],
      [nowhere.href, "no_such_database"],
    ] as const
  ) {
    await using database = new PostgresDatabase({ url });
    await database.start();
    const error = await assertRejects(() => database.query("select 1"), DatabaseUnavailable);
    assertStringIncludes(error.message, reason);
    assert(!error.message.includes("s3cret"));
    assert(!database.address.includes("s3cret"));
  }
});

Deno.test("PostgresDatabase.query() is unavailable when the server accepts and sends nothing", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = (async () => {
    const connections: Deno.Conn[] = [];
    for await (const connection of silent) connections.push(connection);
    for (const connection of connections) connection.close();
  })();
  await using database = new PostgresDatabase({
    url: `postgres://user@127.0.0.1:${silent.addr.port}/name`,
  });
  await database.start();
  await assertRejects(() => database.query("select 1"), DatabaseUnavailable);
  silent.close();
  await accepted;
});

Deno.test("PostgresDatabase.query() closes the connection when a statement times out", async () => {
  await using fixture = await freshDatabase();
  await using database = new PostgresDatabase({ url: fixture.url, max: 1, timeoutMs: 200 });
  await database.start();
  // A busy machine may need more than one try.
  const backend = () =>
    eventually("its backend", async () => {
      const [row] = await database.query<{ pid: number }>(BACKEND).catch(() => []);
      return row?.pid;
    });
  const before = await backend();
  await assertRejects(() => database.query("select pg_sleep(60)"), DatabaseUnavailable);
  assert(await backend() !== before);
});

Deno.test("PostgresDatabase.query() ends a statement at its own limit on the server, and keeps the connection", async () => {
  await using fixture = await freshDatabase();
  await using database = new PostgresDatabase({ url: fixture.url, max: 1, name: "limited" });
  await using observer = new PostgresDatabase({ url: fixture.url, max: 1 });
  await database.start();
  await observer.start();
  await database.script("create table locked (n integer)");
  const before = await database.query(BACKEND);
  await observer.transaction(async (sql) => {
    await sql.query("lock table locked in access exclusive mode");
    for (const statement of ["select from locked where n = $1", "select pg_sleep($1)"]) {
      const error = await assertRejects(
        () => database.query(statement, [60], { timeoutMs: 300, replan: true }),
        DatabaseTooSlow,
      );
      assertStringIncludes(error.message, "did not answer within 0.3 s");
      assertEquals(
        await sql.query(
          "select query from pg_stat_activity where application_name = 'limited' and state <> 'idle'",
        ),
        [],
      );
    }
  });
  assertEquals(await database.query("select 1 as one", [], { timeoutMs: 10_000 }), [{ one: 1 }]);
  assertEquals(await database.query(BACKEND), before);
  assertEquals(await database.query("show statement_timeout"), [{ statement_timeout: "0" }]);
});

Deno.test("PostgresDatabase times out and stops when the server freezes within a transaction", async () => {
  await using fixture = await freshDatabase();
  await using proxy = TcpProxy.of(fixture.url);
  await using database = new PostgresDatabase({ url: proxy.through(fixture.url), timeoutMs: 2000 });
  await database.start();
  await Promise.all([database.query("select 1"), database.query("select 1")]);
  await assertRejects(() =>
    database.transaction(async (sql) => {
      await sql.query("select 1");
      proxy.swallow();
    }), DatabaseUnavailable);
  await database.stop();
});

Deno.test("PostgresDatabase logs once when the server becomes unavailable, and once when it is available again", async () => {
  await using fixture = await freshDatabase();
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr;
  free.close();
  const url = new URL(fixture.url);
  url.hostname = "127.0.0.1";
  url.port = String(port);
  url.password ||= "s3cret"; // a server that trusts loopback does not look at it
  const records: LogRecord[] = [];
  await configure({
    sinks: { kept: (record) => void records.push(record) },
    loggers: [
      { category: ["logtape"], lowestLevel: "error" },
      { category: ["celeriac", "database"], sinks: ["kept"] },
    ],
  });
  try {
    await using database = new PostgresDatabase({ url: url.href });
    await database.start();
    for (let attempt = 0; attempt < 3; attempt++) {
      await assertRejects(() => database.query("select 1"), DatabaseUnavailable);
    }
    await using _server = TcpProxy.of(fixture.url, { port });
    assertEquals(await database.query("select 1 as one"), [{ one: 1 }]);
    await database.query("select 1");
    await database.stop();
    assertEquals(records.map(({ level }) => level), ["warning", "info"]);
    for (const { message } of records) {
      assertStringIncludes(message.join(""), database.address);
      assert(!message.join("").includes(url.password));
    }
  } finally {
    await reset();
  }
});

Deno.test("PostgresDatabase.query() treats a primary turned replica as unavailable", async () => {
  await using fixture = await freshDatabase();
  await using database = new PostgresDatabase({ url: fixture.url });
  await database.start();
  await database.script("create table written (n integer)");
  await assertRejects(() =>
    database.transaction(async (sql) => {
      await sql.query("set transaction read only");
      await sql.query("insert into written values (1)");
    }), DatabaseUnavailable);
});

Deno.test("PostgresDatabase.query() rejects with the server's permission error", async () => {
  await using fixture = await freshDatabase();
  await using database = new PostgresDatabase({ url: fixture.url });
  await database.start();
  const error = await assertRejects(() =>
    database.transaction(async (sql) => {
      await sql.query("set local role pg_monitor");
      await sql.query("create schema mine");
    }), DatabaseRefused);
  assertEquals(error.code, "42501");
});

Deno.test("PostgresDatabase() rejects an invalid URL without repeating it", () => {
  for (const url of ["", "mysql://u:s3cret@h/db", "postgres//u:s3cret@h/db"]) {
    const error = assertThrows(() => new PostgresDatabase({ url }), ConfigurationError);
    assert(!error.message.includes("s3cret"));
  }
});

Deno.test("PostgresDatabase.address contains host, port and database", () => {
  const address = (url: string) => new PostgresDatabase({ url }).address;
  assertEquals(
    address("postgres://u:p@db.example:6432/app?sslmode=require"),
    "db.example:6432/app",
  );
  assertEquals(address("postgresql://u:p@db.example/app"), "db.example:5432/app");
  assertEquals(address("postgres:///app?host=/run/postgresql"), "/run/postgresql:5432/app");
});
