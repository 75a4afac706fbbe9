/** Compares what the client was promised with what Postgres holds.
 * @module
 */
import type { Expectation } from "./workload.ts";

/** Runs a statement on the database under test. */
export interface QueryRunner {
  rows<Row extends Record<string, unknown>>(
    statement: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
}

/** How many tasks are not as they must be. */
export interface Reckoning {
  /** Final, but neither SUCCESS nor expired in time. */
  readonly failed: number;
  /** SUCCESS with another result than the tasks before it lead to. */
  readonly wrong: number;
  /** Started before they were due, or expired too early. */
  readonly early: number;
  /** Effects beyond the first of a task, or of a task that nobody was promised. */
  readonly doubled: number;
  /** SUCCESS, but no effect. */
  readonly withoutEffect: number;
  /** Attempts that nothing but a fault explains, or a crash. */
  readonly spent: number;
  /** Rows that were added to the outbox, for each task that was accepted. */
  readonly outboxRows: number;
  /** Longest time without any task being finished, seconds. */
  readonly longestPause: number;
}

/** Effects have no key: what happens twice is there twice. */
const createEffects = `
  create table chaos_effect (task_id text not null, at timestamptz not null default clock_timestamp())`;

const createLedger = `
  create table chaos_ledger (
    id text primary key, effect boolean, record boolean, retries integer, value bigint, due timestamptz, expires timestamptz
  )`;

const truncateTables = "truncate chaos_effect, chaos_ledger";

/** Statistics of this table alone. */
const resetOutbox = "select pg_stat_reset_single_table_counters('celeriac.outbox'::regclass)";

const insertLedger = `
  insert into chaos_ledger
  select id, effect, record, retries, value, to_timestamp(due / 1000.0), to_timestamp(expires / 1000.0)
  from json_to_recordset($1::json) as line (
    id text, effect boolean, record boolean, retries integer, value bigint, due float8, expires float8
  )`;

const selectLost = `
  select ledger.id from chaos_ledger as ledger left join celeriac.task using (id)
  where finished_at is null and (record or task.id is not null)`;

const selectReckoning = `
  with effects as (
    select task_id as id, count(*) as times, min(at) as first from chaos_effect group by task_id
  ), known as (
    select ledger.*, state, finished_at, result, task.retries as tried, coalesce(times, 0) as times, first,
      state = 'REVOKED' and expires is not null as expired,
      exists (select from celeriac.crash where task_id = ledger.id and runs > 0) as crashed
    from chaos_ledger as ledger left join celeriac.task using (id) left join effects using (id)
  )
  select
    (count(*) filter (where finished_at is not null and state <> 'SUCCESS' and not expired))::int as failed,
    (count(*) filter (where state = 'SUCCESS' and (result #>> '{}')::bigint <> value))::int as wrong,
    (count(*) filter (where first < due or expired and finished_at < expires))::int as early,
    (coalesce(sum(times - 1) filter (where times > 1), 0)
      + (select coalesce(sum(times), 0) from effects where id not in (select id from chaos_ledger)))::int as doubled,
    (count(*) filter (where state = 'SUCCESS' and effect and times = 0))::int as "withoutEffect",
    (count(*) filter (where record and (tried > retries or crashed)))::int as spent,
    (select n_tup_ins::float8 from pg_stat_user_tables where relid = 'celeriac.outbox'::regclass) / count(*) as "outboxRows",
    (select coalesce(max(extract(epoch from gap)), 0)::float8 from (
      select finished_at - lag(finished_at) over (order by finished_at) as gap from known where finished_at is not null
    ) as gaps) as "longestPause"
  from known`;

/** Makes the tables of effects and of what was promised. */
export async function prepareReckoning(system: QueryRunner): Promise<void> {
  await system.rows(createEffects);
  await system.rows(createLedger);
}

/** Forgets what earlier runs left. */
export async function beginReckoning(system: QueryRunner): Promise<void> {
  await system.rows(truncateTables);
  await system.rows(resetOutbox);
}

/** Takes over what the client was promised. */
export async function expectTasks(
  system: QueryRunner,
  accepted: readonly Expectation[],
): Promise<void> {
  await system.rows(insertLedger, [JSON.stringify(accepted)]);
}

/** @returns ids of tasks that are not final */
export async function lostTasks(system: QueryRunner): Promise<string[]> {
  return (await system.rows<{ id: string }>(selectLost)).map(({ id }) => id);
}

/** Counts. */
export async function reckon(system: QueryRunner): Promise<Reckoning> {
  const [row] = await system.rows<Reckoning & Record<string, unknown>>(selectReckoning);
  return row!;
}
