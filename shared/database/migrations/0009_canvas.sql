-- Results of what a task started, as Celery writes them (`AsyncResult.as_tuple()`).
alter table celeriac.task add column children json;

-- Chords whose header runs: what the body waits for.
create table celeriac.chord (
  -- The group of the header.
  id text collate "C" primary key,
  -- Results of the members, in the order in which the body is given their values.
  members json not null,
  remaining integer not null check (remaining >= 0),
  created_at timestamptz not null default now(),
  -- When the body was sent, or was lost. The row stays: a copy of what opened the chord must not open it again.
  closed_at timestamptz
);

create index chord_created on celeriac.chord (created_at);

-- Members that were counted, each once, however often their messages come.
create table celeriac.chord_member (
  chord text collate "C" not null,
  task text collate "C" not null,
  counted_at timestamptz not null default now(),
  primary key (chord, task)
);

create index chord_member_counted on celeriac.chord_member (counted_at);

-- Workflows that callers have submitted: a signature in which every task has its id.
create table celeriac.workflow (
  id text collate "C" primary key,
  canvas json not null,
  created_at timestamptz not null default now()
);

create index workflow_created on celeriac.workflow (created_at);

-- Counts a member whose record is final. `state`: `unknown` (no such chord), `waiting`, `complete` (all counted, the body still to be
-- sent) or `closed`.
create function celeriac.count_member(chord_id text, task_id text, out state text, out members json)
language plpgsql set search_path = celeriac, pg_temp as $$
declare
  counter celeriac.chord;
begin
  select * into counter from celeriac.chord where id = chord_id for update;
  if not found then
    state := 'unknown';
    return;
  end if;
  insert into celeriac.chord_member (chord, task) values (chord_id, task_id) on conflict do nothing;
  if found and counter.remaining > 0 then
    update celeriac.chord set remaining = remaining - 1 where id = chord_id;
    counter.remaining := counter.remaining - 1;
  end if;
  members := counter.members;
  state := case
    when counter.closed_at is not null then 'closed'
    when counter.remaining = 0 then 'complete'
    else 'waiting'
  end;
end
$$;

-- Forgets chords and workflows older than the retention, unless a chord still waits: that one goes `abandoned` after it began.
create function celeriac.expire_canvas(retention interval, most integer, abandoned interval) returns integer
language plpgsql security definer set search_path = celeriac, pg_temp as $$
declare
  swept integer;
  deleted integer := 0;
begin
  if not celeriac.upkeep_lock() then
    return 0;
  end if;
  delete from celeriac.chord where id in (
    select id from celeriac.chord
    where created_at < now() - retention
      and (closed_at < now() - retention or created_at < now() - greatest(abandoned, retention))
    order by created_at limit most
  );
  get diagnostics swept = row_count;
  deleted := deleted + swept;
  delete from celeriac.chord_member where (chord, task) in (
    select member.chord, member.task from celeriac.chord_member as member
    where counted_at < now() - retention
      and not exists (select from celeriac.chord where chord.id = member.chord)
    order by counted_at limit most
  );
  get diagnostics swept = row_count;
  deleted := greatest(deleted, swept);
  delete from celeriac.workflow where id in (
    select id from celeriac.workflow where created_at < now() - retention order by created_at limit most
  );
  get diagnostics swept = row_count;
  return greatest(deleted, swept);
end
$$;
