-- Submissions by Idempotency-Key: which id a key was given, and for which body.
create table celeriac.idempotency (
  key text collate "C" primary key,
  body_hash text not null,
  task_id text not null,
  published boolean not null default false,
  created_at timestamptz not null default now()
);

create index idempotency_created on celeriac.idempotency (created_at);
