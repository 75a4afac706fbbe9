-- Messages that wait in each queue, once a minute.
create table celeriac.queue_depth (
  minute timestamptz not null,
  queue text collate "C" not null,
  -- Messages that no worker has received.
  ready bigint not null,
  primary key (minute, queue)
);

-- Queues with a depth or an ended task in the last hour, at most `most`.
create function celeriac.recent_queues(most integer) returns setof text
language sql stable security definer set search_path = celeriac, pg_temp as $$
  select queue from celeriac.queue_depth where minute > now() - interval '1 hour'
  union
  select queue from celeriac.series where minute > now() - interval '1 hour'
  order by 1
  limit most
$$;

-- Adds the depths of this minute: {queue: ready}. The first process that writes a queue in a minute wins.
create function celeriac.add_queue_depths(depths json) returns void
language sql security definer set search_path = celeriac, pg_temp as $$
  insert into celeriac.queue_depth (minute, queue, ready)
  select date_trunc('minute', now()), key, value::bigint from json_each_text(depths)
  order by key -- so that two processes cannot deadlock
  on conflict do nothing
$$;

-- The greatest depth per step and queue from a time to another, at most `most`. A null name matches all.
create function celeriac.read_queue_depths(
  since timestamptz, until timestamptz, step interval, queue_name text, most integer
) returns table (at timestamptz, queue text, ready double precision)
language sql stable security definer set search_path = celeriac, pg_temp as $$
  select date_bin(step, minute, since), queue_depth.queue, max(queue_depth.ready)::float8
  from celeriac.queue_depth
  where minute >= since and minute < until and (queue_name is null or queue_depth.queue = queue_name)
  group by 1, 2
  order by 1, 2
  limit most
$$;

-- Deletes minutes older than the retention; returns how many rows.
create function celeriac.expire_queue_depths(retention interval, most integer) returns integer
language plpgsql security definer set search_path = celeriac, pg_temp as $$
declare
  deleted integer;
begin
  if not celeriac.upkeep_lock() then
    return 0;
  end if;
  delete from celeriac.queue_depth where (minute, queue) in (
    select minute, queue from celeriac.queue_depth where minute < now() - retention order by minute limit most
  );
  get diagnostics deleted = row_count;
  return deleted;
end
$$;
