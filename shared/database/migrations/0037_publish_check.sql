-- Publishes an event when the caller's transaction commits, and returns its key (shared/events/event_key.ts: the same hash).
--
-- The function does not know the contracts of events. It refuses every other event that beat would dead-letter: noncharacters of all planes
-- (shared/events/attributes.ts), and data that beat cannot read or write again (shared/celery/python_json.ts).
create or replace function celeriac.publish(
  type text,
  data json default null,
  source text default '/celeriac',
  id text default null,
  subject text default null,
  occurred_at timestamptz default null,
  attributes json default '{}'
) returns text
language plpgsql security definer set search_path = celeriac, pg_temp as $$
#variable_conflict use_variable
declare
  forbidden constant text := '[\u0001-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff'
    || '\U0001fffe\U0001ffff\U0002fffe\U0002ffff\U0003fffe\U0003ffff\U0004fffe\U0004ffff'
    || '\U0005fffe\U0005ffff\U0006fffe\U0006ffff\U0007fffe\U0007ffff\U0008fffe\U0008ffff'
    || '\U0009fffe\U0009ffff\U000afffe\U000affff\U000bfffe\U000bffff\U000cfffe\U000cffff'
    || '\U000dfffe\U000dffff\U000efffe\U000effff\U000ffffe\U000fffff\U0010fffe\U0010ffff]';
  defined constant text[] := array[
    'specversion', 'id', 'source', 'type', 'subject', 'time', 'datacontenttype', 'dataschema', 'data'
  ];
  random constant text := replace(gen_random_uuid()::text, '-', '');
  problem text := case
    when coalesce(octet_length(type), 0) not between 1 and 255 or type ~ forbidden
      then 'type must be a text of 1 to 255 bytes without control characters and noncharacters'
    when coalesce(source !~ '^([-A-Za-z0-9_.~:/?#\[\]@!$&''()*+,;=]|%[0-9A-Fa-f]{2})+$', true)
      then 'source must be a URI reference, such as ''/shop'''
    when id = '' or id ~ forbidden then 'id must be a text without control characters and noncharacters'
    when subject = '' or subject ~ forbidden then 'subject must be a text without control characters and noncharacters'
    when occurred_at not between '0001-01-01 00:00+00' and '9999-12-31 23:59:59.999999+00' or not isfinite(occurred_at)
      then 'occurred_at must be a time of the years 1 to 9999'
    when coalesce(json_typeof(attributes), '') <> 'object' then 'attributes must be a JSON object'
  end;
  wrong text;
  hash text;
  milliseconds text;
  event text;
  headers json;
  key text;
  payload text;
  plain text;
begin
  if problem is null then
    select attribute.key into wrong from json_each(attributes) as attribute
    where attribute.key !~ '^[a-z0-9]{1,64}$' or attribute.key = any(defined) or not case json_typeof(attribute.value)
      when 'string' then attribute.value #>> '{}' !~ forbidden
      when 'boolean' then true
      when 'number' then case
        when attribute.value::text ~ '^(0|-?[1-9][0-9]{0,9})$' then attribute.value::text::bigint between -2147483648 and 2147483647
        else false
      end
      else false
    end
    limit 1;
    problem := 'attribute ' || quote_literal(wrong)
      || ' must have a name of 1 to 64 lower-case letters or digits that CloudEvents does not define,'
      || ' and be a text, a boolean or a 32-bit integer';
  end if;
  if problem is null then
    -- A UUIDv7: the key of an event without a time has the time of its id.
    id := coalesce(id, (
      lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
      || '7' || substr(random, 14, 3) || substr(random, 17, 16)
    )::uuid::text);
    event := '{' || array_to_string(array_remove(array[
      '"specversion":"1.0"',
      '"id":' || to_json(id),
      '"source":' || to_json(source),
      '"type":' || to_json(type),
      '"subject":' || to_json(subject),
      '"time":' || to_json(to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
      (select string_agg(to_json(attribute.key) || ':' || attribute.value, ',') from json_each(attributes) as attribute)
    ], null), ',');
    -- Without the data: json_each refuses \u0000 in them, which beat accepts.
    select json_object_agg('cloudEvents_' || attribute.key, attribute.value) into headers
    from json_each((event || '}')::json) as attribute;
    event := event || coalesce(',"data":' || data, '') || '}';
    problem := case
      when octet_length(headers::text) > 49152 then 'its attributes must have at most 48 KiB'
      when octet_length(event) > 1048576 then 'it must have at most 1 MiB'
    end;
  end if;
  if problem is null and data is not null then
    payload := data::text;
    -- The cheap tests come first: few events have so many brackets, or digits in sequence.
    if length(payload) - length(translate(payload, '[{', '')) > 495 or payload ~ '[0-9]{255}' then
      plain := regexp_replace(payload, '"(?:[^"\\]|\\.)*"', '', 'g');
      problem := case
        when exists (
          select from (
            select sum(case when bracket in ('[', '{') then 1 else -1 end) over (order by place) as depth
            from regexp_split_to_table(regexp_replace(plain, '[^][{}]', '', 'g'), '') with ordinality as split (bracket, place)
          ) as nesting
          where depth > 495
        ) then 'its data must have at most 495 levels'
        when exists (
          select from regexp_matches(plain, '[-+.0-9eE]+', 'g') as token (digits)
          where length(digits[1]) > 4300 and digits[1] ~ '^-?[0-9]+$'
        ) then 'its data must not contain an integer of more than 4300 digits'
      end;
    end if;
    -- Python reads such an object as a typed value. An escape may hide the key. jsonb has no \u0000 and no single surrogates.
    if problem is null and payload ~ '__type__|\\u' and exists (
      select from jsonb_path_query(
        regexp_replace(payload, '\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})|(\\.)', '\1', 'g')::jsonb,
        'strict $.** ? (exists(@."__type__") && exists(@."__value__"))'
      ) as typed
      where (select count(*) from jsonb_object_keys(typed)) = 2
    ) then
      problem := 'its data must not contain an object with only the keys __type__ and __value__';
    end if;
  end if;
  if problem is not null then
    raise exception 'Cannot publish event % because %: correct it', coalesce(quote_literal(type), 'null'), problem
      using errcode = 'invalid_parameter_value';
  end if;
  hash := encode(sha256(convert_to(source, 'UTF8') || '\x00' || convert_to(id, 'UTF8')), 'hex');
  milliseconds := case
    when occurred_at is not null then lpad(to_hex(greatest(floor(extract(epoch from occurred_at) * 1000), 0)::bigint), 12, '0')
    when id ~* '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
      then lower(substr(id, 1, 8) || substr(id, 10, 4))
  end;
  key := (
    coalesce(milliseconds, substr(hash, 1, 12))
    || case when milliseconds is null then '8' else '7' end || substr(hash, 13, 3)
    || substr('89ab89ab89ab89ab', ('x' || lpad(substr(hash, 16, 1), 8, '0'))::bit(32)::integer + 1, 1) || substr(hash, 17, 3)
    || substr(hash, 21, 12)
  )::uuid::text;
  insert into celeriac.outbox (task_id, retries, due_at, exchange, routing_key, properties, headers, body)
  values (
    key, 0, now(), 'event.celeriac', type,
    json_build_object(
      'contentType', 'application/cloudevents+json', 'contentEncoding', 'utf-8', 'deliveryMode', 2, 'messageId', key
    ),
    headers, convert_to(event, 'UTF8')
  )
  on conflict do nothing;
  return key;
end
$$;
