-- A message of a revoked task does not wait in the outbox, whoever revokes it and whenever it gets there.

-- As before, but only for messages that no relay has offered to the broker: it may be sending them now.
create or replace function celeriac.hasten(ids text[]) returns void
language sql security definer set search_path = celeriac, pg_temp as $$
  update celeriac.outbox set due_at = now() where task_id = any(ids) and due_at > now() and offer = 0
$$;

-- Makes a message due that enters the outbox after its task was revoked.
create function celeriac.hasten_revoked() returns trigger
language plpgsql set search_path = celeriac, pg_temp as $$
begin
  if exists (select from celeriac.task where task.id = new.task_id and task.state = 'REVOKED') then
    new.due_at := now();
  end if;
  return new;
end
$$;

create trigger hasten_revoked before insert on celeriac.outbox
for each row when (new.offer = 0 and new.due_at > now() + interval '1 minute')
execute function celeriac.hasten_revoked();
