-- Holds tasks (0020), then reads their records in Celeriac's schema, with plans that a session keeps. The statement that the older
-- celeriac.claim() runs is planned by each call, which takes longer than its execution.
create function celeriac.claim(me text, ids text[], rounds integer[])
returns table (id text, state text, retries integer, deliveries integer, held float8)
language plpgsql set enable_seqscan = off set jit = off set search_path = celeriac, pg_temp as $$
#variable_conflict use_variable
declare
  few constant integer := 4;
begin
  for id, held in select * from celeriac.hold(me, ids, rounds) loop
    return next;
  end loop;
  held := null;
  if cardinality(ids) > few then
    return query
    select task.id, task.state, task.retries, greatest(task.deliveries, 1), null::float8 from celeriac.tasks(ids) as task;
    return;
  end if;
  foreach id in array ids loop
    select task.state, task.retries, greatest(task.deliveries, 1) into state, retries, deliveries
    from celeriac.task where task.id = claim.id;
    if found then
      return next;
    end if;
  end loop;
end
$$;
