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
  -- 0, and the row's own id once a relay has offered it to the broker.
  offer bigint not null default 0,
  -- A second copy of one attempt is not stored. But what comes back from a worker (too early by its clock) while the relay has yet to
  -- remove what it published is another row: else the relay would remove the only copy.
  unique (task_id, retries, offer)
) with (
  -- Rows come and go; the dead ones at the head of the index are in the way of every relay.
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0
);

create index outbox_due on celeriac.outbox (due_at, id);
