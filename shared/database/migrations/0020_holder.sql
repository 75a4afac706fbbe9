-- Which worker has which task in flight, so that a duplicate of its message does not run at the same time.
--
-- Both tables are unlogged: they cost no WAL. After a crash of the server they are empty, and each worker fills them again when it renews.

-- Live workers. A worker renews its lease every few seconds and deletes its row when it stops.
create unlogged table celeriac.worker (
  node text collate "C" primary key,
  expires_at timestamptz not null,
  -- It takes over no task before this: its own lease had lapsed, as all may have while the database was away.
  waits_until timestamptz not null default '-infinity'
);

create unlogged table celeriac.holder (
  task_id text collate "C" primary key,
  -- A later message of the task has a higher number: the next attempt, and the one that replaces the task.
  round integer not null,
  node text collate "C" not null
) with (
  -- A row lives as long as its task runs.
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0
);

-- Renews a worker's lease; true where it had none, and must hold its tasks again.
create function celeriac.renew_worker(me text, seconds float8) returns boolean
language plpgsql set search_path = celeriac, pg_temp as $$
declare
  is_new boolean;
  gone text[];
begin
  insert into celeriac.worker as worker (node, expires_at)
  values (me, clock_timestamp() + seconds * interval '1 second')
  on conflict (node) do update
  set expires_at = excluded.expires_at,
    waits_until = case when worker.expires_at < clock_timestamp() then excluded.expires_at else worker.waits_until end
  returning xmax = 0 into is_new;
  with dead as (
    delete from celeriac.worker where expires_at < clock_timestamp() - interval '10 minutes' returning node
  )
  select array_agg(node) into gone from dead;
  if gone is not null then
    delete from celeriac.holder where node = any(gone);
  end if;
  return is_new;
end
$$;

-- Holds tasks for a worker: each id once, with its message's round. Returns those that another live worker holds,
-- and the seconds until that worker's lease ends.
--
-- A worker takes over tasks of an earlier round, and those of a worker whose lease has ended.
create function celeriac.hold(me text, ids text[], rounds integer[]) returns table (id text, seconds float8)
language plpgsql set search_path = celeriac, pg_temp as $$
#variable_conflict use_column
declare
  inserted text[];
  takes_over boolean;
begin
  with held as (
    insert into celeriac.holder (task_id, round, node)
    select wanted.id, wanted.round, me from unnest(ids, rounds) as wanted (id, round)
    where octet_length(wanted.id) <= 2000 -- longer ones fit into no index, and no record
    order by wanted.id -- so that two workers cannot wait for each other
    on conflict do nothing
    returning task_id
  )
  select array_agg(task_id) into inserted from held;
  if cardinality(inserted) = cardinality(ids) then
    return;
  end if;
  takes_over := exists (
    select from celeriac.worker
    where node = me and expires_at > clock_timestamp() and waits_until < clock_timestamp()
  );
  update celeriac.holder as holder set node = me, round = wanted.round
  from unnest(ids, rounds) as wanted (id, round)
  where holder.task_id = wanted.id and holder.task_id = any(ids) and (
    holder.round < wanted.round
    or takes_over and holder.node <> me and not exists (
      select from celeriac.worker where worker.node = holder.node and worker.expires_at > clock_timestamp()
    )
  );
  return query
  select wanted.id, greatest(extract(epoch from worker.expires_at - clock_timestamp()), 1)::float8
  from unnest(ids) as wanted (id)
  left join celeriac.holder on holder.task_id = wanted.id
  left join celeriac.worker on worker.node = holder.node
  where holder.node is distinct from me and octet_length(wanted.id) <= 2000;
end
$$;

-- Holds tasks as above, then reads their records: `reading` is the store's own statement, over the ids ($1) and those handed out again ($2).
-- It finds Django's tables by the caller's search_path, and is a statement of its own, so that it sees what was committed while the rows
-- were waited for.
create function celeriac.claim(me text, ids text[], rounds integer[], again text[], reading text)
returns table (id text, state text, retries integer, deliveries integer, held float8)
language plpgsql as $$
#variable_conflict use_variable
declare
  others text[] := '{}';
begin
  for id, held in select * from celeriac.hold(me, ids, rounds) loop
    others := others || id;
    return next;
  end loop;
  held := null;
  for id, state, retries, deliveries in execute reading using
    ids, array(select redelivered from unnest(again) as redelivered where redelivered <> all(others))
  loop
    return next;
  end loop;
end
$$;
