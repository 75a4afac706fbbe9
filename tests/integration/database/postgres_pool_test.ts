import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { PostgresDatabase, type PostgresOptions } from "../../../shared/database/postgres.ts";
import { DatabaseRefused, DatabaseUnavailable } from "../../../shared/errors.ts";
import { freshDatabase } from "../../support/servers.ts";

/** A database of its own, started. */
async function open(options: Partial<PostgresOptions> = {}) {
  await using stack = new AsyncDisposableStack();
  const { url } = stack.use(await freshDatabase());
  const database = stack.use(new PostgresDatabase({ url, ...options }));
  await database.start();
  const owned = stack.move();
  return { url, database, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

Deno.test("PostgresDatabase keeps transactions atomic when connections are killed repeatedly", async () => {
  await using fixture = await open({ max: 4 });
  const { database, url } = fixture;
  await using killer = new PostgresDatabase({ url, max: 1 });
  await killer.start();
  await database.script("create table pair (id integer, half integer)");
  let done = 0;
  let lost = 0;
  let id = 0;
  const write = async () => {
    while (lost < 20 || done < 60) {
      const own = ++id;
      try {
        await database.transaction(async (sql) => {
          await sql.query("insert into pair values ($1, 1)", [own]);
          await sql.query("insert into pair values ($1, 2)", [own]);
        });
        done++;
      } catch (error) {
        assert(error instanceof DatabaseUnavailable, String(error));
        lost++;
      }
    }
  };
  const kill = async () => {
    while (lost < 20) {
      await killer.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend' order by random() limit 1`,
      );
    }
  };
  const writers = Promise.all(Array.from({ length: 8 }, write));
  await kill();
  await writers;
  assertEquals(
    await killer.query("select id from pair group by id having count(*) <> 2"),
    [],
  );
  const [stored] = await killer.query<{ count: string }>(
    "select count(*) from pair where half = 1",
  );
  assert(Number(stored!.count) >= done);
});

Deno.test("PostgresDatabase.query() fails at once when the server closes new connections", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let accepted = 0;
  const closing = (async () => {
    for await (const connection of listener) {
      accepted++;
      connection.close();
    }
  })();
  for (const mode of ["prefer", "disable"]) {
    const url = `postgres://u@127.0.0.1:${listener.addr.port}/d?sslmode=${mode}`;
    await using database = new PostgresDatabase({ url });
    await database.start();
    const before = accepted;
    const error = await assertRejects(() => database.query("select 1"), DatabaseUnavailable);
    assertMatch(error.message, /the server closed the connection|the connection was lost/);
    assertEquals(accepted - before, 1);
  }
  listener.close();
  await closing;
});

Deno.test("PostgresDatabase.query() limits prepared statements", async () => {
  await using fixture = await open({ max: 1 });
  const { database } = fixture;
  let most = 0;
  for (let number = 1; number <= 1200; number++) {
    await database.query(`select $1::integer + ${number} as sum`, [number]);
    if (number % 100 !== 99) continue;
    const [row] = await database.query<{ count: number }>(
      "select count(*)::integer as count from pg_prepared_statements",
    );
    most = Math.max(most, row!.count);
  }
  assert(most > 1 && most <= 500, `${most}`);
});

Deno.test("PostgresDatabase.query() rejects COPY and continues", async () => {
  await using fixture = await open({ max: 1 });
  const { database } = fixture;
  await database.script("create table copied (n integer)");
  for (const statement of ["copy copied from stdin", "copy copied to stdout"]) {
    const error = await assertRejects(
      () => database.transaction((sql) => sql.query(statement)),
      DatabaseRefused,
    );
    assertStringIncludes(error.message, "Cannot run COPY");
    assertEquals(await database.query("select 1 as one"), [{ one: 1 }]);
  }
});

Deno.test("PostgresDatabase.query() distinguishes a busy pool from an unavailable server", async () => {
  await using fixture = await open({ max: 1 });
  const { database } = fixture;
  await database.transaction(async (sql) => {
    const error = await assertRejects(() => database.query("select 1"), DatabaseUnavailable);
    assertStringIncludes(error.message, "all 1 connections of this process have been in use");
    await sql.query("select 1");
  });
  assertEquals(await database.query("select 1 as one"), [{ one: 1 }]);
});

Deno.test("PostgresDatabase.query() rejects parameters that cannot be encoded, and continues", async () => {
  await using fixture = await open({ max: 1 });
  const { database } = fixture;
  const many = Array.from({ length: 70_000 }, () => 1);
  await assertRejects(() => database.query("select $1", many), RangeError);
  await assertRejects(() => database.query("select $1::date", [new Date(NaN)]), RangeError);
  assertEquals(await database.query("select 1 as one"), [{ one: 1 }]);
});

Deno.test("PostgresDatabase.query() reads arrays, dates and JSON, and accepts JSON without a cast to text", async () => {
  await using fixture = await open();
  const [row] = await fixture.database.query(
    `select $1::json as json, $2::jsonb as jsonb, array['a', null] as words, array[[1, 2], [3, 4]] as numbers,
      array[true] as truths, date '2024-02-29' as day, 'NaN'::float8 as nan`,
    ['{"a": "b"}', '[1, "x"]'],
  );
  assertEquals(row, {
    json: { a: "b" },
    jsonb: [1, "x"],
    words: ["a", null],
    numbers: [[1, 2], [3, 4]],
    truths: [true],
    day: new Date("2024-02-29T00:00:00Z"),
    nan: NaN,
  });
});
