-- What is sent again and again, and when. Schedulers move the rows, one of them at a time.
create table celeriac.schedule (
  name text collate "C" primary key,
  -- As it travels in Celery's messages; json, not jsonb: kept as it was written.
  signature json not null,
  cron text,
  timezone text,
  every double precision,
  missed text not null default 'once' check (missed in ('skip', 'once', 'all')),
  -- `code`: a contracts module defines it, and only that may change or remove it.
  source text not null check (source in ('code', 'database')),
  paused boolean not null default false,
  -- Intervals are counted from here.
  anchor_at timestamptz not null default now(),
  -- Every tick up to here has been dealt with.
  after_at timestamptz not null default now(),
  -- The next tick; null until a scheduler has told it.
  next_at timestamptz,
  -- The newest tick that was sent, and the task that it became.
  last_at timestamptz,
  last_id text,
  ticks bigint not null default 0,
  -- Why it cannot tick; forgotten when it is changed.
  problem text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check ((cron is null) <> (every is null)),
  check ((cron is null) = (timezone is null))
);

create index schedule_due on celeriac.schedule (next_at) where not paused and problem is null;

-- Who leads for a while. The epoch goes up with each new holder: what an old one still does can be told from what the new one does.
create table celeriac.lease (
  name text collate "C" primary key,
  holder text not null,
  epoch bigint not null,
  expires_at timestamptz not null
);
