-- Messages that wait: until they are due, or until the broker can take them.
create table celeriac.outbox (
  id bigint generated always as identity primary key,
  task_id text collate "C" not null,
  retries integer not null,
  -- A relay that takes a message moves this ahead, so that another relay takes over if the first one dies.
  due_at timestamptz not null,
  exchange text not null,
  routing_key text not null,
  properties json not null,
  headers json not null,
  body bytea not null,
  attempts integer not null default 0,
  last_error text,
  created_at timestamptz not null default now(),
  -- A second copy of one attempt is not stored.
  unique (task_id, retries)
) with (
  -- Rows come and go; the dead ones at the head of the index are in the way of every relay.
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0
);

create index outbox_due on celeriac.outbox (due_at, id);
