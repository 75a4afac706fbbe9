-- Queues of contracts, so that celeriac.submit() sends a task to its contract's queue.

-- The API writes a row for each of its contracts. No row is removed.
create table celeriac.route (
  task text primary key,
  queue text not null,
  updated_at timestamptz not null default now()
);

-- As before, but a task without a queue goes to its contract's queue, or else to celeriac.default.
create or replace function celeriac.submit(
  task text,
  kwargs json default '{}',
  args json default '[]',
  queue text default null,
  id text default null,
  due_at timestamptz default null,
  expires timestamptz default null
) returns text
language plpgsql security definer set search_path = celeriac, pg_temp as $$
#variable_conflict use_variable
declare
  destination constant text := coalesce(
    queue, (select route.queue from celeriac.route where route.task = submit.task), 'celeriac.default'
  );
  ours constant boolean := destination ~ '^celeriac\.';
  random constant text := replace(gen_random_uuid()::text, '-', '');
  iso constant text := 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"';
  problem constant text := case
    when coalesce(length(task), 0) not between 1 and 255 then 'task must be a name of 1 to 255 characters'
    when coalesce(json_typeof(kwargs), '') <> 'object' then 'kwargs must be a JSON object'
    when coalesce(json_typeof(args), '') <> 'array' then 'args must be a JSON array'
    when octet_length(destination) not between 1 and 255 then 'queue must be a name of 1 to 255 bytes'
    when octet_length(id) not between 1 and 255 then 'id must be a text of 1 to 255 bytes'
    when ours and destination !~ '^celeriac\.[A-Za-z0-9][A-Za-z0-9_.-]*$' or destination = 'celeriac.dead'
      then 'queue must be ''celeriac.'' and a name (not the dead letters), or a queue of another system'
  end;
begin
  if problem is not null then
    raise exception 'Cannot submit task % as %: correct it', coalesce(quote_literal(task), 'null'), problem
      using errcode = 'invalid_parameter_value';
  end if;
  -- A UUIDv7, as the API gives: records of a day lie together.
  id := coalesce(id, (
    lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
    || '7' || substr(random, 14, 3) || substr(random, 17, 16)
  )::uuid::text);
  insert into celeriac.task (id, name, queue, args_repr, kwargs_repr, submitted_at)
  values (id, task, destination, left(args::text, 1024), left(kwargs::text, 1024), now())
  on conflict do nothing;
  insert into celeriac.outbox (task_id, retries, due_at, exchange, routing_key, properties, headers, body)
  values (
    id, 0, coalesce(due_at, now()), case when ours then 'celeriac' else '' end, destination,
    json_build_object(
      'contentType', 'application/json', 'contentEncoding', 'utf-8', 'deliveryMode', 2, 'correlationId', id
    ),
    json_build_object(
      'lang', 'sql', 'task', task, 'id', id, 'shadow', null,
      'eta', to_char(due_at at time zone 'UTC', iso), 'expires', to_char(expires at time zone 'UTC', iso),
      'group', null, 'group_index', null, 'retries', 0, 'timelimit', json_build_array(null, null),
      'root_id', id, 'parent_id', null,
      'argsrepr', left(args::text, 1024), 'kwargsrepr', left(kwargs::text, 1024),
      'origin', 'sql@' || current_database(), 'ignore_result', null, 'replaced_task_nesting', 0,
      'stamped_headers', null, 'stamps', json_build_object()
    ),
    convert_to(
      '[' || args::text || ', ' || kwargs::text
      || ', {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]', 'UTF8'
    )
  )
  on conflict do nothing;
  return id;
end
$$;
