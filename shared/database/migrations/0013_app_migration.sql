-- Migrations of the app's own tables that were applied, by their numbers.
create table celeriac.app_migration (
  version integer primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now()
);
