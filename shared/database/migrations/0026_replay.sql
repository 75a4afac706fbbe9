-- Replays: recorded events that become tasks of one subscription again, or for the first time.

create table celeriac.replay (
  id text collate "C" primary key,
  subscription text collate "C" not null references celeriac.subscription on update cascade on delete cascade,
  -- As requested; the two positions below follow from them.
  since timestamptz,
  until timestamptz,
  -- Patterns of types; empty: all events of the subscription.
  types text[] not null default '{}',
  -- Maximum tasks per second.
  rate float8 not null check (rate > 0),
  -- Whether events that have a task of the subscription get another one.
  again boolean not null,
  -- The last position that is done, and the last one to do.
  position bigint not null,
  last_position bigint not null,
  sent bigint not null default 0,
  -- When its next step is due; while a process works on a step, when another one may take over.
  next_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  ended_at timestamptz
);

create index replay_due on celeriac.replay (next_at) where ended_at is null;
create index replay_by_subscription on celeriac.replay (subscription, created_at);

-- The order of positions is the order of these times: record_events takes turns.
alter table celeriac.event alter column recorded_at set default clock_timestamp();

-- The position of the last event that was recorded before a time; 0 if there is none. Looks at about 40 events.
create function celeriac.position_before(moment timestamptz) returns bigint
language plpgsql stable set enable_seqscan = off set jit = off set search_path = celeriac, pg_temp as $$
declare
  low bigint := 0;
  high bigint;
  found record;
begin
  select coalesce(max(position), 0) into high from celeriac.event;
  while low < high loop
    select event.position, event.recorded_at into found
    from celeriac.event where event.position > (low + high) / 2 order by event.position limit 1;
    if found.recorded_at < moment then
      low := found.position;
    else
      high := (low + high) / 2;
    end if;
  end loop;
  return low;
end
$$;

-- Adds the tasks that a subscription got later to their events: [{"key": ..., "id": ...}].
create function celeriac.add_event_tasks(subscription text, entries json) returns void
language sql security definer set search_path = celeriac, pg_temp as $$
  update celeriac.event
  set tasks = (event.tasks::jsonb || jsonb_build_object(add_event_tasks.subscription, entry.id))::json
  from json_to_recordset(entries) as entry (key text, id text)
  where event.key = entry.key and not event.tasks::jsonb ? add_event_tasks.subscription
$$;

-- Resumes a subscription: the events of its pause become tasks by a replay. Does nothing while it is not paused.
create function celeriac.resume_subscription(subscription text, replay text, rate float8) returns void
language plpgsql security definer set search_path = celeriac, pg_temp as $$
begin
  -- Each event is recorded before this, and replayed, or after it, and dispatched.
  perform celeriac.lock_events();
  insert into celeriac.replay (id, subscription, since, rate, again, position, last_position)
  select resume_subscription.replay, name, paused_at, resume_subscription.rate, false, paused_after, last.position
  from celeriac.subscription, (select coalesce(max(event.position), 0) as position from celeriac.event) as last
  where name = resume_subscription.subscription and paused_after < last.position;
  update celeriac.subscription set paused_at = null, paused_after = null, updated_at = now()
  where name = resume_subscription.subscription and paused_at is not null;
end
$$;
