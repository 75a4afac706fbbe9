-- Counting a member of a chord reads all members only when the chord is complete.

-- As before, but `members` is null unless the state is `complete`.
--
-- Without the setting, a plan made while the tables are empty would read all chords.
create or replace function celeriac.count_member(chord_id text, task_id text, out state text, out members json)
language plpgsql set enable_seqscan = off set search_path = celeriac, pg_temp as $$
declare
  counter record;
begin
  select remaining, closed_at into counter from celeriac.chord where id = chord_id for update;
  if not found then
    state := 'unknown';
    return;
  end if;
  insert into celeriac.chord_member (chord, task) values (chord_id, task_id) on conflict do nothing;
  if found and counter.remaining > 0 then
    update celeriac.chord set remaining = remaining - 1 where id = chord_id;
    counter.remaining := counter.remaining - 1;
  end if;
  state := case
    when counter.closed_at is not null then 'closed'
    when counter.remaining = 0 then 'complete'
    else 'waiting'
  end;
  if state = 'complete' then
    select chord.members into count_member.members from celeriac.chord where id = chord_id;
  end if;
end
$$;
