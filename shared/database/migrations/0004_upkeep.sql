-- Partitions come and go through these functions only: their owner may run DDL, their callers need not.
-- Each takes the transaction-level lock below and returns at once when another process is at it. None waits long for a table lock:
-- whoever comes later would wait behind it.

create function celeriac.upkeep_lock() returns boolean
language sql set search_path = celeriac, pg_temp
return pg_try_advisory_xact_lock(hashtext('celeriac'), hashtext('upkeep'));

-- The first id that a UUIDv7 of this day (UTC) can have, as far as it tells the day.
create function celeriac.day_bound(day date) returns text
language sql immutable strict set search_path = celeriac, pg_temp
return (
  select left(hex, 8) || '-' || right(hex, 4)
  from lpad(to_hex((extract(epoch from day::timestamp) * 1000)::bigint), 12, '0') as hex
);

-- Makes the partitions of today and of the days ahead; returns how many it made.
create function celeriac.make_partitions(days_ahead integer) returns integer
language plpgsql security definer set search_path = celeriac, pg_temp as $$
declare
  -- More rows than this are left in the default partition, which is swept as well: moving them would block writers for long.
  most_moved constant integer := 10000;
  today constant date := (now() at time zone 'UTC')::date;
  day date;
  partition text;
  strays integer;
  made integer := 0;
begin
  if not celeriac.upkeep_lock() then
    return 0;
  end if;
  for day in select generate_series(today, today + days_ahead, interval '1 day')::date loop
    partition := 'task_' || to_char(day, 'YYYYMMDD');
    continue when to_regclass('celeriac.' || partition) is not null;
    begin
      set local lock_timeout = '500ms';
      lock table only celeriac.task in share update exclusive mode;
      lock table celeriac.task_default in access exclusive mode;
      select count(*) into strays from (
        select from celeriac.task_default
        where id >= celeriac.day_bound(day) and id < celeriac.day_bound(day + 1)
        limit most_moved + 1
      ) as stray;
      continue when strays > most_moved;
      -- Room in each page lets progress reports rewrite their row in place.
      execute format('create table celeriac.%I (like celeriac.task including all) with (fillfactor = 90)', partition);
      execute format(
        'with stray as (delete from celeriac.task_default where id >= %L and id < %L returning *)
         insert into celeriac.%I select * from stray',
        celeriac.day_bound(day), celeriac.day_bound(day + 1), partition
      );
      execute format(
        'alter table celeriac.task attach partition celeriac.%I for values from (%L) to (%L)',
        partition, celeriac.day_bound(day), celeriac.day_bound(day + 1)
      );
      made := made + 1;
    exception when lock_not_available or deadlock_detected then
      raise notice 'partition % has to wait, as the table is in use', partition;
    end;
  end loop;
  return made;
end
$$;

-- Drops days in which every task is final and finished longer ago than the retention, and deletes at most `most` such rows from the
-- foreign partitions and from days that stay for a task of theirs that has not finished. What never finished goes `abandoned` after its last change, unless the outbox still holds it.
create function celeriac.expire(
  retention interval, most integer, abandoned interval, out dropped integer, out deleted integer
)
language plpgsql security definer set search_path = celeriac, pg_temp as $$
declare
  began constant timestamptz := clock_timestamp();
  cutoff constant timestamptz := now() - retention;
  forgotten constant timestamptz := now() - greatest(abandoned, retention);
  partition text;
  alive boolean;
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
  for partition in
    select child.relname
    from pg_inherits join pg_class child on child.oid = inhrelid
    where inhparent = 'celeriac.task'::regclass
      and (child.relname !~ '^task_\d{8}$' or right(child.relname, 8)::date + 1 <= (cutoff at time zone 'UTC')::date)
    order by child.relname
  loop
    if partition ~ '^task_\d{8}$' then
      execute format(
        'select exists (select from celeriac.%1$I where finished_at is null and state <> ''SUCCESS'')
           or exists (select from celeriac.%1$I where finished_at >= %2$L)',
        partition, cutoff
      ) into alive;
      if not alive then
        begin
          set local lock_timeout = '250ms';
          lock table only celeriac.task in access exclusive mode;
          -- Final rows stay final, so only a row inserted since the look above can matter; an hour is more than any insert takes.
          execute format(
            'select exists (select from celeriac.%I where created_at >= %L)', partition, began - interval '1 hour'
          ) into alive;
          if not alive then
            execute format('drop table celeriac.%I', partition);
            dropped := dropped + 1;
          end if;
        exception when lock_not_available or deadlock_detected then
          raise notice 'partition % stays for now, as the table is in use', partition;
        end;
        continue;
      end if;
      -- Stragglers of the night get three days to finish, as dropping the day is cheaper than deleting its rows.
      continue when right(partition, 8)::date + 4 > (cutoff at time zone 'UTC')::date;
    end if;
    execute format(
      'delete from celeriac.%1$I where id in (
         (select id from celeriac.%1$I where finished_at < %2$L limit %4$s)
         union all
         (select id from celeriac.%1$I as open
          where state <> ''SUCCESS'' and finished_at is null and created_at < %3$L and updated_at < %3$L
            and not exists (select from celeriac.outbox where outbox.task_id = open.id)
          limit %4$s)
         limit %4$s
       )',
      partition, cutoff, forgotten, most - deleted
    );
    get diagnostics swept = row_count;
    deleted := deleted + swept;
    exit when deleted >= most;
  end loop;
end
$$;

-- Forgets keys older than the retention; returns how many.
create function celeriac.expire_keys(retention interval, most integer) returns integer
language plpgsql security definer set search_path = celeriac, pg_temp as $$
declare
  deleted integer;
begin
  if not celeriac.upkeep_lock() then
    return 0;
  end if;
  delete from celeriac.idempotency where key in (
    select key from celeriac.idempotency where created_at < now() - retention order by created_at limit most
  );
  get diagnostics deleted = row_count;
  return deleted;
end
$$;
