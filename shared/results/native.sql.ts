/** The store's statements for Celeriac's schema (database/migrations). */
import { ENTRY_COLUMNS, ENTRY_VALUES } from "../outbox/outbox.ts";
import { listingOf } from "./listing.sql.ts";
import { SAME_VALUE, type Statements, type Tables } from "./statements.ts";

/** The columns of a record, converted for JavaScript. */
const RECORD = `
  id, name, state, queue, worker, args_repr, kwargs_repr, input::text as input, result::text as result, exception, traceback, meta, children,
  history, labels, submitted_by, retries, deliveries, submitted_at, started_at, finished_at, updated_at`;

const SUBMITTED = "select celeriac.submitted($1::text::json) as inserted";

const UNRECORDED = "select unrecorded as id from celeriac.unrecorded($1::text[]) as unrecorded";

/** A later attempt keeps the lineage of the first: its message names the task itself as its parent, like Celery's. A final row never changes. A row only advances: to a final state, to a later attempt, or within an attempt from waiting (PENDING,
 * RETRY) to running (STARTED, PROGRESS; a redelivered attempt starts again). An outbox entry is stored only together with its state. All
 * times are those of the database; the start time is computed from the elapsed time that the worker measured. */
const SETTLE = `
  with taken as (
    insert into celeriac.task as task (
      id, name, state, queue, worker, args_repr, kwargs_repr, input, result, exception, traceback, meta,
      children, history, labels, submitted_by, retries, deliveries, started_at, finished_at, updated_at
    )
    select id, coalesce(name, $3), state, coalesce(queue, $4), coalesce(worker, $5), args_repr, kwargs_repr,
      input::json, result::json, exception::json, traceback, meta::json,
      children,
      case when state = 'RETRY' then json_build_array(json_build_object(
        'attempt', retries, 'worker', coalesce(worker, $5), 'started_at', least(started_at, now()), 'finished_at', now(),
        'error', error::json
      )) end,
      labels, submitted_by, coalesce(retries, 0), 1, case when started_at is not null then least(started_at, now()) end,
      case when state in ('SUCCESS', 'FAILURE', 'REVOKED') then now() end, now()
    from json_to_recordset($1::text::json) as settlement (
      id text, name text, state text, queue text, worker text, args_repr text, kwargs_repr text,
      input text, result text, exception text, traceback text, error text, meta text, children json, labels jsonb, submitted_by text, retries integer, started_at timestamptz
    )
    on conflict (id) do update set
      name = coalesce(excluded.name, task.name),
      state = excluded.state,
      queue = coalesce(excluded.queue, task.queue),
      worker = excluded.worker,
      args_repr = coalesce(excluded.args_repr, task.args_repr),
      kwargs_repr = coalesce(excluded.kwargs_repr, task.kwargs_repr),
      input = excluded.input,
      result = excluded.result,
      exception = excluded.exception,
      traceback = excluded.traceback,
      children = excluded.children,
      history = case when excluded.history is null then task.history
        else celeriac.append_attempts(task.history, excluded.history) end,
      meta = case when task.meta -> 'lineage' is null then excluded.meta
        else (coalesce(excluded.meta::jsonb, '{}') || jsonb_build_object(
          'lineage', (task.meta -> 'lineage')::jsonb || coalesce((excluded.meta -> 'lineage')::jsonb, '{}')
        ))::json end,
      labels = coalesce(task.labels, excluded.labels),
      submitted_by = coalesce(task.submitted_by, excluded.submitted_by),
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
    from json_to_recordset($2::text::json) as entry (${ENTRY_COLUMNS}, settled_by text)
    join taken on taken.id = coalesce(entry.settled_by, entry.task_id)
    on conflict do nothing
  )
  select id from taken`;

const SETTLED_BEFORE = `
  with settlement as materialized (
    select * from json_to_recordset($1::text::json) as settlement (
      id text, state text, worker text, retries integer, result text, exception text
    )
  )
  select settlement.id
  from settlement join celeriac.tasks((select array_agg(id) from settlement)) as known using (id)
  where known.state = settlement.state and known.worker = settlement.worker and known.retries >= settlement.retries
    and ${SAME_VALUE}`;

const CLAIM =
  "select id, state, retries, deliveries, held from celeriac.claim($1, $2::text[], $3::integer[])";

const RECLAIM = `
  with counted as (
    insert into celeriac.task as task (id, deliveries)
    select id, 2 from unnest($2::text[]) as redelivered (id)
    on conflict (id) do update set deliveries = greatest(task.deliveries, 1) + 1, updated_at = now()
    where task.finished_at is null
    returning id, state, retries, deliveries
  ), known as (
    select id, state, retries, greatest(deliveries, 1) as deliveries from celeriac.tasks($1::text[])
  )
  select id, state, retries, deliveries from counted
  union all
  select id, state, retries, deliveries from known where not exists (select from counted where counted.id = known.id)`;

const REVOKE = "select revoked, state from celeriac.revoke($1, $2::text::json)";

const REOPEN = "select reopened as id from celeriac.reopen($1::text::json) as reopened";

const FAIL = "select failed as id from celeriac.fail($1::text::json) as failed";

const ANNOTATE = `
  update celeriac.task set meta = (coalesce(meta::jsonb, '{}') || $2::text::jsonb)::json, updated_at = now() where id = $1`;

const FIND = `select ${RECORD} from celeriac.tasks(array[$1::text])`;

const STATEMENTS = {
  submitted: SUBMITTED,
  unrecorded: UNRECORDED,
  settle: SETTLE,
  settledBefore: SETTLED_BEFORE,
  claim: CLAIM,
  reclaim: RECLAIM,
  revoke: REVOKE,
  reopen: REOPEN,
  fail: FAIL,
  annotate: ANNOTATE,
  find: FIND,
  outcomes: "select id, state, result::text as result, exception from celeriac.tasks($1::text[])",
  states: "select id, state from celeriac.tasks($1::text[])",
  summaries: "select id, name, queue, state from celeriac.tasks($1::text[])",
  ...listingOf({
    source: "celeriac.task",
    stateColumn: "state",
    indexed: ["name", "queue", "worker"],
    records: (ids) => `(select ${RECORD}, created_at from celeriac.tasks(array(${ids}))) as record`,
    inState: (state) => `state = '${state}'`,
    hasLabels: true,
  }),
} satisfies Statements;

/** Celeriac's schema. */
export const NATIVE = { statements: () => STATEMENTS } satisfies Tables;
