-- Events and subscriptions to them.

create sequence celeriac.event_position;

-- One row for each event that the dispatcher has turned into tasks. Partitioned like `task`: the key is a UUIDv7 of the event's time, or a
-- hash of version 8.
create table celeriac.event (
  key text collate "C" not null primary key,
  -- Readers go on from the highest position that they have read: positions become visible in their order (see record_events).
  position bigint not null default nextval('celeriac.event_position'),
  source text not null,
  id text not null,
  type text collate "C" not null,
  subject text,
  -- The event in the JSON format; json, not jsonb: kept as it was written.
  event json not null,
  -- Ids of its first tasks by subscription.
  tasks json not null default '{}',
  recorded_at timestamptz not null default now()
) partition by range (key);

create index event_by_position on celeriac.event (position);
create index event_by_type on celeriac.event (type, position);

create table celeriac.event_foreign_low partition of celeriac.event for values from (minvalue) to ('019');
create table celeriac.event_foreign_high partition of celeriac.event for values from ('03') to (maxvalue);
create table celeriac.event_default partition of celeriac.event default;

create index event_foreign_low_recorded on celeriac.event_foreign_low (recorded_at);
create index event_foreign_high_recorded on celeriac.event_foreign_high (recorded_at);
create index event_default_recorded on celeriac.event_default (recorded_at);

-- Which events become which task.
create table celeriac.subscription (
  name text collate "C" primary key,
  -- `code`: a contracts module defines it, and only that may change it.
  source text not null check (source in ('code', 'database')),
  -- As RabbitMQ's topic exchanges read them.
  patterns text[] not null check (cardinality(patterns) > 0),
  -- Attributes that an event must have, by name; null matches any value.
  attributes json not null default '{}',
  match text not null default 'all' check (match in ('all', 'any')),
  -- Task, queue and arguments.
  deliver json not null,
  -- Since when it makes no tasks, and the position of the last event before that: it resumes with the next one.
  paused_at timestamptz,
  paused_after bigint,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- Lets one transaction at a time record events, or pause or resume a subscription. Returns the revision of the subscriptions: it differs
-- after any change of them.
create function celeriac.lock_events() returns text
language plpgsql security definer set search_path = celeriac, pg_temp as $$
begin
  perform pg_advisory_xact_lock(hashtext('celeriac'), hashtext('event'));
  -- A statement of its own, so that it sees what committed while this one waited.
  return (select coalesce(string_agg(name || ' ' || xmin::text, ',' order by name), '') from celeriac.subscription);
end
$$;

-- Pauses a subscription. A repeated pause keeps its beginning.
create function celeriac.pause_subscription(subscription text) returns void
language plpgsql security definer set search_path = celeriac, pg_temp as $$
begin
  perform celeriac.lock_events();
  update celeriac.subscription
  set paused_at = now(), paused_after = (select coalesce(max(position), 0) from celeriac.event), updated_at = now()
  where name = pause_subscription.subscription and paused_at is null;
end
$$;

-- Records events and returns the keys that are new, in the order of the array.
--
-- Writers take turns until they commit. So positions become visible in their order, and a reader never misses a lower one.
create function celeriac.record_events(entries json) returns setof text
language plpgsql security definer set search_path = celeriac, pg_temp as $$
begin
  perform celeriac.lock_events();
  return query
  insert into celeriac.event as recorded (key, source, id, type, subject, event, tasks)
  select entry.key, entry.source, entry.id, entry.type, entry.subject, entry.event::json, entry.tasks
  from json_to_recordset(entries)
    as entry (key text, source text, id text, type text, subject text, event text, tasks json)
  on conflict do nothing
  returning recorded.key;
end
$$;

-- The events of these keys, each looked up in the one partition where it can be; for the settings see celeriac.tasks().
create function celeriac.events(keys text[]) returns setof celeriac.event
language plpgsql stable rows 500 set enable_seqscan = off set jit = off set search_path = celeriac, pg_temp as $$
begin
  return query
  select found.* from unnest(keys) as wanted (key)
  cross join lateral (select * from celeriac.event where event.key = wanted.key limit 1) as found;
end
$$;

-- Makes the partitions of one table for today and the days ahead; returns how many it made. `id`: the column of the partition key.
create function celeriac.make_day_partitions(parent text, id text, days_ahead integer) returns integer
language plpgsql set search_path = celeriac, pg_temp as $$
declare
  -- More rows than this are left in the default partition, which is swept as well: moving them would block writers for long.
  most_moved constant integer := 10000;
  today constant date := (now() at time zone 'UTC')::date;
  fallback constant text := parent || '_default';
  day date;
  partition text;
  strays integer;
  made integer := 0;
begin
  for day in select generate_series(today, today + days_ahead, interval '1 day')::date loop
    partition := parent || '_' || to_char(day, 'YYYYMMDD');
    continue when to_regclass('celeriac.' || partition) is not null;
    begin
      set local lock_timeout = '500ms';
      execute format('lock table only celeriac.%I in share update exclusive mode', parent);
      execute format('lock table celeriac.%I in access exclusive mode', fallback);
      execute format(
        'select count(*) from (select from celeriac.%1$I where %2$I >= %3$L and %2$I < %4$L limit %5$s) as stray',
        fallback, id, celeriac.day_bound(day), celeriac.day_bound(day + 1), most_moved + 1
      ) into strays;
      continue when strays > most_moved;
      -- Room in each page lets progress reports rewrite their row in place.
      execute format(
        'create table celeriac.%I (like celeriac.%I including all) with (fillfactor = %s)',
        partition, parent, case parent when 'task' then 90 else 100 end
      );
      execute format(
        'with stray as (delete from celeriac.%1$I where %2$I >= %3$L and %2$I < %4$L returning *)
         insert into celeriac.%5$I select * from stray',
        fallback, id, celeriac.day_bound(day), celeriac.day_bound(day + 1), partition
      );
      execute format(
        'alter table celeriac.%I attach partition celeriac.%I for values from (%L) to (%L)',
        parent, partition, celeriac.day_bound(day), celeriac.day_bound(day + 1)
      );
      made := made + 1;
    exception when lock_not_available or deadlock_detected then
      raise notice 'partition % has to wait, as the table is in use', partition;
    end;
  end loop;
  return made;
end
$$;

-- As before; also of events.
create or replace function celeriac.make_partitions(days_ahead integer) returns integer
language plpgsql security definer set search_path = celeriac, pg_temp as $$
begin
  if not celeriac.upkeep_lock() then
    return 0;
  end if;
  return celeriac.make_day_partitions('task', 'id', days_ahead) + celeriac.make_day_partitions('event', 'key', days_ahead);
end
$$;

-- Drops days of events that were all recorded longer ago than the retention, and deletes at most `most` such events from all other
-- partitions.
create function celeriac.expire_events(retention interval, most integer, out dropped integer, out deleted integer)
language plpgsql security definer set search_path = celeriac, pg_temp as $$
declare
  cutoff constant timestamptz := now() - retention;
  partition text;
  recent boolean;
  swept integer;
begin
  dropped := 0;
  deleted := 0;
  if retention < interval '1 minute' then
    raise exception 'a retention under one minute would delete events before they are read'
      using errcode = 'invalid_parameter_value';
  end if;
  if not celeriac.upkeep_lock() then
    return;
  end if;
  for partition in
    select child.relname
    from pg_inherits join pg_class child on child.oid = inhrelid
    where inhparent = 'celeriac.event'::regclass
      and (child.relname !~ '^event_\d{8}$' or right(child.relname, 8)::date + 1 <= (cutoff at time zone 'UTC')::date)
    order by child.relname
  loop
    if partition ~ '^event_\d{8}$' then
      execute format('select exists (select from celeriac.%I where recorded_at >= %L)', partition, cutoff) into recent;
      if not recent then
        begin
          set local lock_timeout = '250ms';
          lock table only celeriac.event in access exclusive mode;
          -- An event of that day may have been recorded since.
          execute format('select exists (select from celeriac.%I where recorded_at >= %L)', partition, cutoff) into recent;
          if not recent then
            execute format('drop table celeriac.%I', partition);
            dropped := dropped + 1;
          end if;
        exception when lock_not_available or deadlock_detected then
          raise notice 'partition % stays for now, as the table is in use', partition;
        end;
        continue;
      end if;
    end if;
    execute format(
      'delete from celeriac.%1$I where key in (select key from celeriac.%1$I where recorded_at < %2$L limit %3$s)',
      partition, cutoff, most - deleted
    );
    get diagnostics swept = row_count;
    deleted := deleted + swept;
    exit when deleted >= most;
  end loop;
end
$$;
