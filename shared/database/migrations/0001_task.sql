-- One row for each task: PENDING from the API, everything later from the workers.
--
-- Ids of ours are UUIDv7, so their order is that of time: one partition for each day (UTC), dropped as a whole when it has expired.
-- Other ids (Celery's are UUIDv4) lie before or after all days, in partitions of their own that are swept row by row.
-- The default partition takes what falls between: days that nobody made a partition for, and the few foreign ids that look like days.
create table celeriac.task (
  id text collate "C" not null primary key,
  name text,
  state text not null default 'PENDING',
  queue text,
  worker text,
  args_repr text,
  kwargs_repr text,
  -- json, not jsonb: kept as it was written, integers beyond 2^53 and \u0000 included.
  result json,
  exception json,
  traceback text,
  retries integer not null default 0,
  deliveries integer not null default 0,
  created_at timestamptz not null default now(),
  submitted_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  updated_at timestamptz not null default now()
) partition by range (id);

-- Lists are read newest first, page by page. created_at never changes, unlike updated_at: entries only go in at the index's end.
create index task_created on celeriac.task (created_at, id);

-- What is not a success is rare, and what is looked for: failed, stuck, waiting. Upkeep asks it whether a day still has work open.
create index task_unsuccessful on celeriac.task (created_at, id) where state <> 'SUCCESS';

create table celeriac.task_foreign_low partition of celeriac.task for values from (minvalue) to ('019');
create table celeriac.task_foreign_high partition of celeriac.task for values from ('03') to (maxvalue);
create table celeriac.task_default partition of celeriac.task default;

create index task_foreign_low_finished on celeriac.task_foreign_low (finished_at);
create index task_foreign_high_finished on celeriac.task_foreign_high (finished_at);
create index task_default_finished on celeriac.task_default (finished_at);

-- Tasks by their ids, each looked up in the one partition where it can be.
--
-- Without the settings a plan made while tomorrow's partition is empty, and known to be (after an ANALYZE), would read that partition from
-- end to end for each id, until the statistics catch up with the new day.
create function celeriac.tasks(ids text[]) returns setof celeriac.task
language plpgsql stable rows 500 set enable_seqscan = off set jit = off set search_path = celeriac, pg_temp as $$
begin
  return query
  select found.* from unnest(ids) as wanted (id)
  cross join lateral (select * from celeriac.task where task.id = wanted.id limit 1) as found;
end
$$;

-- Makes a task that has not started REVOKED, and says which state it had. Only what waits can be revoked; the first final state stays.
create function celeriac.revoke(task_id text, why json, out revoked boolean, out state text)
language plpgsql security definer set search_path = celeriac, pg_temp as $$
begin
  insert into celeriac.task (id, state, exception, finished_at)
  values (task_id, 'REVOKED', why, now())
  on conflict do nothing;
  revoked := found;
  if revoked then
    return;
  end if;
  select task.state into revoke.state from celeriac.task where task.id = task_id for update;
  revoked := coalesce(revoke.state in ('PENDING', 'RETRY'), false);
  if revoked then
    update celeriac.task
    set state = 'REVOKED', exception = why, finished_at = now(), updated_at = now()
    where task.id = task_id;
  end if;
end
$$;
