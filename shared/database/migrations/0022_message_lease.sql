-- Leases on messages: the row of a running task's message, due unless the worker that runs it pushes it ahead.
--
-- A leased row has a holder, and in `offer` a negative number of the holder's choice. A relay that takes a row makes `offer` the row's id
-- and clears the holder: then the lease is lost, and no function below finds the row.
alter table celeriac.outbox add column holder text;

-- Stores messages that a worker holds, due in so many seconds. May be repeated.
create function celeriac.lease_messages(entries json, holder text, seconds double precision) returns void
language sql security definer set search_path = celeriac, pg_temp as $$
  insert into celeriac.outbox (
    task_id, retries, due_at, exchange, routing_key, properties, headers, body, offer, holder
  )
  select entry.task_id, entry.retries, clock_timestamp() + $3 * interval '1 second', entry.exchange, entry.routing_key,
    entry.properties::json, entry.headers::json, decode(entry.body, 'base64'), entry.lease, $2
  from json_to_recordset($1) as entry (
    task_id text, retries integer, lease bigint, exchange text, routing_key text, properties text, headers text, body text
  )
  where entry.lease < 0
  on conflict do nothing
$$;

-- Pushes leased rows ahead, and returns the leases that are still held.
create function celeriac.renew_messages(leases json, seconds double precision) returns setof double precision
language sql security definer set search_path = celeriac, pg_temp as $$
  update celeriac.outbox as entry
  set due_at = greatest(entry.due_at, clock_timestamp() + $2 * interval '1 second')
  from json_to_recordset($1) as held (task_id text, retries integer, lease bigint)
  where entry.task_id = held.task_id and entry.retries = held.retries and entry.offer = held.lease and held.lease < 0
  returning entry.offer::double precision
$$;

-- Gives leased messages back: a relay publishes them at once.
create function celeriac.return_messages(leases json) returns void
language sql security definer set search_path = celeriac, pg_temp as $$
  update celeriac.outbox as entry
  set due_at = clock_timestamp(), offer = entry.id, holder = null
  from json_to_recordset($1) as held (task_id text, retries integer, lease bigint)
  where entry.task_id = held.task_id and entry.retries = held.retries and entry.offer = held.lease and held.lease < 0
$$;

-- Deletes leased messages: their tasks have ended.
create function celeriac.end_messages(leases json) returns void
language sql security definer set search_path = celeriac, pg_temp as $$
  delete from celeriac.outbox as entry
  using json_to_recordset($1) as held (task_id text, retries integer, lease bigint)
  where entry.task_id = held.task_id and entry.retries = held.retries and entry.offer = held.lease and held.lease < 0
$$;
