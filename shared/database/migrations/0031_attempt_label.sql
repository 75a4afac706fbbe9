-- The failed attempts of a task that were followed by another attempt: `[{attempt, worker, started_at, finished_at, error}]`.
--
-- Null for a task without retries, which costs nothing. The last attempt is in the other columns. json, not jsonb: \u0000 stays.
alter table celeriac.task add column history json;

-- The first list with the second one appended; the oldest entries are dropped.
create function celeriac.append_attempts(known json, added json, most integer default 50) returns json
language sql immutable parallel safe set search_path = celeriac, pg_temp as $$
  select json_agg(value order by position)
  from (
    select value, position from (
      select value, position from json_array_elements(known) with ordinality as old (value, position)
      union all
      select value, position + 1000000 from json_array_elements(added) with ordinality as new (value, position)
    ) as entry
    order by position desc
    limit most
  ) as kept
$$;

-- Labels of tasks: Celery's stamps as texts or lists of texts, by name. Null for a task without labels.
alter table celeriac.task add column labels jsonb;

-- The caller that submitted the task: `key:ID` or `jwt:SUBJECT`; null for the operator, for schedules and for other systems.
alter table celeriac.task add column submitted_by text;

-- Inserts PENDING records; returns how many. A record without a name gets what the submission says, in any state.
create or replace function celeriac.submitted(submissions json) returns integer
language plpgsql security definer set enable_seqscan = off set jit = off set search_path = celeriac, pg_temp as $$
declare
  inserted integer;
  nameless text[];
begin
  insert into celeriac.task (id, name, queue, args_repr, kwargs_repr, labels, submitted_by, submitted_at)
  select id, name, queue, args_repr, kwargs_repr, labels, submitted_by, submitted_at
  from json_to_recordset(submissions) as submission (
    id text, name text, queue text, args_repr text, kwargs_repr text, labels jsonb, submitted_by text,
    submitted_at timestamptz
  )
  on conflict do nothing;
  get diagnostics inserted = row_count;
  if inserted < json_array_length(submissions) then
    nameless := array(
      select known.id
      from celeriac.tasks(array(select submission ->> 'id' from json_array_elements(submissions) as submission)) as known
      where known.name is null
    );
  end if;
  if cardinality(nameless) > 0 then
    update celeriac.task
    set name = submission.name, queue = coalesce(task.queue, submission.queue),
      args_repr = coalesce(task.args_repr, submission.args_repr),
      kwargs_repr = coalesce(task.kwargs_repr, submission.kwargs_repr),
      labels = coalesce(task.labels, submission.labels),
      submitted_by = coalesce(task.submitted_by, submission.submitted_by),
      submitted_at = coalesce(task.submitted_at, submission.submitted_at)
    from json_to_recordset(submissions) as submission (
      id text, name text, queue text, args_repr text, kwargs_repr text, labels jsonb, submitted_by text,
      submitted_at timestamptz
    )
    where task.id = any(nameless) and task.id = submission.id and task.name is null;
  end if;
  return inserted;
end
$$;
