-- What it takes to read django-celery-results' tables, whose JSON is text that anybody may have written.

-- Text as JSON, or null where it is none (Python also writes NaN).
create function celeriac.readable(given text) returns json
language plpgsql immutable strict parallel safe set search_path = celeriac, pg_temp as $$
begin
  return given::json;
exception when others then
  return null;
end
$$;

-- What a JSON string says; any other text as it is.
create function celeriac.shown(given text) returns text
language plpgsql immutable strict parallel safe set search_path = celeriac, pg_temp as $$
begin
  return given::json #>> '{}';
exception when others then
  return given;
end
$$;

-- What we keep of a task in its column `meta`, under a key of our own; an empty object where there is nothing.
create function celeriac.kept(meta text) returns jsonb
language plpgsql immutable parallel safe set search_path = celeriac, pg_temp as $$
declare
  kept jsonb;
begin
  kept := (meta::json -> 'celeriac')::jsonb;
  return case jsonb_typeof(kept) when 'object' then kept else '{}' end;
exception when others then
  return '{}';
end
$$;
