import { assert, assertEquals } from "@std/assert";
import { readFilter } from "../../../api/reading/task_filter.ts";
import type { Database, Parameter, Sql } from "../../../shared/database/database.ts";
import { NATIVE } from "../../../shared/results/native.sql.ts";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import type { RecordFilter, State } from "../../../shared/results/result.ts";
import { migratedPostgres } from "../../support/migrated.ts";

/** Ids of records made `seconds` apart, the newest first; every third is not a UUIDv7, and five at a time are of one moment. */
const FILL = `
  insert into celeriac.task (id, name, state, queue, worker, created_at, finished_at)
  select
    case when n % 3 = 0 then md5(n::text)::uuid::text
      else '0' || substr(celeriac.day_bound((now() at time zone 'UTC')::date), 2) || '-7' || lpad(to_hex(n), 3, '0') || '-8000-' || lpad(to_hex(n), 12, '0') end,
    'task.' || n % 4, (array['SUCCESS', 'FAILURE', 'PENDING'])[1 + n % 3], 'celeriac.q' || n % 2, 'w' || n % 5,
    timestamptz '2026-01-01 00:00:00.000001Z' + (n / 5) * interval '1 second', now()
  from generate_series(0, $1 - 1) as n`;

async function all(
  store: PostgresResultStore,
  filter: RecordFilter,
  limit: number,
  { oldestFirst = false } = {},
): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const options = { limit, oldestFirst, ...(cursor !== undefined && { cursor }) };
    const page = await store.list(filter, options);
    assert(page.records.length <= limit);
    ids.push(...page.records.map(({ id }) => id));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return ids;
}

/** Pages of tables and indexes that a statement reads. */
async function pagesRead(
  database: Database,
  statement: string,
  parameters: readonly Parameter[],
): Promise<number> {
  const [plan] = await database.query<{ "QUERY PLAN": [{ Plan: Record<string, number> }] }>(
    `explain (analyze, buffers, format json) ${statement}`,
    parameters,
    { replan: true },
  );
  const { "Shared Hit Blocks": hit = 0, "Shared Read Blocks": read = 0 } =
    plan!["QUERY PLAN"][0].Plan;
  return hit + read;
}

async function expected(database: Database, condition: string): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `select id from celeriac.task where ${condition} order by created_at desc, id desc`,
  );
  return rows.map(({ id }) => id);
}

Deno.test("list() returns each record once, newest first, for any page size", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  assertEquals(await store.list({}, { limit: 10 }), { records: [], next: null });
  await database.query(FILL, [120]);
  const ids = await expected(database, "true");
  assertEquals(ids.length, 120);
  for (const limit of [1, 7, 119, 120, 121, 1000]) assertEquals(await all(store, {}, limit), ids);
  const oldestFirst = await all(store, {}, 7, { oldestFirst: true });
  assertEquals(oldestFirst, ids.toReversed());
  const page = await store.list({}, { limit: 120 });
  assertEquals(page.next, null);
});

Deno.test("list() filters by name, state, queue, worker and time, alone and together", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  await database.query(FILL, [120]);
  const pending = await expected(database, "state = 'PENDING'");
  const waiting = await all(store, { state: "PENDING" }, 7, { oldestFirst: true });
  assertEquals(waiting, pending.toReversed());
  const since = new Date("2026-01-01T00:00:05Z");
  const until = new Date("2026-01-01T00:00:15.001Z");
  const cases: [RecordFilter, string][] = [
    [{ name: "task.1" }, "name = 'task.1'"],
    [{ queue: "celeriac.q1" }, "queue = 'celeriac.q1'"],
    [{ worker: "w4" }, "worker = 'w4'"],
    [
      { name: "task.1", worker: "w4", state: "FAILURE" },
      "name = 'task.1' and worker = 'w4' and state = 'FAILURE'",
    ],
    [{ since }, "created_at >= '2026-01-01 00:00:05Z'"],
    [{ until }, "created_at < '2026-01-01 00:00:15.001Z'"],
    [
      { since, until, queue: "celeriac.q0", state: "PENDING" },
      "created_at >= '2026-01-01 00:00:05Z' and created_at < '2026-01-01 00:00:15.001Z' and queue = 'celeriac.q0' and state = 'PENDING'",
    ],
    [{ name: "nothing" }, "false"],
    [{ name: "'; drop table celeriac.task; --" }, "false"],
    ...(["SUCCESS", "FAILURE", "PENDING", "RETRY"] satisfies State[])
      .map((state): [RecordFilter, string] => [{ state }, `state = '${state}'`]),
  ];
  for (const [filter, condition] of cases) {
    const ids = await expected(database, condition);
    for (const limit of [3, 50]) assertEquals(await all(store, filter, limit), ids, condition);
  }
});

/** Labels, callers and absent names for some of the filled records. */
const EXTEND = `
  update celeriac.task set
    name = case right(id, 1) when '1' then null when '2' then 'Mail_%\\x' else name end,
    worker = case right(id, 1) when '3' then null else worker end,
    submitted_by = case right(id, 1) when '4' then 'key:a' when '5' then 'jwt:b' end,
    labels = case right(id, 1)
      when '6' then '{"order": "7"}'::jsonb when '7' then '{"order": ["7", "8"]}' when '8' then '{"order": "x_%"}'
    end`;

Deno.test("list() finds the same records by conditions as a check of each record", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  await database.query(FILL, [240]);
  await database.script(EXTEND);
  const { records } = await store.list({}, { limit: 1000 });
  const [{ id } = { id: "" }] = records;
  const texts = [
    "state:failure,pending",
    "-state:success",
    "-state:failure",
    "state:failure state:pending",
  ]
    .concat(
      "-name:task.1",
      "name:task.1,task.2",
      "name:task.*",
      "name:*_%*",
      "-name:*k.1",
      "queue:*1,x",
    )
    .concat(
      "-worker:w1",
      "worker:w1,w2 -state:pending",
      "by:key:*",
      "-by:key:*",
      `id:${id}`,
      `-id:${id}`,
      id,
    )
    .concat(
      "label.order:7,9",
      "label.order:*",
      "-label.order:7",
      "label.order:x_%,y",
      "label.order:*_*",
    )
    .concat(
      "-label.none:x",
      "TASK",
      "-task",
      "nothing",
      "_%",
      "l_%\\",
      "-mail state:failure,pending",
      "**",
    );
  for (const text of texts) {
    const { stored, matches } = readFilter(text, new Date());
    const ids = records.filter(matches).map((record) => record.id);
    for (const limit of [7, 1000]) assertEquals(await all(store, stored, limit), ids, text);
  }
});

Deno.test("list() checks at most the given number of rows without an index, and continues there", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  await database.query(FILL, [15_000]);
  const { stored } = readFilter("nothing", new Date());
  const options = { limit: 10, searchMax: 10_000 };
  const searched: unknown[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await store.list(stored, cursor ? { ...options, cursor } : options);
    assertEquals(page.records, []);
    searched.push(page.searched);
    cursor = page.next;
  } while (cursor !== null);
  assertEquals(searched, [10_000, undefined]);
  // If enough rows match, the others are not read.
  const { statement, parameters } = NATIVE.statements().listing({
    filter: readFilter("-name:task.1", new Date()).stored,
    window: 10_000,
    limit: 4,
    after: undefined,
    results: false,
  });
  const pages = await pagesRead(database, statement, parameters);
  assert(pages < 150, `${pages} pages`);
});

Deno.test("list() finds rare records without skipping a page", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  await database.query(FILL, [60_000]);
  await database.script(`
    update celeriac.task set name = 'rare' where id in (
      (select id from celeriac.task order by created_at limit 2)
      union all (select id from celeriac.task order by created_at offset 30000 limit 1)
    )`);
  const ids = await expected(database, "name = 'rare'");
  assertEquals(ids.length, 3);
  assertEquals(await all(store, { name: "rare" }, 2), ids);
  assertEquals(await all(store, { name: "nobody" }, 2), []);
});

Deno.test("list() reads the newest records, and those without SUCCESS, by an index", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await database.query(FILL, [30_000]);
  await database.script(
    "update celeriac.task set state = 'SUCCESS' where worker <> 'w1' or state <> 'FAILURE'",
  );
  await database.query("vacuum analyze celeriac.task");
  const after = { time: "2026-01-01T00:05:00.000000Z", id: "x" };
  for (const filter of [{}, { state: "FAILURE" }] satisfies RecordFilter[]) {
    const { statement, parameters } = NATIVE.statements().listing({
      filter,
      window: 100,
      limit: 100,
      after,
      results: false,
    });
    const plan = await database.query<{ line: string }>(`explain ${statement}`, parameters);
    const today = plan.map((row) => Object.values(row).join()).filter((line) =>
      /Scan.*task_foreign_high/.test(line)
    );
    assertEquals(today.length, 1);
    assert(
      today[0]!.includes(filter.state ? "_state_created_at_id_idx " : "_created_at_id_idx "),
      today[0],
    );
  }
});

Deno.test("celeriac.tasks() and celeriac.claim() look into an index, also when it was planned while the table was empty", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await database.query("vacuum analyze celeriac.task");
  const id = "ffffffff-0000-4000-8000-000000000000";
  const read = async (sql: Sql) => {
    const [row] = await sql.query<{ scans: string }>(
      "select sum(seq_scan)::text as scans from pg_stat_xact_user_tables where relname like 'task%'",
    );
    return Number(row?.scans);
  };
  await database.transaction(async (sql) => {
    const { states, claim } = NATIVE.statements();
    const lookUp = async () => {
      for (const ids of [[id], [id, "b", "c", "d", "e"]]) {
        await sql.query(states, [ids]);
        await sql.query(claim, ["node@test", ids, ids.map(() => 0)]);
      }
    };
    for (let round = 0; round < 10; round++) await lookUp();
    await sql.query(FILL, [2000]);
    const before = await read(sql);
    await lookUp();
    assertEquals(await read(sql), before);
    await sql.query("select from celeriac.task where name = 'x'");
    assert(await read(sql) > before, "the measure measures nothing");
  });
});

Deno.test("tasks are looked up by the primary key, also in partitions that were vacuumed while they were empty", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await database.query("vacuum analyze celeriac.task");
  await database.transaction(async (sql) => {
    // As in celeriac.tasks().
    await sql.query("set local enable_seqscan = off");
    const plan = await sql.query(
      "explain select * from celeriac.task where id = any(array['a', 'b', '01900000-0000'])",
    );
    const scans = plan.map((row) => Object.values(row).join()).filter((line) =>
      /(Index.*|Seq) Scan/.test(line)
    );
    assert(scans.length > 0);
    assertEquals(scans.filter((line) => !line.includes("_pkey")), []);
  });
});

Deno.test("celeriac.tasks() reads a few pages for each id of a partition that was vacuumed while it was empty", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await database.query("vacuum analyze celeriac.task");
  await database.transaction(async (sql) => {
    const explain =
      "explain (analyze, buffers, format json) select * from celeriac.tasks($1::text[])";
    // Often enough that the server keeps the function's plan.
    for (let round = 0; round < 10; round++) await sql.query(explain, [["01900000"]]);
    await sql.query(FILL, [30_000]);
    const ids = await sql.query<{ id: string }>(
      "select id from celeriac.task where id like '01%' order by md5(id) limit 10",
    );
    const [plan] = await sql.query<{ "QUERY PLAN": [{ Plan: Record<string, number> }] }>(explain, [
      ids.map(({ id }) => id),
    ]);
    const { "Actual Rows": rows, "Shared Hit Blocks": hit = 0, "Shared Read Blocks": read = 0 } =
      plan!["QUERY PLAN"][0].Plan;
    assertEquals(rows, 10);
    // 4 for each, and those of the catalog. Ten scans of the index read 1,500.
    assert(hit + read < 200, `${hit + read} pages read`);
  });
});

Deno.test("list() reads few pages to find rare or absent records by any filter", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await database.query(FILL, [30_000]);
  await database.script(`
    update celeriac.task set name = 'rare', queue = 'celeriac.rare', worker = 'rare', state = 'RETRY'
    where id in (select id from celeriac.task order by created_at limit 3)`);
  const [pages] = await database.query<{ count: number }>(
    "select sum(pg_relation_size(oid) / 8192)::integer as count from pg_class where relname like 'task\\_%' and relkind = 'r'",
  );
  assert(pages!.count > 400);
  for (const value of ["rare", "absent"]) {
    const filters: RecordFilter[] = [
      { name: value },
      { queue: value === "rare" ? "celeriac.rare" : value },
      { worker: value },
      { name: value, worker: value },
      { name: value, state: "SUCCESS" },
      { name: value, state: "PENDING" },
      { state: value === "rare" ? "RETRY" : "REVOKED" },
      { states: value === "rare" ? ["RETRY", "REVOKED"] : ["STARTED", "PROGRESS", "REVOKED"] },
      { name: value, until: new Date() },
    ];
    // Each record that is found costs some pages: the oldest of many pending ones must cost no more.
    const few = { filter: { state: "PENDING" }, window: 3, limit: 3 } as const;
    const oldest = { ...few, oldestFirst: true };
    for (const one of [...filters.map((filter) => ({ filter })), few, oldest]) {
      const { statement, parameters } = NATIVE.statements().listing({
        window: 51,
        limit: 51,
        ...one,
        after: undefined,
        results: false,
      });
      const read = await pagesRead(database, statement, parameters);
      assert(read < 150, `${read} pages for ${JSON.stringify(one)}`);
    }
  }
});
