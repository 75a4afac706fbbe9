-- A revoke reaches the outbox with Django's tables as well, and by stamps.

-- As before; also reads the state in Django's table, which the search_path of the caller finds. It runs with the caller's rights.
create or replace function celeriac.hasten_revoked() returns trigger
language plpgsql as $$
declare
  django constant regclass := to_regclass('django_celery_results_taskresult');
  revoked boolean := exists (select from celeriac.task where task.id = new.task_id and task.state = 'REVOKED');
begin
  if not revoked and django is not null and has_table_privilege(django, 'select') then
    execute format('select exists (select from %s where task_id = $1 and status = ''REVOKED'')', django)
    into revoked using new.task_id;
  end if;
  if revoked then
    new.due_at := now();
  end if;
  return new;
end
$$;
alter function celeriac.hasten_revoked() reset search_path;

-- The stamps in a message's headers; an empty object if they cannot be read as jsonb (it has no \u0000).
create function celeriac.stamps(headers json) returns jsonb
language plpgsql immutable strict parallel safe set search_path = celeriac, pg_temp as $$
declare
  stamps jsonb;
begin
  stamps := headers -> 'stamps';
  return case jsonb_typeof(stamps) when 'object' then stamps else '{}' end;
exception when others then
  return '{}';
end
$$;

-- One page of the tasks in the outbox that have one of these stamps: an object with a list of values for each name.
-- Leased messages are left out, because their tasks run.
create function celeriac.find_stamped(stamps json, after_id bigint, page integer, out id bigint, out task_id text)
returns setof record
language sql security definer set search_path = celeriac, pg_temp as $$
  select entry.id, entry.task_id
  from celeriac.outbox as entry
  where entry.id > after_id and entry.offer >= 0
    and entry.headers::text ~ '"stamps"\s*:\s*\{\s*"' -- most messages have none
    and exists (
      select from json_each($1) as wanted (name, "values"), json_array_elements(wanted."values") as value
      where celeriac.stamps(entry.headers) -> wanted.name @> value::jsonb
    )
  order by entry.id
  limit page
$$;
