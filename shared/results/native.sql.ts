/** The store's statements for our own schema (database/migrations). Each takes many rows at once, as one JSON text: measured against arrays,
 * it costs the client a third and the server no more. */
import { ENTRY_COLUMNS, ENTRY_VALUES } from "../outbox.ts";
import type { RecordFilter } from "./result.ts";

/** The columns of a record, in a shape that survives the way to JavaScript. */
const RECORD = `
  id, name, state, queue, worker, args_repr, kwargs_repr, result::text as result, exception, traceback,
  retries, deliveries, submitted_at, started_at, finished_at, updated_at`;

/** `$1`: submissions. */
export const SUBMITTED = `
  insert into celeriac.task (id, name, queue, args_repr, kwargs_repr, submitted_at)
  select id, name, queue, args_repr, kwargs_repr, submitted_at
  from json_to_recordset($1::text::json) as submission (
    id text, name text, queue text, args_repr text, kwargs_repr text, submitted_at timestamptz
  )
  on conflict do nothing`;

/** `$1`: settlements, each id once; `$2`: outbox entries. Returns the ids whose state was taken.
 *
 * A final row is never touched. A row only goes forward: to a final state, to a later attempt, or within an attempt from waiting
 * (PENDING, RETRY) to running (STARTED, PROGRESS, where a new run of a redelivered attempt starts again). An entry is stored only with
 * the state that brought it. All times are the database's: the run's age, not its start, comes from the worker. */
export const SETTLE = `
  with taken as (
    insert into celeriac.task as task (
      id, name, state, queue, worker, args_repr, kwargs_repr, result, exception, traceback,
      retries, deliveries, started_at, finished_at, updated_at
    )
    select id, name, state, queue, worker, args_repr, kwargs_repr, result::json, exception::json, traceback,
      retries, 1, now() - age * interval '1 second',
      case when state in ('SUCCESS', 'FAILURE', 'REVOKED') then now() end, now()
    from json_to_recordset($1::text::json) as settlement (
      id text, name text, state text, queue text, worker text, args_repr text, kwargs_repr text,
      result text, exception text, traceback text, retries integer, age float8
    )
    on conflict (id) do update set
      name = coalesce(excluded.name, task.name),
      state = excluded.state,
      queue = coalesce(excluded.queue, task.queue),
      worker = excluded.worker,
      args_repr = coalesce(excluded.args_repr, task.args_repr),
      kwargs_repr = coalesce(excluded.kwargs_repr, task.kwargs_repr),
      result = excluded.result,
      exception = excluded.exception,
      traceback = excluded.traceback,
      retries = greatest(excluded.retries, task.retries),
      deliveries = case excluded.state when 'RETRY' then 0 else greatest(task.deliveries, 1) end,
      started_at = coalesce(excluded.started_at, task.started_at),
      finished_at = excluded.finished_at,
      updated_at = excluded.updated_at
    where task.finished_at is null and (
      excluded.finished_at is not null
      or excluded.retries > task.retries
      or excluded.retries = task.retries and (excluded.state <> 'RETRY' or task.state = 'PENDING')
    )
    returning id
  ), queued as (
    insert into celeriac.outbox (task_id, retries, due_at, exchange, routing_key, properties, headers, body)
    select ${ENTRY_VALUES}
    from json_to_recordset($2::text::json) as entry (${ENTRY_COLUMNS})
    join taken on taken.id = entry.task_id
    on conflict do nothing
  )
  select id from taken`;

/** `$1`: settlements that were not taken. Returns the ids whose row says the very same: they were taken before, and the answer got lost. */
export const SETTLED_BEFORE = `
  with settlement as materialized (
    select * from json_to_recordset($1::text::json) as settlement (id text, state text, worker text, retries integer)
  )
  select settlement.id
  from settlement join celeriac.tasks((select array_agg(id) from settlement)) as known using (id)
  where known.state = settlement.state and known.worker = settlement.worker and known.retries >= settlement.retries`;

/** `$1`: ids, each once. */
export const CLAIM =
  "select id, state, retries, greatest(deliveries, 1) as deliveries from celeriac.tasks($1::text[])";

/** `$1`: ids, each once; `$2`: those handed out again. A row is made where there is none: a task that kills its worker must be counted. */
export const RECLAIM = `
  with counted as (
    insert into celeriac.task as task (id, deliveries)
    select id, 2 from unnest($2::text[]) as redelivered (id)
    on conflict (id) do update set deliveries = greatest(task.deliveries, 1) + 1, updated_at = now()
    where task.finished_at is null
    returning id, state, retries, deliveries
  ), known as (${CLAIM})
  select id, state, retries, deliveries from counted
  union all
  select id, state, retries, deliveries from known where not exists (select from counted where counted.id = known.id)`;

/** `$1`: id; `$2`: exception, JSON text. */
export const REVOKE = "select revoked, state from celeriac.revoke($1, $2::text::json)";

/** `$1`: id. */
export const FIND = `select ${RECORD} from celeriac.tasks(array[$1::text])`;

/** A row's place in a list: the time it was made, to the microsecond, and its id. */
export interface Position {
  readonly time: string;
  readonly id: string;
}

/** Which stretch of the table to look at, and what to take from it. */
export interface Stretch {
  readonly filter: RecordFilter;
  /** Rows to look at, newest first. */
  readonly window: number;
  /** Rows to take of those that fit. */
  readonly limit: number;
  readonly after: Position | undefined;
}

/** Lists one stretch. Each row is a record with its place (`null` where nothing fits), and bears how many rows were looked at (`seen`)
 * and the place of the last (`last_time`, `last_id`).
 *
 * A state is written into the statement, not given to it: only so can the planner use the index of what is not a success. */
export function listing(
  { filter, window, limit, after }: Stretch,
): { statement: string; parameters: (string | number)[] } {
  const parameters: (string | number)[] = [];
  const given = (value: string | number) => `$${parameters.push(value)}`;
  const within: string[] = [];
  if (filter.state) within.push(`state = '${filter.state}'`);
  if (after) {
    within.push(`(created_at, id) < (${given(after.time)}::timestamptz, ${given(after.id)})`);
  }
  if (filter.since) within.push(`created_at >= ${given(filter.since.toISOString())}::timestamptz`);
  if (filter.until) within.push(`created_at < ${given(filter.until.toISOString())}::timestamptz`);
  const fitting: string[] = [];
  if (filter.name !== undefined) fitting.push(`name = ${given(filter.name)}`);
  if (filter.queue !== undefined) fitting.push(`queue = ${given(filter.queue)}`);
  if (filter.worker !== undefined) fitting.push(`worker = ${given(filter.worker)}`);
  const statement = `
    with seen as materialized (
      select id, created_at, name, queue, worker from celeriac.task ${where(within)}
      order by created_at desc, id desc limit ${given(window)}
    ), page as (
      select id from seen ${where(fitting)} order by created_at desc, id desc limit ${given(limit)}
    ), edge as (
      select ${
    time("created_at")
  } as last_time, id as last_id, (select count(*) from seen)::integer as seen
      from seen order by created_at, id limit 1
    )
    select edge.*, record.*
    from edge left join (
      select ${RECORD}, ${
    time("created_at")
  } as time from celeriac.tasks((select array_agg(id) from page))
    ) as record on true
    order by record.time desc, record.id desc`;
  return { statement, parameters };
}

function where(conditions: readonly string[]): string {
  return conditions.length > 0 ? `where ${conditions.join(" and ")}` : "";
}

/** JavaScript's Date has no place for microseconds. */
function time(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}
