/** The rows of the lists, and completions that are rows. */
import { assert, assertEquals } from "@std/assert";
import { COMMON, insertRecords, RARE } from "../../bench/measurements/many_records.ts";
import { insertRows, RARE_ROW } from "../../bench/measurements/many_rows.ts";
import { RECORDS } from "../../bench/systems/celeriac.ts";
import { completionsOf } from "../../bench/systems/completions.ts";
import { migratedPglite } from "../../support/migrated.ts";

Deno.test("insertRecords() fills the partition of today, with one record for each rare value", async () => {
  await using fixture = await migratedPglite();
  const { database } = fixture;
  await insertRecords(database, 2_000);
  const [found] = await database.query<Record<string, number | string>>(
    `select count(*)::int as records, count(distinct tableoid)::int as partitions,
      min(tableoid::regclass::text) as partition, min(length(id)) as shortest, max(length(id)) as longest,
      (count(*) filter (where name = $1))::int as names, (count(*) filter (where queue = $2))::int as queues,
      (count(*) filter (where worker = $3))::int as workers, (count(*) filter (where state = $4))::int as states,
      (count(*) filter (where name = $5 and state = $6))::int as common
    from celeriac.task`,
    [RARE.name, RARE.queue, RARE.worker, RARE.state, COMMON.name, COMMON.state],
  );
  const { partition, ...counts } = found ?? {};
  assert(/task_\d{8}$/.test(`${partition}`), `${partition}`);
  assertEquals(counts, {
    records: 2_000,
    partitions: 1,
    shortest: 36,
    longest: 36,
    names: 1,
    queues: 1,
    workers: 1,
    states: 1,
    common: 1_998,
  });
});

Deno.test("insertRows() fills the other tables and 72 hours of series, with one row for each rare value", async () => {
  await using fixture = await migratedPglite();
  const { database } = fixture;
  await insertRows(database, 10);
  const [found] = await database.query<Record<string, number>>(
    `select (select count(*) from celeriac.event)::int as events,
      (select count(*) from celeriac.event where type = $1)::int as rare_events,
      (select count(*) from celeriac.audit where action = $2)::int as rare_entries,
      (select count(*) from celeriac.dead_letter where reason = $3 and body = '[[],{},{}]')::int as rare_letters,
      (select count(*) from celeriac.workflow)::int as workflows,
      (select count(distinct minute) from celeriac.series)::int as minutes,
      (select count(distinct minute) from celeriac.series_span)::int as spans`,
    [RARE_ROW.type, RARE_ROW.action, RARE_ROW.reason],
  );
  assertEquals(found, {
    events: 10,
    rare_events: 1,
    rare_entries: 1,
    rare_letters: 1,
    workflows: 10,
    minutes: 72 * 60,
    spans: 72 * 3 + 1,
  });
});

Deno.test("completionsOf() counts completed tasks and reads the time of the last one", async () => {
  await using fixture = await migratedPglite();
  const { database } = fixture;
  const { finished, lastFinishedMs } = completionsOf(database, RECORDS);
  assertEquals([await finished(), await lastFinishedMs()], [0, NaN]);
  await database.query(
    `insert into celeriac.task (id, state, finished_at) values
      ('a', 'SUCCESS', '2026-11-30T12:00:00.250Z'), ('b', 'SUCCESS', '2026-11-30T11:00:00Z'),
      ('c', 'PENDING', null)`,
  );
  assertEquals([await finished(), await lastFinishedMs()], [
    2,
    Date.parse("2026-11-30T12:00:00.250Z"),
  ]);
});
