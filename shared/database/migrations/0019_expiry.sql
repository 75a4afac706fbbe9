-- Records leave a day at a time, and not while a workflow, a chord or a message in the outbox needs them.

-- As much as any route of the API takes.
alter table celeriac.outbox add constraint message_of_at_most_64_mib check (octet_length(body) <= 64 * 1024 * 1024);

-- Ids of all tasks of a workflow, and of those that it ends with.
alter table celeriac.workflow
  add column tasks text[] not null default '{}',
  add column endings text[] not null default '{}';

-- Whether a workflow still needs its records: a task that it ends with has not finished, or finished after `cutoff`.
create function celeriac.is_live(endings text[], cutoff timestamptz) returns boolean
language sql stable set search_path = celeriac, pg_temp
return exists (
  select from celeriac.tasks(endings) as ending where ending.finished_at is null or ending.finished_at >= cutoff
);

-- Ids of records that open chords and live workflows need, of those that began before `cutoff` and after `forgotten`.
create function celeriac.needed(cutoff timestamptz, forgotten timestamptz) returns setof text
language sql stable set search_path = celeriac, pg_temp as $$
  -- Members are result tuples: each text in them is an id.
  select member #>> '{}'
  from celeriac.chord, jsonb_path_query(chord.members::jsonb, 'strict $.** ? (@.type() == "string")') as member
  where chord.closed_at is null and chord.created_at >= forgotten and chord.created_at < cutoff
  union
  select unnest(workflow.tasks) from celeriac.workflow
  where workflow.created_at >= forgotten and workflow.created_at < cutoff and celeriac.is_live(workflow.endings, cutoff)
$$;

drop function celeriac.expire(interval, integer, interval);

-- Drops days that are older than the retention. Records that must stay move to the default partition, up to 10,000 of a day; a day
-- with more is read by primary key, `most` rows a call, and its expired rows are deleted. So are those of the foreign partitions and
-- of the default one.
--
-- A record stays while it is not final (until `abandoned` after its last change; in a queue of another system until the retention is
-- over, because its workers do not write here), while the outbox has a message of it, and while celeriac.needed() names it. `resume`: where the next call goes on, given as its `after`; null when all is done.
create function celeriac.expire(
  retention interval, most integer, abandoned interval, after text default '',
  out dropped integer, out deleted integer, out resume text
)
language plpgsql security definer set search_path = celeriac, pg_temp as $$
declare
  most_moved constant integer := 10000;
  began constant timestamptz := clock_timestamp();
  cutoff constant timestamptz := now() - retention;
  forgotten constant timestamptz := now() - greatest(abandoned, retention);
  partition text;
  day date;
  needed text[];
  stays text;
  staying text[];
  changed boolean;
  swept integer;
begin
  dropped := 0;
  deleted := 0;
  if retention < interval '1 minute' then
    raise exception 'a retention under one minute would delete results before they are read'
      using errcode = 'invalid_parameter_value';
  end if;
  if not celeriac.upkeep_lock() then
    return;
  end if;
  needed := array(select celeriac.needed(cutoff, forgotten));
  stays := format(
    '(coalesce(
        record.finished_at >= %1$L,
        greatest(record.created_at, record.updated_at) >= case when record.queue !~ ''^celeriac\.'' then %1$L else %2$L end::timestamptz
      )
      or record.id = any($1)
      or exists (select from celeriac.outbox where outbox.task_id = record.id))',
    cutoff, forgotten
  );
  for partition in
    select child.relname
    from pg_inherits join pg_class child on child.oid = inhrelid
    where inhparent = 'celeriac.task'::regclass
      and (child.relname !~ '^task_\d{8}$' or right(child.relname, 8)::date + 1 <= (cutoff at time zone 'UTC')::date)
    order by child.relname
  loop
    if partition ~ '^task_\d{8}$' then
      day := right(partition, 8)::date;
      continue when celeriac.day_bound(day + 1) <= after;
      execute format('select array(select id from celeriac.%I as record where %s limit %s)', partition, stays, most_moved + 1)
        into staying using needed;
      -- Stragglers of the night get three days to finish.
      continue when cardinality(staying) > 0 and day + 4 > (cutoff at time zone 'UTC')::date;
      if cardinality(staying) <= most_moved then
        begin
          set local lock_timeout = '250ms';
          lock table only celeriac.task in access exclusive mode;
          -- Final rows stay final, so only a row inserted since the look above can matter; an hour is more than any insert takes.
          execute format('select exists (select from celeriac.%I where created_at >= %L)', partition, began - interval '1 hour')
            into changed;
          if not changed then
            execute format('alter table celeriac.task detach partition celeriac.%I', partition);
            execute format('insert into celeriac.task select * from celeriac.%I where id = any($1)', partition) using staying;
            execute format('drop table celeriac.%I', partition);
            dropped := dropped + 1;
          end if;
        exception when lock_not_available or deadlock_detected then
          raise notice 'partition % stays for now, as the table is in use', partition;
        end;
        continue;
      end if;
      execute format(
        'with page as materialized (
           select id, %2$s as stays from celeriac.%1$I as record where id > %3$L order by id limit %4$s
         ), gone as (
           delete from celeriac.%1$I as record using page where record.id = page.id and not page.stays returning record.id
         )
         select (select count(*) from gone), (select max(id) from page having count(*) = %4$s)',
        partition, stays, after, most - deleted
      ) into swept, resume using needed;
      deleted := deleted + swept;
      exit when resume is not null;
    else
      execute format(
        'delete from celeriac.%1$I where id in (
           (select id from celeriac.%1$I as record where finished_at < %2$L and not %3$s limit %4$s)
           union all
           (select id from celeriac.%1$I as record
            where state <> ''SUCCESS'' and finished_at is null and created_at < %2$L and not %3$s limit %4$s)
           limit %4$s
         )',
        partition, cutoff, stays, most - deleted
      ) using needed;
      get diagnostics swept = row_count;
      deleted := deleted + swept;
    end if;
    if deleted >= most then
      resume := coalesce(resume, after);
      exit;
    end if;
  end loop;
end
$$;

-- Forgets chords older than the retention, unless they are open, and workflows, unless they are live; either goes `abandoned` after it
-- began.
create or replace function celeriac.expire_canvas(retention interval, most integer, abandoned interval) returns integer
language plpgsql security definer set search_path = celeriac, pg_temp as $$
declare
  cutoff constant timestamptz := now() - retention;
  forgotten constant timestamptz := now() - greatest(abandoned, retention);
  swept integer;
  deleted integer := 0;
begin
  if not celeriac.upkeep_lock() then
    return 0;
  end if;
  delete from celeriac.chord where id in (
    select id from celeriac.chord
    where created_at < cutoff and (closed_at < cutoff or created_at < forgotten)
    order by created_at limit most
  );
  get diagnostics swept = row_count;
  deleted := deleted + swept;
  delete from celeriac.chord_member where (chord, task) in (
    select member.chord, member.task from celeriac.chord_member as member
    where counted_at < cutoff
      and not exists (select from celeriac.chord where chord.id = member.chord)
    order by counted_at limit most
  );
  get diagnostics swept = row_count;
  deleted := greatest(deleted, swept);
  delete from celeriac.workflow where id in (
    select id from celeriac.workflow
    where created_at < cutoff and (created_at < forgotten or not celeriac.is_live(endings, cutoff))
    order by created_at limit most
  );
  get diagnostics swept = row_count;
  return greatest(deleted, swept);
end
$$;
