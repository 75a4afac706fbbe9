-- Holds tasks with half the CPU time.

-- As before. Nearly always nobody holds any of the tasks, and a plain insert costs half as much as one that first looks for conflicts. If one
-- of the ids exists, the insert is rolled back and repeated.
create or replace function celeriac.hold(me text, ids text[], rounds integer[]) returns table (id text, seconds float8)
language plpgsql set search_path = celeriac, pg_temp as $$
#variable_conflict use_column
declare
  inserted bigint;
  takes_over boolean;
begin
  begin
    insert into celeriac.holder (task_id, round, node)
    select wanted.id, wanted.round, me from unnest(ids, rounds) as wanted (id, round)
    where octet_length(wanted.id) <= 2000 -- longer ones fit into no index, and no record
    order by wanted.id; -- so that two workers cannot wait for each other
    get diagnostics inserted = row_count;
  exception when unique_violation then
    insert into celeriac.holder (task_id, round, node)
    select wanted.id, wanted.round, me from unnest(ids, rounds) as wanted (id, round)
    where octet_length(wanted.id) <= 2000
    order by wanted.id
    on conflict do nothing;
    get diagnostics inserted = row_count;
  end;
  if inserted = cardinality(ids) then
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
