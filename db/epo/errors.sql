set local role epo_owner;

create function epo.raise(code text, status integer, message text, details text default null, hint text default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise sqlstate 'PGRST' using
    message = json_build_object(
      'code', raise.code, 'message', raise.message, 'details', raise.details, 'hint', raise.hint)::text,
    detail = json_build_object('status', raise.status, 'headers', json_build_object())::text;
end
$$;
comment on function epo.raise(text, integer, text, text, text) is
  'Ends the request with a stable code and an HTTP status, in the form PostgREST knows.';

create function epo.raise_not_found() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform epo.raise('not_found', 404, 'there is no such object');
end
$$;
comment on function epo.raise_not_found() is
  'One answer for what does not exist and for what another tenant has; it names nothing.';

create function epo.raise_invalid(message text, hint text default null) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform epo.raise('invalid_argument', 400, raise_invalid.message, null, raise_invalid.hint);
end
$$;
comment on function epo.raise_invalid(text, text) is 'Refuses an argument and says which and why.';

create function epo.require_name(name text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if epo.is_name(require_name.name) is not true then
    perform epo.raise('invalid_name', 400, 'the name cannot be used', null,
      '1 to 128 characters without control characters and blanks at the ends');
  end if;
end
$$;
comment on function epo.require_name(text) is 'Refuses a name that people could not read or type.';

create function epo.require_object(value jsonb, label text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(require_object.value) is distinct from 'object' then
    perform epo.raise_invalid(require_object.label || ' must be a JSON object');
  end if;
  if pg_column_size(require_object.value) > 262144 then
    perform epo.raise_invalid(require_object.label || ' is larger than 256 KiB');
  end if;
end
$$;
comment on function epo.require_object(jsonb, text) is 'Refuses JSON that is no object or too large to be an argument.';

grant execute on function
  epo.raise(text, integer, text, text, text), epo.raise_not_found(), epo.raise_invalid(text, text),
  epo.require_name(text), epo.require_object(jsonb, text)
  to epo_definer, epo_system;

reset role;
