-- Pauses of queues and tasks.

-- A paused queue is not consumed; a paused task does not start. Workers read the table once a second.
create table celeriac.pause (
  id integer not null generated always as identity unique,
  scope text collate "C" not null check (scope in ('queue', 'task')),
  name text collate "C" not null check (length(name) between 1 and 255),
  reason text,
  -- As in the audit log: `root`, `open`, `key:ID` or `jwt:SUBJECT`.
  paused_by text not null,
  paused_at timestamptz not null default now(),
  -- Set by a resume: workers ignore the row, and it is deleted once its parked messages are due.
  resumed_at timestamptz,
  -- Messages per second of the resume; null: all at once.
  rate double precision check (rate > 0),
  -- When the next parked message may be due, if there is a rate.
  next_at timestamptz,
  -- Number and bytes of the messages that wait for its end, revoked ones included.
  parked bigint not null default 0,
  parked_bytes bigint not null default 0,
  primary key (scope, name)
);

-- Which messages of the outbox wait for the end of a pause. A revoked message may have left the outbox.
--
-- A column of the outbox would change the plans of the relay: the wider its rows, the fewer the planner expects in a table without statistics.
create table celeriac.parked (
  pause integer not null,
  id bigint not null,
  bytes integer not null,
  primary key (pause, id)
);

-- Stores messages of paused queues and tasks. They are due when the pause ends: [{"scope": ..., "name": ..., "task_id": ..., ...}].
-- A message whose pause has ended in the meantime is due now. May be repeated.
--
-- `offer` is 0, so that a revoke makes the message due.
create function celeriac.park_messages(entries json) returns void
language plpgsql security definer set search_path = celeriac, pg_temp as $$
begin
  -- A resume updates the row. So it either waits for this transaction and then finds its messages, or is visible to the next statement.
  perform from celeriac.pause
  where (pause.scope, pause.name) in (
    select entry.scope, entry.name from json_to_recordset(entries) as entry (scope text, name text)
  )
  order by pause.scope, pause.name
  for no key update;
  with entry as materialized (
    select entry.*, pause.id as pause
    from json_to_recordset(entries) as entry (
      scope text, name text, task_id text, retries integer, exchange text, routing_key text, properties text,
      headers text, body text
    )
    left join celeriac.pause
      on pause.scope = entry.scope and pause.name = entry.name and pause.resumed_at is null
  ), stored as (
    insert into celeriac.outbox (task_id, retries, due_at, exchange, routing_key, properties, headers, body)
    select task_id, retries,
      -- Not infinity: before Postgres 17 no interval can express the time until then.
      case when pause is null then clock_timestamp() else timestamptz '9999-01-01 00:00:00+00' end,
      exchange, routing_key, properties::json, headers::json, decode(body, 'base64')
    from entry
    on conflict do nothing
    returning id, task_id, retries, octet_length(body) as bytes
  ), waiting as (
    insert into celeriac.parked (pause, id, bytes)
    select distinct on (stored.id) entry.pause, stored.id, stored.bytes
    from stored join entry using (task_id, retries)
    where entry.pause is not null
    returning pause, bytes
  )
  update celeriac.pause
  set parked = pause.parked + added.messages, parked_bytes = pause.parked_bytes + added.bytes
  from (select pause, count(*) as messages, sum(bytes) as bytes from waiting group by pause) as added
  where pause.id = added.pause;
end
$$;

-- Makes parked messages of resumed queues and tasks due, oldest first and at most `most` of each; returns how many. Deletes the pauses
-- that have none left. With a rate, those are due that may start within the next two seconds: call it at least once a second.
create function celeriac.release_parked(most integer) returns integer
language plpgsql security definer set search_path = celeriac, pg_temp as $$
declare
  resumed record;
  present timestamptz;
  start_at timestamptz;
  allowed integer;
  released integer;
  freed bigint;
  total integer := 0;
begin
  for resumed in
    select * from celeriac.pause where resumed_at is not null order by scope, name for update skip locked
  loop
    present := clock_timestamp();
    start_at := greatest(resumed.next_at, present);
    allowed := case
      when resumed.rate is null then most
      else least(most, ceil(extract(epoch from present + interval '2 seconds' - start_at) * resumed.rate))
    end;
    continue when allowed <= 0;
    with ended as (
      delete from celeriac.parked
      where pause = resumed.id
        and id in (select id from celeriac.parked where pause = resumed.id order by id limit allowed)
      returning id, bytes
    ), placed as (
      select id, row_number() over (order by id) - 1 as place from ended
    ), due as (
      -- A revoked message may be due already. One with an offer is being published.
      update celeriac.outbox as entry
      set due_at = least(entry.due_at, start_at + coalesce(placed.place / resumed.rate, 0) * interval '1 second')
      from placed where entry.id = placed.id and entry.offer = 0
    )
    select count(*), coalesce(sum(bytes), 0) into released, freed from ended;
    total := total + released;
    if not exists (select from celeriac.parked where pause = resumed.id) then
      delete from celeriac.pause where id = resumed.id;
    else
      update celeriac.pause
      set parked = parked - released, parked_bytes = parked_bytes - freed,
        next_at = case when rate is not null then start_at + released / rate * interval '1 second' end
      where id = resumed.id;
    end if;
  end loop;
  return total;
end
$$;
