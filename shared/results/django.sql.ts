/** The store's statements for the tables of django-celery-results. They fill each column like its backend
 * (django_celery_results/backends/database.py).
 *
 * Values without a column (attempts, deliveries, queue, times) are stored in the JSON column `meta` under the key `celeriac`, which
 * Celery's readers ignore. Rows written by a Python worker lack it.
 *
 * @module
 */
import { ENTRY_COLUMNS, ENTRY_VALUES } from "../outbox/outbox.ts";
import type { State } from "./result.ts";
import { listingOf } from "./listing.sql.ts";
import { claimAndRead, SAME_VALUE, type Statements } from "./statements.ts";

/** The table of tasks, found through the connection's `search_path`, as in Django. */
export const TASK_TABLE = "django_celery_results_taskresult";

/** Differences between installations of the table. */
export interface DjangoShape {
  /** Maximum length of `task_id` and `task_name`: 255, or `DJANGO_CELERY_RESULTS_TASK_ID_MAX_LENGTH`. */
  readonly nameLength: number;
  /** Whether it has `date_started` (django-celery-results 2.6 and newer). */
  readonly dateStarted: boolean;
}

const FINAL = "('SUCCESS', 'FAILURE', 'REVOKED')";
/** States whose result is an exception (celery/states.py, EXCEPTION_STATES). */
const EXCEPTIONAL = "('RETRY', 'FAILURE', 'REVOKED')";
/** States before a run. Python rarely writes RECEIVED and REJECTED. */
const WAITING = "('PENDING', 'RECEIVED', 'REJECTED')";
/** Stored for a failure without an exception, for which every reader would raise a RuntimeError. */
const UNKNOWN = '{"exc_type": "Exception", "exc_message": [], "exc_module": "builtins"}';
const CODED = "'application/json', 'utf-8'";

/** Rows as records. A custom state is read as PROGRESS; a pickled result is not read, and the record reports that. */
const RECORDS = (dateStarted: boolean) =>
  `(
  select task_id::text as id, task_name::text as name,
    case when status in ${WAITING} then 'PENDING'
      when status in ${FINAL} or status in ('STARTED', 'RETRY') then status else 'PROGRESS' end as state,
    kept ->> 'queue' as queue, worker::text as worker,
    celeriac.shown(task_args) as args_repr, celeriac.shown(task_kwargs) as kwargs_repr,
    case when legible and status not in ${EXCEPTIONAL} and status <> 'STARTED' then result end as result,
    case when legible and status in ${EXCEPTIONAL} then celeriac.readable(result) end as exception,
    case when legible or result is null then traceback
      else 'Cannot read this result because it is stored as ' || content_type ||
        ': set CELERY_RESULT_SERIALIZER to ''json''' end as traceback,
    celeriac.readable(meta) -> 'children' as children,
    null::json as history, null::jsonb as labels, null::text as submitted_by,
    coalesce((kept ->> 'retries')::integer, 0) as retries,
    coalesce((kept ->> 'deliveries')::integer, case when status in ${WAITING} then 0 else 1 end) as deliveries,
    kept -> 'meta' as meta, date_created as created_at, (kept ->> 'submitted_at')::timestamptz as submitted_at,
    coalesce((kept ->> 'started_at')::timestamptz${
    dateStarted ? ", date_started" : ""
  }) as started_at,
    case when status in ${FINAL} then date_done end as finished_at, date_done as updated_at
  from ${TASK_TABLE}
  cross join lateral (
    select celeriac.kept(meta) as kept,
      content_type = 'application/json' and content_encoding = 'utf-8' as legible
  ) as read
) as record`;

const SUBMITTED = (nameLength: number) => `
  with inserted as (insert into ${TASK_TABLE} (
    task_id, status, content_type, content_encoding, meta, task_name, task_args, task_kwargs, date_created, date_done
  )
  select id, 'PENDING', ${CODED},
    json_build_object('children', '[]'::json, 'celeriac', json_build_object('queue', queue, 'submitted_at', submitted_at))::text,
    left(name, ${nameLength}), to_json(args_repr)::text, to_json(kwargs_repr)::text, now(), now()
  from json_to_recordset($1::text::json) as submission (
    id text, name text, queue text, args_repr text, kwargs_repr text, submitted_at timestamptz
  )
  on conflict do nothing returning 1)
  select count(*)::integer as inserted from inserted`;

const UNRECORDED = `
  select wanted.id from unnest($1::text[]) as wanted (id)
  where not exists (select from ${TASK_TABLE} where task_id = wanted.id and task_name <> '')`;

/** A number in Celeriac's part of `meta`. */
const kept = (row: string, key: string) =>
  `coalesce((celeriac.kept(${row}.meta) ->> '${key}')::integer, 0)`;

/** Where a task comes from, in Celeriac's part of `meta`. */
const LINEAGE = (row: "excluded" | "task") => `(celeriac.kept(${row}.meta) -> 'meta' -> 'lineage')`;

/** A final row never changes, and a row only advances, as in Celeriac's schema. All times are those of the database. */
const SETTLE = ({ nameLength, dateStarted }: DjangoShape) => `
  with taken as (
    insert into ${TASK_TABLE} as task (
      task_id, status, content_type, content_encoding, result, traceback, meta, task_name, task_args, task_kwargs,
      worker, periodic_task_name, date_created, date_done${dateStarted ? ", date_started" : ""}
    )
    select id, state, ${CODED},
      (case
        when state = 'STARTED' then json_build_object('pid', pid, 'hostname', coalesce(worker, $5))
        when state = 'RETRY' then coalesce(exception::json, 'null')
        when state in ${EXCEPTIONAL} then coalesce(exception::json, '${UNKNOWN}')
        else coalesce(result::json, 'null') end)::text,
      traceback,
      json_build_object('children', coalesce(children, '[]'), 'celeriac', jsonb_strip_nulls(jsonb_build_object(
        'queue', coalesce(queue, $4), 'retries', coalesce(retries, 0), 'deliveries', case state when 'RETRY' then 0 else 1 end,
        'started_at', case when settlement.started_at is not null then least(settlement.started_at, now()) end, 'meta', settlement.meta::jsonb
      )))::text,
      left(coalesce(name, $3), ${nameLength}), to_json(args_repr)::text, to_json(kwargs_repr)::text,
      left(coalesce(worker, $5), 100),
      left(periodic_task_name, 255), now(), now()${
  dateStarted
    ? ", case when settlement.started_at is not null then least(settlement.started_at, now()) end"
    : ""
}
    from json_to_recordset($1::text::json) as settlement (
      id text, name text, state text, queue text, worker text, args_repr text, kwargs_repr text,
      result text, exception text, traceback text, children json, retries integer, started_at timestamptz, meta text, periodic_task_name text,
      pid integer
    )
    on conflict (task_id) do update set
      status = excluded.status,
      content_type = excluded.content_type,
      content_encoding = excluded.content_encoding,
      result = excluded.result,
      traceback = excluded.traceback,
      meta = json_build_object(
        'children', celeriac.readable(excluded.meta) -> 'children',
        'celeriac', celeriac.kept(task.meta) || celeriac.kept(excluded.meta) || jsonb_build_object(
          'meta', case when ${LINEAGE("task")} is null then celeriac.kept(excluded.meta) -> 'meta'
            else coalesce(nullif(celeriac.kept(excluded.meta) -> 'meta', 'null'), '{}') || jsonb_build_object(
              'lineage', ${LINEAGE("task")} || coalesce(${LINEAGE("excluded")}, '{}')
            ) end,
          'retries', greatest(${kept("excluded", "retries")}, ${kept("task", "retries")}),
          'deliveries', case excluded.status when 'RETRY' then 0 else greatest(${
  kept("task", "deliveries")
}, 1) end
        )
      )::text,
      task_name = coalesce(nullif(excluded.task_name, ''), task.task_name),
      task_args = coalesce(excluded.task_args, task.task_args),
      task_kwargs = coalesce(excluded.task_kwargs, task.task_kwargs),
      worker = excluded.worker,
      periodic_task_name = coalesce(excluded.periodic_task_name, task.periodic_task_name),
      date_done = excluded.date_done${
  dateStarted ? ",\n      date_started = coalesce(excluded.date_started, task.date_started)" : ""
}
    where task.status not in ${FINAL} and (
      excluded.status in ${FINAL}
      or ${kept("excluded", "retries")} > ${kept("task", "retries")}
      or ${kept("excluded", "retries")} = ${kept("task", "retries")}
        and (excluded.status <> 'RETRY' or task.status in ${WAITING})
    )
    returning task_id::text as id
  ), queued as (
    insert into celeriac.outbox (task_id, retries, due_at, exchange, routing_key, properties, headers, body)
    select ${ENTRY_VALUES}
    from json_to_recordset($2::text::json) as entry (${ENTRY_COLUMNS}, settled_by text)
    join taken on taken.id = coalesce(entry.settled_by, entry.task_id)
    on conflict do nothing
  )
  select id from taken`;

const SETTLED_BEFORE = (records: string) => `
  select settlement.id
  from json_to_recordset($1::text::json) as settlement (
    id text, state text, worker text, retries integer, result text, exception text
  )
  cross join lateral (select * from ${records} where record.id = settlement.id limit 1) as known
  where known.state = settlement.state and known.worker = left(settlement.worker, 100)
    and known.retries >= settlement.retries and ${SAME_VALUE}`;

/** Looks up ids one by one, so that misleading planner statistics cannot cause a sequential scan. */
const KNOWN = (records: string) => `
  select known.id, known.state, known.retries, greatest(known.deliveries, 1) as deliveries
  from unnest($1::text[]) as wanted (id)
  cross join lateral (select * from ${records} where record.id = wanted.id limit 1) as known`;

const RECLAIM = (records: string) => `
  with counted as (
    insert into ${TASK_TABLE} as task (task_id, status, content_type, content_encoding, meta, date_created, date_done)
    select id, 'PENDING', ${CODED}, '{"children": [], "celeriac": {"deliveries": 2}}', now(), now()
    from unnest($2::text[]) as redelivered (id)
    on conflict (task_id) do update set
      meta = json_build_object(
        'children', coalesce(celeriac.readable(task.meta) -> 'children', '[]'),
        'celeriac', celeriac.kept(task.meta) ||
          jsonb_build_object('deliveries', greatest(${kept("task", "deliveries")}, 1) + 1)
      )::text,
      date_done = now()
    where task.status not in ${FINAL}
    returning task_id::text as id, status as state, ${kept("task", "retries")} as retries,
      ${kept("task", "deliveries")} as deliveries
  ), known as (${KNOWN(records)})
  select id, state, retries, deliveries from counted
  union all
  select id, state, retries, deliveries from known where not exists (select from counted where counted.id = known.id)`;

/** Looks up ids one by one, like {@linkcode KNOWN}. */
const many = (records: string, columns: string) => `
  select known.* from unnest($1::text[]) as wanted (wanted)
  cross join lateral (select ${columns} from ${records} where record.id = wanted.wanted limit 1) as known`;

/** Returns the state before the change. Of two concurrent calls, one may return the state that the other has just written. */
const REVOKE = `
  with before as (
    select status::text as state from ${TASK_TABLE} where task_id = $1
  ), written as (
    insert into ${TASK_TABLE} as task (
      task_id, status, content_type, content_encoding, result, meta, date_created, date_done
    )
    values ($1, 'REVOKED', ${CODED}, $2::text::json::text, '{"children": []}', now(), now())
    on conflict (task_id) do update set
      status = 'REVOKED', content_type = excluded.content_type, content_encoding = excluded.content_encoding,
      result = excluded.result, date_done = excluded.date_done
    where task.status in ${WAITING} or task.status = 'RETRY'
    returning task_id
  )
  select exists (select from written) as revoked, (select state from before) as state,
    celeriac.hasten(array(select task_id::text from written))::text as hastened`;

const REOPEN = ({ dateStarted }: DjangoShape) => `
  update ${TASK_TABLE} as task
  set status = 'PENDING', content_type = 'application/json', content_encoding = 'utf-8', result = null, traceback = null,
    worker = null, date_done = now()${dateStarted ? ", date_started = null" : ""},
    meta = json_build_object(
      'children', '[]'::json,
      'celeriac', celeriac.kept(task.meta) - 'started_at' - 'meta' || jsonb_build_object(
        'deliveries', 0, 'retries', least(message.retries, ${kept("task", "retries")})
      )
    )::text
  from json_to_recordset($1::text::json) as message (id text, retries integer)
  where task.task_id = message.id and task.status = 'FAILURE'
  returning task.task_id::text as id`;

const FAIL = ({ nameLength }: DjangoShape) => `
  insert into ${TASK_TABLE} as task (
    task_id, status, content_type, content_encoding, result, meta, task_name, date_created, date_done
  )
  select distinct on (id) id, state, ${CODED}, exception::text,
    json_build_object('children', '[]'::json, 'celeriac', json_build_object('retries', retries))::text,
    left(name, ${nameLength}), now(), now()
  from json_to_recordset($1::text::json) as failure (id text, name text, state text, retries integer, exception json)
  order by id
  on conflict (task_id) do update set
    status = excluded.status, content_type = excluded.content_type, content_encoding = excluded.content_encoding,
    result = excluded.result, traceback = null, worker = null, date_done = excluded.date_done,
    task_name = coalesce(nullif(task.task_name, ''), excluded.task_name)
  where task.status not in ${FINAL} and ${kept("task", "retries")} <= ${kept("excluded", "retries")}
  returning task.task_id::text as id`;

const ANNOTATE = `
  update ${TASK_TABLE} as task
  set meta = json_build_object(
    'children', coalesce(celeriac.readable(meta) -> 'children', '[]'),
    'celeriac', celeriac.kept(meta) || jsonb_build_object(
      'meta', coalesce(nullif(celeriac.kept(meta) -> 'meta', 'null'), '{}') || $2::text::jsonb
    )
  )::text
  where task_id = $1`;

/** Filters on the indexed column itself, not on the converted state. */
function inState(state: State): string {
  switch (state) {
    case "PENDING":
      return `status in ${WAITING}`;
    case "PROGRESS":
      return `status not in ${FINAL} and status not in ${WAITING} and status not in ('STARTED', 'RETRY')`;
    default:
      return `status = '${state}'`;
  }
}

/** Creates the statements for a table of this shape. */
export function djangoStatements(shape: DjangoShape): Statements {
  const records = RECORDS(shape.dateStarted);
  return {
    submitted: SUBMITTED(shape.nameLength),
    unrecorded: UNRECORDED,
    settle: SETTLE(shape),
    settledBefore: SETTLED_BEFORE(records),
    claim: claimAndRead(KNOWN(records)),
    reclaim: RECLAIM(records),
    revoke: REVOKE,
    reopen: REOPEN(shape),
    fail: FAIL(shape),
    annotate: ANNOTATE,
    find: `select * from ${records} where record.id = $1`,
    outcomes: many(records, "id, state, result, exception"),
    states: many(records, "id, state"),
    summaries: many(records, "id, name, queue, state"),
    ...listingOf({
      source: `(
        select task_id::text as id, date_created as created_at, task_name as name,
          celeriac.kept(meta) ->> 'queue' as queue, worker, null::jsonb as labels, null::text as submitted_by, status
        from ${TASK_TABLE}
      ) as task`,
      stateColumn: "status",
      records: (ids) =>
        `(select record.* from (${ids}) as page join ${records} using (id)) as record`,
      inState,
    }),
  };
}
