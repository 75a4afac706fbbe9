-- Counts and histograms of tasks per minute, task and queue.

create table celeriac.series (
  minute timestamptz not null,
  task text collate "C" not null,
  queue text collate "C" not null,
  -- Ended deliveries by outcome.
  succeeded bigint not null,
  failed bigint not null,
  retried bigint not null,
  rejected bigint not null,
  revoked bigint not null,
  -- Runs of handlers by their duration, and starts by the time since the task was submitted or due. One count per bucket.
  runs bigint[] not null,
  waits bigint[] not null,
  run_seconds double precision not null,
  wait_seconds double precision not null,
  primary key (minute, task, queue)
) with (fillfactor = 70); -- rows of the current minutes are updated in place

-- The sums of two lists, element by element. A shorter list counts as continued with zeros.
create function celeriac.add_arrays(one bigint[], other bigint[]) returns bigint[]
language sql immutable parallel safe set search_path = celeriac, pg_temp as $$
  select coalesce(array_agg(coalesce(a, 0) + coalesce(b, 0) order by position), '{}')
  from unnest(one, other) with ordinality as pair (a, b, position)
$$;

create aggregate celeriac.sum_arrays(bigint[]) (
  sfunc = celeriac.add_arrays, stype = bigint[], initcond = '{}'
);

-- Adds counts: [{"minute": ..., "task": ..., "queue": ..., "succeeded": ..., ...}], each minute, task and queue at most once.
create function celeriac.add_series(entries json) returns void
language sql security definer set search_path = celeriac, pg_temp as $$
  insert into celeriac.series as known (
    minute, task, queue, succeeded, failed, retried, rejected, revoked, runs, waits, run_seconds, wait_seconds
  )
  select minute, task, queue, succeeded, failed, retried, rejected, revoked,
    array(select json_array_elements_text(runs)::bigint), array(select json_array_elements_text(waits)::bigint),
    run_seconds, wait_seconds
  from json_to_recordset(entries) as entry (
    minute timestamptz, task text, queue text, succeeded bigint, failed bigint, retried bigint, rejected bigint,
    revoked bigint, runs json, waits json, run_seconds double precision, wait_seconds double precision
  )
  order by minute, task, queue -- so that two workers cannot deadlock
  on conflict (minute, task, queue) do update
  set succeeded = known.succeeded + excluded.succeeded, failed = known.failed + excluded.failed,
    retried = known.retried + excluded.retried, rejected = known.rejected + excluded.rejected,
    revoked = known.revoked + excluded.revoked, runs = celeriac.add_arrays(known.runs, excluded.runs),
    waits = celeriac.add_arrays(known.waits, excluded.waits),
    run_seconds = known.run_seconds + excluded.run_seconds, wait_seconds = known.wait_seconds + excluded.wait_seconds
$$;

-- Sums per step, task and queue from a time to another, at most `most`. Null names match all.
create function celeriac.read_series(
  since timestamptz, until timestamptz, step interval, task_name text, queue_name text, most integer
) returns table (
  at timestamptz, task text, queue text, succeeded double precision, failed double precision, retried double precision,
  rejected double precision, revoked double precision, runs bigint[], waits bigint[], run_seconds double precision,
  wait_seconds double precision
)
language sql stable security definer set search_path = celeriac, pg_temp as $$
  select date_bin(step, minute, since), series.task, series.queue, sum(series.succeeded)::float8,
    sum(series.failed)::float8, sum(series.retried)::float8, sum(series.rejected)::float8, sum(series.revoked)::float8,
    sum_arrays(series.runs), sum_arrays(series.waits), sum(series.run_seconds), sum(series.wait_seconds)
  from celeriac.series
  where minute >= since and minute < until
    and (task_name is null or series.task = task_name) and (queue_name is null or series.queue = queue_name)
  group by 1, 2, 3
  order by 1, 2, 3
  limit most
$$;

-- Deletes minutes older than the retention; returns how many rows.
create function celeriac.expire_series(retention interval, most integer) returns integer
language plpgsql security definer set search_path = celeriac, pg_temp as $$
declare
  deleted integer;
begin
  if not celeriac.upkeep_lock() then
    return 0;
  end if;
  delete from celeriac.series where (minute, task, queue) in (
    select minute, task, queue from celeriac.series where minute < now() - retention order by minute limit most
  );
  get diagnostics deleted = row_count;
  return deleted;
end
$$;
