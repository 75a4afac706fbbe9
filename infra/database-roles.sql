-- Least privilege for Celeriac in Postgres. Run once for each database, in it, as a superuser or as a role that may create roles:
--
--   psql "$ADMIN_DATABASE_URL" -v ON_ERROR_STOP=1 -f infra/database-roles.sql
--
-- It may be run again: what is there stays. The roles cannot log in; each process logs in as a user of its own that is a member of
-- one of them. Choose passwords of your own and keep them out of files that are checked in:
--
--   create role app_migrate login password '...' in role celeriac_migrate;   -- deno task migrate
--   create role app_api     login password '...' in role celeriac_api;       -- deno task api
--   create role app_beat    login password '...' in role celeriac_beat;      -- deno task beat
--   create role app_worker  login password '...' in role celeriac_worker;    -- deno task worker
--   grant celeriac_submit to shop;                                           -- an app that submits with celeriac.submit()
--
-- What each may do is granted by `deno task migrate` (shared/database/grants.sql), after every migration:
--
--   celeriac_migrate  owns the schema `celeriac`
--   celeriac_api      reads tasks; inserts PENDING ones; revokes, expires and makes partitions through functions;
--                     outbox; idempotency keys; workflows and the chords they open
--                     schedules; dead letters
--   celeriac_beat     reads and moves schedules; inserts PENDING tasks; outbox; inserts dead letters
--   celeriac_worker   reads and writes tasks and chords; inserts into the outbox
--   celeriac_submit   calls celeriac.submit(), and sees nothing

do $$
declare
  role text;
begin
  foreach role in array array['celeriac_migrate', 'celeriac_api', 'celeriac_beat', 'celeriac_worker', 'celeriac_submit'] loop
    begin
      execute format('create role %I nologin', role);
    exception when duplicate_object or unique_violation then
      null;
    end;
  end loop;
  execute format('grant connect, create on database %I to celeriac_migrate', current_database());
  execute format('grant connect on database %I to celeriac_api, celeriac_beat, celeriac_worker, celeriac_submit', current_database());
end
$$;
