-- A revoked task leaves the outbox at once: its message would outlive its record, and then run.

-- Makes the messages of tasks due now: a worker finds them revoked, continues their workflows, and acknowledges them.
create function celeriac.hasten(ids text[]) returns void
language sql security definer set search_path = celeriac, pg_temp as $$
  update celeriac.outbox set due_at = now() where task_id = any(ids) and due_at > now()
$$;

create or replace function celeriac.revoke(task_id text, why json, out revoked boolean, out state text)
language plpgsql security definer set search_path = celeriac, pg_temp as $$
begin
  insert into celeriac.task (id, state, exception, finished_at)
  values (task_id, 'REVOKED', why, now())
  on conflict do nothing;
  revoked := found;
  if not revoked then
    select task.state into revoke.state from celeriac.task where task.id = task_id for update;
    revoked := coalesce(revoke.state in ('PENDING', 'RETRY'), false);
    if revoked then
      update celeriac.task
      set state = 'REVOKED', exception = why, finished_at = now(), updated_at = now()
      where task.id = task_id;
    end if;
  end if;
  if revoked then
    perform celeriac.hasten(array[task_id]);
  end if;
end
$$;
