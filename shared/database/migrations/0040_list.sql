-- Lists of dead letters and of the audit log, and series of days, without reading whole tables.

-- Names, callers and targets come from outside and may be too long for an index, which has their hashes.
create index dead_letter_by_task on celeriac.dead_letter (hashtext(task), collected_at, id);
create index dead_letter_by_queue on celeriac.dead_letter (queue, collected_at, id);
create index dead_letter_by_reason on celeriac.dead_letter (reason, collected_at, id);

create index audit_by_caller on celeriac.audit (hashtext(caller), id);
create index audit_by_action on celeriac.audit (action, id);
create index audit_by_target on celeriac.audit (hashtext(target), id) where target is not null;

-- The sums of `series` in spans of 20 minutes, which begin with the hour.
create table celeriac.series_span (
  like celeriac.series including defaults,
  primary key (minute, task, queue)
) with (fillfactor = 70);

insert into celeriac.series_span
select date_bin(interval '20 minutes', minute, timestamptz 'epoch'), task, queue,
  sum(succeeded), sum(failed), sum(retried), sum(rejected), sum(revoked),
  celeriac.sum_arrays(runs), celeriac.sum_arrays(waits), sum(run_seconds), sum(wait_seconds)
from celeriac.series
group by 1, 2, 3;

-- Adds counts: [{"minute": ..., "task": ..., "queue": ..., "succeeded": ..., ...}], each minute, task and queue at most once.
create or replace function celeriac.add_series(entries json) returns void
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
    run_seconds = known.run_seconds + excluded.run_seconds, wait_seconds = known.wait_seconds + excluded.wait_seconds;

  insert into celeriac.series_span as known (
    minute, task, queue, succeeded, failed, retried, rejected, revoked, runs, waits, run_seconds, wait_seconds
  )
  select date_bin(interval '20 minutes', minute, timestamptz 'epoch'), task, queue,
    sum(succeeded), sum(failed), sum(retried), sum(rejected), sum(revoked),
    sum_arrays(array(select json_array_elements_text(runs)::bigint)),
    sum_arrays(array(select json_array_elements_text(waits)::bigint)),
    sum(run_seconds), sum(wait_seconds)
  from json_to_recordset(entries) as entry (
    minute timestamptz, task text, queue text, succeeded bigint, failed bigint, retried bigint, rejected bigint,
    revoked bigint, runs json, waits json, run_seconds double precision, wait_seconds double precision
  )
  group by 1, 2, 3
  order by 1, 2, 3
  on conflict (minute, task, queue) do update
  set succeeded = known.succeeded + excluded.succeeded, failed = known.failed + excluded.failed,
    retried = known.retried + excluded.retried, rejected = known.rejected + excluded.rejected,
    revoked = known.revoked + excluded.revoked, runs = celeriac.add_arrays(known.runs, excluded.runs),
    waits = celeriac.add_arrays(known.waits, excluded.waits),
    run_seconds = known.run_seconds + excluded.run_seconds, wait_seconds = known.wait_seconds + excluded.wait_seconds
$$;

-- Sums per step, and per task and queue if wanted, from a time to another, at most `most`. Null names match all. `buckets` is the
-- number of the buckets.
--
-- Sums of single elements need 2 % of the time of sum_arrays(). Spans are read if the range consists of whole ones; the last one may
-- be the current one.
drop function celeriac.read_series(timestamptz, timestamptz, interval, text, text, integer);
create function celeriac.read_series(
  since timestamptz, until timestamptz, step interval, task_name text, queue_name text, most integer, buckets integer,
  by_task boolean, by_queue boolean
) returns table (
  at timestamptz, task text, queue text, succeeded double precision, failed double precision, retried double precision,
  rejected double precision, revoked double precision, runs bigint[], waits bigint[], run_seconds double precision,
  wait_seconds double precision
)
language plpgsql stable security definer set jit = off set search_path = celeriac, pg_temp as $$
declare
  span constant interval := interval '20 minutes';
  has_spans constant boolean := date_bin(span, timestamptz 'epoch' + step, timestamptz 'epoch') = timestamptz 'epoch' + step
    and date_bin(span, since, timestamptz 'epoch') = since
    and (until > now() - interval '1 minute' or date_bin(span, until, timestamptz 'epoch') = until);
  sums text;
begin
  select string_agg(format('sum(%%1$s[%s])::bigint', number), ', ' order by number) into sums
  from generate_series(1, buckets) as number;
  return query execute format(
    'select date_bin($3, minute, $1), case when $7 then source.task end, case when $8 then source.queue end, sum(source.succeeded)::float8, sum(source.failed)::float8,
      sum(source.retried)::float8, sum(source.rejected)::float8, sum(source.revoked)::float8,
      array_remove(array[%s], null), array_remove(array[%s], null), sum(source.run_seconds), sum(source.wait_seconds)
    from celeriac.%I as source
    where minute >= $1 and minute < $2 and ($4 is null or source.task = $4) and ($5 is null or source.queue = $5)
    group by 1, 2, 3
    order by 1, 2, 3
    limit $6',
    format(sums, 'source.runs'), format(sums, 'source.waits'),
    case when has_spans then 'series_span' else 'series' end
  ) using since, until, step, task_name, queue_name, most, by_task, by_queue;
end
$$;

-- Deletes minutes and spans older than the retention; returns how many rows.
create or replace function celeriac.expire_series(retention interval, most integer) returns integer
language plpgsql security definer set search_path = celeriac, pg_temp as $$
declare
  deleted integer;
  spans integer;
begin
  if not celeriac.upkeep_lock() then
    return 0;
  end if;
  delete from celeriac.series where (minute, task, queue) in (
    select minute, task, queue from celeriac.series where minute < now() - retention order by minute limit most
  );
  get diagnostics deleted = row_count;
  delete from celeriac.series_span where (minute, task, queue) in (
    select minute, task, queue from celeriac.series_span where minute < now() - retention - interval '20 minutes'
    order by minute limit most
  );
  get diagnostics spans = row_count;
  return greatest(deleted, spans);
end
$$;
