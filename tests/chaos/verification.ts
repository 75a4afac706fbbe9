/** Compares the accepted tasks with the records in Postgres.
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

/** Number of tasks that violate a guarantee. */
export interface Violations {
  /** Final, but neither SUCCESS nor expired in time. */
  readonly failed: number;
  /** SUCCESS with a wrong result. */
  readonly wrong: number;
  /** Started before they were due, or expired too early. */
  readonly early: number;
  /** Repeated effects of a task, or effects of a task that was not accepted. */
  readonly doubled: number;
  /** SUCCESS, but no effect. */
  readonly withoutEffect: number;
  /** Crashes, and attempts that only a fault explains. */
  readonly spent: number;
  /** Outbox rows for each accepted task. */
  readonly outboxRows: number;
  /** Longest time in which no task was finished, seconds. */
  readonly longestPause: number;
}

/** Effects have no key: a repeated effect is a second row. */
const createEffects = `
  create table chaos_effect (task_id text not null, at timestamptz not null default clock_timestamp())`;

const createExpectations = `
  create table chaos_expectation (
    id text primary key, effect boolean, record boolean, retries integer, value bigint, due timestamptz, expires timestamptz
  )`;

const truncateTables = "truncate chaos_effect, chaos_expectation";

/** Resets the statistics of this table only. */
const resetOutbox = "select pg_stat_reset_single_table_counters('celeriac.outbox'::regclass)";

const insertExpectations = `
  insert into chaos_expectation
  select id, effect, record, retries, value, to_timestamp(due / 1000.0), to_timestamp(expires / 1000.0)
  from json_to_recordset($1::json) as line (
    id text, effect boolean, record boolean, retries integer, value bigint, due float8, expires float8
  )`;

const selectLost = `
  select expected.id from chaos_expectation as expected left join celeriac.task using (id)
  where finished_at is null and (record or task.id is not null)`;

const selectViolations = `
  with effects as (
    select task_id as id, count(*) as times, min(at) as first from chaos_effect group by task_id
  ), known as (
    select expected.*, state, finished_at, result, task.retries as tried, coalesce(times, 0) as times, first,
      state = 'REVOKED' and expires is not null as expired,
      exists (select from celeriac.crash where task_id = expected.id and runs > 0) as crashed
    from chaos_expectation as expected left join celeriac.task using (id) left join effects using (id)
  )
  select
    (count(*) filter (where finished_at is not null and state <> 'SUCCESS' and not expired))::int as failed,
    (count(*) filter (where state = 'SUCCESS' and (result #>> '{}')::bigint <> value))::int as wrong,
    (count(*) filter (where first < due or expired and finished_at < expires))::int as early,
    (coalesce(sum(times - 1) filter (where times > 1), 0)
      + (select coalesce(sum(times), 0) from effects where id not in (select id from chaos_expectation)))::int as doubled,
    (count(*) filter (where state = 'SUCCESS' and effect and times = 0))::int as "withoutEffect",
    (count(*) filter (where record and (tried > retries or crashed)))::int as spent,
    (select n_tup_ins::float8 from pg_stat_user_tables where relid = 'celeriac.outbox'::regclass) / count(*) as "outboxRows",
    (select coalesce(max(extract(epoch from gap)), 0)::float8 from (
      select finished_at - lag(finished_at) over (order by finished_at) as gap from known where finished_at is not null
    ) as gaps) as "longestPause"
  from known`;

/** Creates the tables of effects and of expected tasks. */
export async function prepareVerification(system: QueryRunner): Promise<void> {
  await system.rows(createEffects);
  await system.rows(createExpectations);
}

/** Deletes the data of earlier runs. */
export async function resetVerification(system: QueryRunner): Promise<void> {
  await system.rows(truncateTables);
  await system.rows(resetOutbox);
}

/** Inserts the expected tasks. */
export async function expectTasks(
  system: QueryRunner,
  accepted: readonly Expectation[],
): Promise<void> {
  await system.rows(insertExpectations, [JSON.stringify(accepted)]);
}

/** @returns ids of tasks that are not final */
export async function lostTasks(system: QueryRunner): Promise<string[]> {
  return (await system.rows<{ id: string }>(selectLost)).map(({ id }) => id);
}

/** Counts the violations. */
export async function countViolations(system: QueryRunner): Promise<Violations> {
  const [row] = await system.rows<Violations & Record<string, unknown>>(selectViolations);
  return row!;
}
