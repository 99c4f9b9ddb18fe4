drop schema if exists api cascade;
create schema api;
grant usage on schema api to epo_rest_user, epo_rest_admin, epo_rest_agent, app_user, app_admin, app_agent;

create or replace function hook.pre_request() returns void
language plpgsql
as $$
begin
  if current_setting('request.jwt.claims')::jsonb ? 'disabled' then
    raise sqlstate 'PGRST' using
      message = '{"code":"principal_disabled","message":"no more","details":"of late","hint":null}',
      detail = '{"status":401,"headers":{"WWW-Authenticate":"Bearer"}}';
  end if;
end
$$;

create view api.notes with (security_invoker) as select note from epo.notes;
grant select on api.notes to app_user;

create function api.frame() returns jsonb
language sql
return jsonb_build_object(
  'session', session_user, 'role', current_user, 'claims', current_setting('request.jwt.claims')::jsonb,
  'id', current_setting('request.id'), 'method', current_setting('request.method'), 'path', current_setting('request.path'),
  'headers', current_setting('request.headers')::jsonb, 'timeout', current_setting('statement_timeout'),
  'read_only', current_setting('transaction_read_only'), 'search_path', current_setting('search_path'),
  'timezone', current_setting('timezone'));

create function api.add_note(note text) returns jsonb
language plpgsql security definer
as $$
begin
  insert into epo.notes (tenant_id, note)
  values ((current_setting('request.jwt.claims')::jsonb ->> 'tenant_id')::uuid, add_note.note);
  perform set_config('epo.wakes', coalesce(current_setting('epo.wakes', true), '') || ',agents:1', true);
  perform set_config('epo.wakes', coalesce(current_setting('epo.wakes', true), '') || ',run:2', true);
  perform set_config('epo.wakes', coalesce(current_setting('epo.wakes', true), '') || ',agents:1', true);
  perform set_config('response.headers', '[{"Location":"/notes"},{"Set-Cookie":"a"},{"Set-Cookie":"b"}]', true);
  perform set_config('response.status', '201', true);
  return to_jsonb(add_note.note);
end
$$;

create function api.raise(code text, message text, detail text) returns jsonb
language plpgsql
as $$
begin
  raise exception using errcode = raise.code, message = raise.message, detail = raise.detail;
end
$$;

create function api.sleep(seconds float8) returns jsonb
language plpgsql
as $$
begin
  perform pg_sleep(sleep.seconds);
  return 'true';
end
$$;

create function api.set_response(headers text, status text) returns jsonb
language plpgsql
as $$
begin
  perform set_config('response.headers', set_response.headers, true);
  perform set_config('response.status', set_response.status, true);
  return 'true';
end
$$;
