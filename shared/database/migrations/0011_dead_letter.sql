-- Messages that nobody could work on, taken from the queue of dead letters, until they are sent again or purged.
create table celeriac.dead_letter (
  -- Given by the worker that set the message aside, or made of all that the broker tells of it: a letter that comes twice is one row.
  id uuid primary key,
  collected_at timestamptz not null default now(),
  task_id text collate "C",
  task text,
  retries integer not null,
  -- Queue that it was set aside from.
  queue text not null,
  reason text not null,
  detail text,
  worker text,
  died_at timestamptz,
  exchange text not null,
  routing_key text not null,
  properties json not null,
  headers json not null,
  body bytea not null
);

create index dead_letter_collected on celeriac.dead_letter (collected_at, id);
create index dead_letter_task on celeriac.dead_letter (task_id) where task_id is not null;

-- Makes failed tasks PENDING again, whose messages are sent once more; returns those it did.
create function celeriac.reopen(tasks json) returns setof text
language sql security definer set search_path = celeriac, pg_temp as $$
  update celeriac.task
  set state = 'PENDING', worker = null, result = null, exception = null, traceback = null, children = null, meta = null,
    retries = least(task.retries, message.retries), deliveries = 0, started_at = null, finished_at = null, updated_at = now()
  from json_to_recordset(tasks) as message (id text, retries integer)
  where task.id = message.id and task.state = 'FAILURE'
  returning task.id
$$;
