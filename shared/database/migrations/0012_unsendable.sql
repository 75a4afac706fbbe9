-- Messages that can never be sent: refused where they are given, and what waits for them told.

-- Makes the tasks FAILURE whose messages are given up, where no later attempt is under way; returns those it did.
create function celeriac.fail(failures json) returns setof text
language sql security definer set search_path = celeriac, pg_temp as $$
  update celeriac.task
  set state = 'FAILURE', worker = null, result = null, exception = failure.exception, traceback = null,
    finished_at = now(), updated_at = now()
  from json_to_recordset(failures) as failure (id text, retries integer, exception json)
  where task.id = failure.id and task.finished_at is null and task.retries <= failure.retries
  returning task.id
$$;

-- As before, but for id and queue, which travel where AMQP has room for 255 bytes.
create or replace function celeriac.submit(
  task text,
  kwargs json default '{}',
  args json default '[]',
  queue text default 'celeriac.default',
  id text default null,
  due_at timestamptz default null,
  expires timestamptz default null
) returns text
language plpgsql security definer set search_path = celeriac, pg_temp as $$
#variable_conflict use_variable
declare
  ours constant boolean := queue ~ '^celeriac\.';
  random constant text := replace(gen_random_uuid()::text, '-', '');
  iso constant text := 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"';
  problem constant text := case
    when coalesce(length(task), 0) not between 1 and 255 then 'task must be a name of 1 to 255 characters'
    when coalesce(json_typeof(kwargs), '') <> 'object' then 'kwargs must be a JSON object'
    when coalesce(json_typeof(args), '') <> 'array' then 'args must be a JSON array'
    when coalesce(octet_length(queue), 0) not between 1 and 255 then 'queue must be a name of 1 to 255 bytes'
    when octet_length(id) not between 1 and 255 then 'id must be a text of 1 to 255 bytes'
    when ours and queue !~ '^celeriac\.[A-Za-z0-9][A-Za-z0-9_.-]*$' or queue = 'celeriac.dead'
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
  values (id, task, queue, left(args::text, 1024), left(kwargs::text, 1024), now())
  on conflict do nothing;
  insert into celeriac.outbox (task_id, retries, due_at, exchange, routing_key, properties, headers, body)
  values (
    id, 0, coalesce(due_at, now()), case when ours then 'celeriac' else '' end, queue,
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
