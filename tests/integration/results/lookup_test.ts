/** The functions that read records and events by their ids, on an embedded database. */
import { assert, assertEquals } from "@std/assert";
import { v4 } from "uuid";
import type { Sql } from "../../../shared/database/database.ts";
import { migratedPglite } from "../../support/migrated.ts";

const FILL = `
  insert into celeriac.task (id, name)
  select celeriac.day_bound(((now() at time zone 'UTC')::date + number % 5)::date) || '-7000-8000-' || lpad(to_hex(number), 12, '0'), 'add'
  from generate_series(1, 2000) as number`;

async function plan(sql: Sql, statement: string, parameters: unknown[] = []): Promise<string[]> {
  const rows = await sql.query(`explain ${statement}`, parameters as never);
  return rows.map((row) => Object.values(row).join());
}

/** Relations that a plan reads, and how. */
const scansOf = (lines: readonly string[]) =>
  lines.filter((line) => /Scan.* on (task|event)_/.test(line) || /Bitmap Index Scan/.test(line));

Deno.test("celeriac.tasks() and celeriac.events() find few and many ids in any partition", async () => {
  await using fixture = await migratedPglite();
  const { database } = fixture;
  await database.query("select celeriac.make_partitions(10)");
  await database.query(FILL);
  await database.query("insert into celeriac.task (id) values ('a'), ($1)", [v4()]);
  await database.query(
    `insert into celeriac.event (key, source, id, type, event)
     select id, '/s', id, 't', '{}' from celeriac.task`,
  );
  const known =
    (await database.query<{ id: string }>("select id from celeriac.task order by md5(id)"))
      .map(({ id }) => id);
  for (const count of [0, 1, 2, 4, 5, 6, 500, 2002]) {
    const ids = known.slice(0, count);
    const given = ["unknown", ...ids, "01"].slice(count <= 4 ? 1 : 0, count <= 4 ? -1 : undefined);
    const tasks = await database.query<{ id: string }>("select id from celeriac.tasks($1)", [
      given,
    ]);
    assertEquals(tasks.map(({ id }) => id).toSorted(), ids.toSorted());
    const events = await database.query<{ id: string }>("select id from celeriac.events($1)", [
      given,
    ]);
    assertEquals(events.map(({ id }) => id).toSorted(), ids.toSorted());
  }
  assertEquals(await database.query("select id from celeriac.tasks(null)"), []);
});

Deno.test("celeriac.tasks() reads only the partitions of its ids, by the primary key, also if they were empty when analyzed", async () => {
  await using fixture = await migratedPglite();
  const { database } = fixture;
  await database.query("select celeriac.make_partitions(10)");
  await database.script("vacuum analyze celeriac.task");
  await database.query(FILL);
  const ids = (await database.query<{ id: string }>(
    "select id from celeriac.task where id < celeriac.day_bound((now() at time zone 'UTC')::date + 2) limit 100",
  )).map(({ id }) => id);
  await database.transaction(async (sql) => {
    // As in celeriac.tasks().
    await sql.query("set local enable_seqscan = off");
    const many = scansOf(await plan(sql, "select * from celeriac.task where id = any($1)", [ids]));
    assert(many.length >= 1 && many.length <= 4, many.join("\n"));
    assertEquals(many.filter((line) => /Index/.test(line) && !/_pkey/.test(line)), []);
    await sql.query("set local plan_cache_mode = force_generic_plan");
    await sql.query("prepare one (text) as select * from celeriac.task where id = $1 limit 1");
    const one = await plan(sql, `execute one ('${ids[0]}')`);
    assertEquals(scansOf(one).map((line) => /_pkey/.test(line)), [true]);
    assert(one.some((line) => /Subplans Removed: \d\d/.test(line)), one.join("\n"));
  });
});
