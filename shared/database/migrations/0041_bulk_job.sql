-- Jobs that revoke, retry or rerun many tasks. Each API process runs steps of them.

create table celeriac.bulk_job (
  id uuid primary key,
  action text not null,
  terminate boolean not null,
  filter json not null,
  -- Only tasks that were created before: tasks that are submitted meanwhile are never changed.
  frozen_at timestamptz not null,
  -- Tasks that matched when the job began; null if they were too many to count.
  matched bigint,
  -- Whose rights limit the job.
  caller text not null,
  caller_name text not null,
  rights json not null,
  -- Where the next step begins; null at the beginning.
  position text,
  done bigint not null default 0,
  refused bigint not null default 0,
  refusals json not null default '[]',
  created_at timestamptz not null default now(),
  next_at timestamptz not null default now(),
  ended_at timestamptz,
  -- Why it ended early; null if it did not.
  stopped text
);

create index bulk_job_next on celeriac.bulk_job (next_at) where ended_at is null;
create index bulk_job_created on celeriac.bulk_job (created_at);
