-- Runs of redelivered messages that have begun and not ended: as many times their worker died over them.
-- Written only for messages that come again, so that the others cost nothing.
create table celeriac.crash (
  task_id text collate "C" primary key,
  -- Another attempt starts from nothing.
  retries integer not null,
  runs integer not null,
  updated_at timestamptz not null default now()
);
