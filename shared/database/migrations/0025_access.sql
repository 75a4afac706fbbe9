-- API keys and the audit log.

create table celeriac.access_key (
  -- The public part of the token.
  id text collate "C" primary key check (id ~ '^[0-9A-Za-z]{12}$'),
  name text not null check (length(name) between 1 and 200),
  -- SHA-256 of the secret part. The secret has 190 random bits, so it needs no salt and no slow hash.
  secret_hash bytea not null check (length(secret_hash) = 32),
  scopes text[] not null,
  -- Patterns of task and queue names; `*` matches any text.
  tasks text[] not null default '{*}',
  queues text[] not null default '{*}',
  -- Null: no limit.
  requests_per_minute integer check (requests_per_minute > 0),
  created_by text not null,
  created_at timestamptz not null default now(),
  -- Null: never.
  expires_at timestamptz,
  -- A rotation creates the successor and moves the expiry to the end of the grace.
  rotated_at timestamptz,
  successor text collate "C" unique,
  revoked_at timestamptz,
  revoked_by text,
  -- Written at most once a minute for each API process.
  last_used_at timestamptz,
  check ((rotated_at is null) = (successor is null)),
  check ((revoked_at is null) = (revoked_by is null))
);

create index access_key_created on celeriac.access_key (created_at, id);

-- One row for each call that changes something, inserted before the change. Submissions and refused calls are counted instead.
create table celeriac.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  -- Null for counted calls.
  request_id text,
  -- `root`, `open`, `key:ID`, `jwt:SUBJECT` or `unauthenticated`.
  caller text not null,
  caller_name text,
  -- The scope that the call required.
  action text not null,
  method text,
  path text,
  target text,
  filter json,
  -- In a row that counts calls: how many, and the status of refused ones.
  count bigint,
  status smallint,
  address text
);

create index audit_at on celeriac.audit (at);

-- How the call ended; missing if the process ended first.
create table celeriac.audit_outcome (
  audit_id bigint primary key references celeriac.audit (id) on delete cascade,
  at timestamptz not null default clock_timestamp(),
  status smallint not null,
  -- Changed rows, where the action has a filter.
  count bigint
);

-- Deletes audit entries older than the retention, and never those of the last day: the caller may not erase its own traces. Returns
-- how many.
create function celeriac.expire_audit(retention interval, most integer) returns integer
language plpgsql security definer set search_path = celeriac, pg_temp as $$
declare
  deleted integer;
begin
  if not celeriac.upkeep_lock() then
    return 0;
  end if;
  delete from celeriac.audit where id in (
    select id from celeriac.audit where at < now() - greatest(retention, interval '1 day') order by at limit most
  );
  get diagnostics deleted = row_count;
  return deleted;
end
$$;
