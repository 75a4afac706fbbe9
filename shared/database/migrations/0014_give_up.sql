-- Messages that will never run: their records become final, also where there is none yet.

-- Makes the tasks FAILURE or REVOKED whose messages are given up, unless they are final or at a later attempt; returns those it did.
create or replace function celeriac.fail(failures json) returns setof text
language sql security definer set search_path = celeriac, pg_temp as $$
  insert into celeriac.task (id, name, state, exception, retries, finished_at)
  select distinct on (id) id, name, case state when 'REVOKED' then state else 'FAILURE' end, exception,
    coalesce(retries, 0), now()
  from json_to_recordset(failures) as failure (id text, name text, state text, retries integer, exception json)
  order by id
  on conflict (id) do update
  set state = excluded.state, name = coalesce(task.name, excluded.name), worker = null, result = null,
    exception = excluded.exception, traceback = null, finished_at = now(), updated_at = now()
  where task.finished_at is null and task.retries <= excluded.retries
  returning task.id
$$;
