-- PENDING records that are written after a moment, unless the task has settled by then.

-- Which of these ids have no record, or one without a name: a revoke or a redelivery wrote it.
create function celeriac.unrecorded(ids text[]) returns setof text
language sql stable security definer set search_path = celeriac, pg_temp as $$
  select wanted.id from unnest(ids) as wanted (id)
  where not exists (
    select from celeriac.tasks(ids) as known where known.id = wanted.id and known.name is not null
  )
$$;

-- Inserts PENDING records; returns how many. A record without a name gets what the submission says, in any state.
create function celeriac.submitted(submissions json) returns integer
language plpgsql security definer set enable_seqscan = off set jit = off set search_path = celeriac, pg_temp as $$
declare
  inserted integer;
  nameless text[];
begin
  insert into celeriac.task (id, name, queue, args_repr, kwargs_repr, submitted_at)
  select id, name, queue, args_repr, kwargs_repr, submitted_at
  from json_to_recordset(submissions) as submission (
    id text, name text, queue text, args_repr text, kwargs_repr text, submitted_at timestamptz
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
      submitted_at = coalesce(task.submitted_at, submission.submitted_at)
    from json_to_recordset(submissions) as submission (
      id text, name text, queue text, args_repr text, kwargs_repr text, submitted_at timestamptz
    )
    where task.id = any(nameless) and task.id = submission.id and task.name is null;
  end if;
  return inserted;
end
$$;
