-- Creates Celeriac's least-privilege roles in Postgres. Run it once in each database, as a superuser or a role with CREATEROLE:
--
--   psql "$ADMIN_DATABASE_URL" -v ON_ERROR_STOP=1 -f infra/database-roles.sql
--
-- It is idempotent. The roles cannot log in. Each process logs in as its own user, which is a member of one of the roles. Choose your own
-- passwords and keep them out of version control:
--
--   create role app_migrate login password '...' in role celeriac_migrate;   -- deno task migrate
--   create role app_api     login password '...' in role celeriac_api;       -- deno task api
--   create role app_beat    login password '...' in role celeriac_beat;      -- deno task beat
--   create role app_worker  login password '...' in role celeriac_worker;    -- deno task worker
--   grant celeriac_submit to shop;                                           -- an app that submits with celeriac.submit()
--
-- `deno task migrate` grants these privileges after every migration (shared/database/grants.sql):
--
--   celeriac_migrate  owns the schema `celeriac`
--   celeriac_api      reads tasks; inserts PENDING ones; revokes, expires and creates partitions through functions;
--                     outbox; idempotency keys; workflows and their chords;
--                     schedules; dead letters; subscriptions; reads events
--   celeriac_beat     reads and updates schedules; inserts PENDING tasks; outbox; inserts dead letters;
--                     reads subscriptions; records events through a function
--   celeriac_worker   reads and writes tasks and chords; inserts into the outbox
--   celeriac_submit   calls celeriac.submit() and celeriac.publish(); reads nothing

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
