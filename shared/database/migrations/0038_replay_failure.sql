-- Why the last step of a replay failed, and how many steps have failed since one succeeded.
alter table celeriac.replay
  add column failures integer not null default 0,
  add column error text,
  add column failed_at timestamptz;
