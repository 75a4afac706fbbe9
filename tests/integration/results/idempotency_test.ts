import { assertEquals } from "@std/assert";
import { Idempotency } from "../../../shared/results/idempotency.ts";
import { migratedPostgres } from "../../support/migrated.ts";

Deno.test("begin() returns a key's first id and detects another body", async () => {
  await using fixture = await migratedPostgres();
  const keys = new Idempotency(fixture);
  assertEquals(await keys.begin("k", "hash", "one"), { id: "one", fresh: true, published: false });
  assertEquals(await keys.begin("k", "hash", "two"), { id: "one", fresh: false, published: false });
  assertEquals(await keys.begin("k", "other", "three"), "mismatch");
  assertEquals(await keys.begin("K", "other", "four"), {
    id: "four",
    fresh: true,
    published: false,
  });
  await keys.published(["k", "unknown"]);
  await keys.published([]);
  assertEquals(await keys.begin("k", "hash", "five"), { id: "one", fresh: false, published: true });
});

Deno.test("begin() returns one id to concurrent callers", async () => {
  await using fixture = await migratedPostgres();
  const keys = new Idempotency(fixture);
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, index) => keys.begin("k", "hash", `id-${index}`)),
  );
  const ids = new Set(answers.map((answer) => answer === "mismatch" ? answer : answer.id));
  assertEquals(ids.size, 1);
  assertEquals(answers.filter((answer) => answer !== "mismatch" && answer.fresh).length, 1);
});

Deno.test("begin() treats an expired key as new", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const keys = new Idempotency({ database });
  await keys.begin("k", "hash", "one");
  await database.query("select celeriac.expire_keys('0 s', 10)");
  assertEquals(await keys.begin("k", "other", "two"), { id: "two", fresh: true, published: false });
});

Deno.test("keys are found by index, also if the table was empty when they were first looked up", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await database.query("vacuum analyze celeriac.idempotency");
  await database.transaction(async (sql) => {
    const keys = new Idempotency({ database: sql });
    const read = async () => {
      const [row] = await sql.query<{ rows: number }>(
        "select seq_tup_read::integer as rows from pg_stat_xact_user_tables where relname = 'idempotency'",
      );
      return row?.rows ?? 0;
    };
    for (let round = 0; round < 10; round++) await keys.published(["none"]);
    await sql.query(
      "insert into celeriac.idempotency (key, body_hash, task_id) select n, '', n from generate_series(1, 5000) as n",
    );
    const before = await read();
    await keys.published(["17"]);
    await keys.begin("17", "", "new");
    assertEquals(await read() - before, 0);
  });
});
