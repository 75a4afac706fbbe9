/** What every database must do. One suite, run against each implementation. */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import type { Database } from "../../shared/database/database.ts";
import { DatabaseRefused, DatabaseUnavailable } from "../../shared/errors.ts";

/** A database that is not started, and in which nobody has made the tables of the suite's present case. */
export interface DatabaseUnderTest extends AsyncDisposable {
  readonly database: Database;
}

/** Registers the suite.
 *
 * @param name of the implementation, such as `PostgresDatabase` */
export function testDatabase(name: string, open: () => Promise<DatabaseUnderTest>): void {
  for (const [title, test] of Object.entries(CASES)) {
    Deno.test(`${name}: ${title}`, async () => {
      await using fixture = await open();
      await test(fixture.database);
    });
  }
}

const CASES: Record<string, (database: Database) => Promise<void>> = {
  async "query() returns the documented types"(database) {
    await database.start();
    const [row] = await database.query<Record<string, unknown>>(
      `select $1::text as text, $2::integer as integer, $3::float8 as float, $4::boolean as boolean, $5::text as nothing,
        $6::timestamptz as time, $7::bytea as bytes, 9007199254740993::bigint as big, '{"a": [1, null]}'::json as json`,
      [
        "ein \"Wörtchen\" \\ '🥕'",
        42,
        1.5,
        true,
        null,
        new Date(1_700_000_000_123),
        new Uint8Array([0, 1, 255]),
      ],
    );
    assertEquals(row, {
      text: "ein \"Wörtchen\" \\ '🥕'",
      integer: 42,
      float: 1.5,
      boolean: true,
      nothing: null,
      time: new Date(1_700_000_000_123),
      bytes: new Uint8Array([0, 1, 255]),
      big: "9007199254740993",
      json: { a: [1, null] },
    });
  },

  async "query() accepts arrays of text and numbers"(database) {
    await database.start();
    const words = [
      "",
      "plain",
      'quo"te',
      "back\\slash",
      "com,ma",
      "{brace}",
      "NULL",
      "🥕",
      "tab\t",
    ];
    const rows = await database.query(
      "select word, number from unnest($1::text[], $2::integer[]) as pair (word, number)",
      [words, words.map((_, index) => index - 1)],
    );
    assertEquals(rows, words.map((word, index) => ({ word, number: index - 1 })));
    assertEquals(await database.query("select from unnest($1::text[])", [[]]), []);
  },

  async "query() accepts JSON as text and keeps big integers"(database) {
    await database.start();
    const [row] = await database.query<{ kept: string }>("select ($1::text::json)::text as kept", [
      '{"big": 123456789012345678901234567890, "nul": "\\u0000"}',
    ]);
    assertEquals(row?.kept, '{"big": 123456789012345678901234567890, "nul": "\\u0000"}');
  },

  async "query() runs a prepared statement with other value types"(database) {
    await database.start();
    for (const value of [1, 2, 3, null]) {
      assertEquals(await database.query("select $1::integer as value", [value]), [{ value }]);
    }
  },

  async "query() rejects two statements in one"(database) {
    await database.start();
    await assertRejects(() => database.query("select 1; select 2"), DatabaseRefused);
  },

  async "query() rejects an invalid statement with its SQLSTATE, and continues"(database) {
    await database.start();
    for (
      const [statement, code] of [
        ["select nonsense", "42703"],
        ["select * from nowhere", "42P01"],
        ["select '{'::json", "22P02"],
        ["select 1 / 0", "22012"],
      ] as const
    ) {
      const error = await assertRejects(() => database.query(statement), DatabaseRefused);
      assertEquals(error.code, code);
    }
    await database.script("create table only_one (id integer primary key)");
    await database.query("insert into only_one values ($1)", [1]);
    const twice = await assertRejects(
      () => database.query("insert into only_one values ($1)", [1]),
      DatabaseRefused,
    );
    assertEquals(twice.code, "23505");
    const nul = await assertRejects(
      () => database.query("select $1::text", ["a\0b"]),
      DatabaseRefused,
    );
    assertEquals(nul.code, "22021");
    assertEquals(await database.query("select 1 as one"), [{ one: 1 }]);
  },

  async "query() runs concurrently, each call with its own result"(database) {
    await database.start();
    const numbers = Array.from({ length: 50 }, (_, index) => index);
    const rows = await Promise.all(
      numbers.map((number) => database.query<{ n: number }>("select $1::integer as n", [number])),
    );
    assertEquals(rows.map(([row]) => row?.n), numbers);
  },

  async "script() runs several statements, including functions with semicolons"(database) {
    await database.start();
    await database.script(`
      create table counted (n integer);
      create function count_up() returns integer language plpgsql as $$
      begin
        insert into counted values (1);
        return (select count(*) from counted);
      end
      $$;
      select count_up();
      -- the end`);
    assertEquals(await database.query("select count_up() as n"), [{ n: 2 }]);
  },

  async "transaction() commits its writes"(database) {
    await database.start();
    const result = await database.transaction(async (sql) => {
      await sql.script("create table kept (n integer); insert into kept values (1)");
      await sql.query("insert into kept values ($1)", [2]);
      return "done";
    });
    assertEquals(result, "done");
    assertEquals(await database.query("select n from kept order by n"), [{ n: 1 }, { n: 2 }]);
  },

  async "transaction() rolls back and rethrows when its callback throws"(database) {
    await database.start();
    await database.script("create table undone (n integer)");
    const boom = new Error("boom");
    const caught = await database.transaction(async (sql) => {
      await sql.query("insert into undone values (1)");
      throw boom;
    }).catch((error) => error);
    assert(caught === boom);
    const failed = await assertRejects(
      () =>
        database.transaction(async (sql) => {
          await sql.query("insert into undone values (2)");
          await sql.query("select 1 / 0");
        }),
      DatabaseRefused,
    );
    assertEquals(failed.code, "22012");
    assertEquals(await database.query("select n from undone"), []);
  },

  async "transaction() rejects when a swallowed error rolled it back"(database) {
    await database.start();
    await database.script("create table swallowed (n integer)");
    const work = database.transaction(async (sql) => {
      await sql.query("insert into swallowed values (1)");
      await sql.query("select 1 / 0").catch(() => {});
    });
    const error = await assertRejects(() => work, DatabaseRefused);
    assertEquals(error.code, "25P02");
    assertEquals(await database.query("select n from swallowed"), []);
  },

  async "transaction() hides its writes from others until it commits"(database) {
    await database.start();
    await database.script("create table hidden (n integer)");
    const written = Promise.withResolvers<void>();
    const look = Promise.withResolvers<void>();
    const writing = database.transaction(async (sql) => {
      await sql.query("insert into hidden values (1)");
      written.resolve();
      await look.promise;
    });
    await written.promise;
    const reading = database.query<{ n: number }>("select n from hidden");
    look.resolve();
    await writing;
    // A server answers at once with nothing; an engine of one connection answers after the commit.
    const rows = await reading;
    assert(rows.length === 0 || rows[0]?.n === 1);
    assertEquals(await database.query("select n from hidden"), [{ n: 1 }]);
  },

  async "query() fails before start() and after stop(); both are idempotent"(
    database,
  ) {
    await assertRejects(() => database.query("select 1"), DatabaseUnavailable);
    await database.stop();
    await database.start();
    await database.start();
    assertEquals(await database.query("select 1 as one"), [{ one: 1 }]);
    await database.stop();
    await database.stop();
    const error = await assertRejects(() => database.transaction((sql) => sql.query("select 1")));
    assertInstanceOf(error, DatabaseUnavailable);
    assert(error.message.includes(database.address));
  },
};
