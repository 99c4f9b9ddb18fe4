set local role epo_owner;

create view api.scripts with (security_invoker = true) as
select
  s.id, s.name, s.description,
  v.version as latest_version, v.id as latest_version_id,
  s.created_by, s.created_at, s.updated_at
from epo.scripts as s
left join lateral (
  select l.id, l.version
  from epo.script_versions as l
  where l.tenant_id = s.tenant_id
    and l.script_id = s.id
  order by l.version desc
  limit 1
) as v on true;
comment on view api.scripts is 'Named scripts and their latest versions.';
comment on column api.scripts.latest_version is 'Number of the latest version.';
comment on column api.scripts.latest_version_id is 'Identifier of the latest version.';

create view api.script_versions with (security_invoker = true) as
select
  v.id, v.script_id, s.name as script_name, v.version,
  encode(v.sha256, 'hex') as sha256,
  v.size_bytes, v.notes, v.created_by, u.name as created_by_name, v.created_at
from epo.script_versions as v
join epo.scripts as s on s.tenant_id = v.tenant_id and s.id = v.script_id
left join auth.users as u on u.tenant_id = v.tenant_id and u.id = v.created_by;
comment on view api.script_versions is 'Immutable contents of scripts, without the bytes.';
comment on column api.script_versions.script_name is 'Name of the script.';
comment on column api.script_versions.sha256 is 'SHA-256 of the exact bytes in hex.';
comment on column api.script_versions.created_by_name is 'Sign-in name of who pushed it.';

create view api.script_contents with (security_invoker = true) as
select v.id as script_version_id, epo.to_base64(v.content) as content
from epo.script_versions as v;
comment on view api.script_contents is 'The exact bytes of script versions.';
comment on column api.script_contents.script_version_id is 'Version the bytes belong to.';
comment on column api.script_contents.content is 'The bytes in base64, on one line.';

grant execute on function epo.to_base64(bytea) to app_user, app_admin;
grant select on api.scripts, api.script_versions, api.script_contents to app_user, app_admin;

-- Text is UTF-8, with or without a mark, or UTF-16 with one: what PowerShell
-- reads alike on every machine.
create function epo.is_text(content bytea) returns boolean
language plpgsql immutable strict
set search_path = pg_catalog, pg_temp
as $$
begin
  if substring(is_text.content from 1 for 2) in ('\xfffe', '\xfeff') then
    return octet_length(is_text.content) % 2 = 0
      and encode(is_text.content, 'hex') !~ '^([0-9a-f]{4})*0000';
  end if;
  perform convert_from(is_text.content, 'UTF8');
  return true;
exception
  when character_not_in_repertoire or untranslatable_character then
    return false;
end
$$;
comment on function epo.is_text(bytea) is 'Whether bytes are text without NUL: UTF-8, or UTF-16 with a byte order mark.';

create function epo.decode_script(content text) returns bytea
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_content bytea;
begin
  -- Base64 of 5 MiB, with a line break every 76 characters at most.
  if octet_length(decode_script.content) > 7200000 then
    perform epo.raise('script_too_large', 413, 'a script has at most 5 MiB');
  end if;
  begin
    v_content := decode(decode_script.content, 'base64');
  exception
    when invalid_parameter_value then
      perform epo.raise_invalid('content is not base64');
  end;
  if coalesce(octet_length(v_content), 0) = 0 then
    perform epo.raise('script_empty', 400, 'the script has no content');
  elsif octet_length(v_content) > 5242880 then
    perform epo.raise('script_too_large', 413, 'a script has at most 5 MiB');
  elsif not epo.is_text(v_content) then
    perform epo.raise('script_not_text', 400, 'the script is not text', null, 'save it as UTF-8');
  end if;
  return v_content;
end
$$;
comment on function epo.decode_script(text) is 'The bytes of a script from base64, refused where they cannot be one.';
grant execute on function epo.is_text(bytea), epo.decode_script(text) to epo_definer;

reset role;
set local role epo_definer;

create function api.push_script(
  name text, content text, description text default null, notes text default null)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant uuid := epo.current_tenant_id();
  v_user uuid := epo.current_user_id();
  v_content bytea;
  v_script uuid;
  v_latest record;
  v_version record;
begin
  perform epo.require_role('admin', 'operator');
  perform epo.require_name(push_script.name);
  v_content := epo.decode_script(push_script.content);

  insert into epo.scripts (tenant_id, name, description, created_by)
  values (v_tenant, push_script.name, push_script.description, v_user)
  on conflict do nothing;
  -- The lock makes version numbers follow each other without a gap.
  select s.id into v_script
  from epo.scripts as s
  where s.tenant_id = v_tenant and s.name = push_script.name
  for no key update;
  select v.id, v.version, v.sha256, v.size_bytes into v_latest
  from epo.script_versions as v
  where v.tenant_id = v_tenant and v.script_id = v_script
  order by v.version desc
  limit 1;
  if v_latest.sha256 = sha256(v_content) then
    update epo.scripts as s
    set description = push_script.description, updated_at = now()
    where s.tenant_id = v_tenant
      and s.id = v_script
      and push_script.description is not null
      and s.description is distinct from push_script.description;
    if not epo.is_inspected(v_latest.id) then
      perform epo.queue_script_inspection(v_latest.id);
    end if;
    return epo.describe_push(v_script, v_latest.id, false);
  end if;

  insert into epo.script_versions (tenant_id, script_id, version, content, notes, created_by)
  values (v_tenant, v_script, coalesce(v_latest.version, 0) + 1, v_content, push_script.notes, v_user)
  returning id into v_version;
  update epo.scripts as s
  set description = coalesce(push_script.description, s.description), updated_at = now()
  where s.tenant_id = v_tenant and s.id = v_script;
  perform epo.queue_script_inspection(v_version.id);
  perform epo.wake_tenant('script');
  return epo.describe_push(v_script, v_version.id, true);
end
$$;
comment on function api.push_script(text, text, text, text) is
  'Stores the exact bytes (base64) as the next version of a script, which it makes if needed, and has it inspected. The same bytes as the latest version make none.';

create function epo.describe_push(script_id uuid, version_id uuid, created boolean) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object(
      'script_id', v.script_id,
      'script_version_id', v.id,
      'version', v.version,
      'sha256', encode(v.sha256, 'hex'),
      'size_bytes', v.size_bytes,
      'created', describe_push.created)
    from epo.script_versions as v
    where v.tenant_id = epo.current_tenant_id()
      and v.script_id = describe_push.script_id
      and v.id = describe_push.version_id);
end
$$;
comment on function epo.describe_push(uuid, uuid, boolean) is 'The answer to a push.';

grant execute on function api.push_script(text, text, text, text) to app_user, app_admin;

-- An agent reads what it is about to run or to inspect, and nothing else.
create function api.get_script_content(script_version_id uuid) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_content jsonb;
begin
  select jsonb_build_object('content', epo.to_base64(v.content), 'sha256', encode(v.sha256, 'hex')) into v_content
  from epo.script_versions as v
  where v.tenant_id = epo.current_tenant_id()
    and v.id = get_script_content.script_version_id
    and (
      exists (
        select
        from epo.attempts as a
        join epo.job_runs as r on r.tenant_id = a.tenant_id and r.id = a.run_id
        where a.tenant_id = v.tenant_id
          and a.agent_id = epo.current_agent_id()
          and a.state in ('claimed', 'running')
          and r.script_version_id = v.id)
      or exists (
        select
        from epo.inspections as i
        where i.tenant_id = v.tenant_id
          and i.script_version_id = v.id
          and i.agent_id = epo.current_agent_id()
          and i.state = 'claimed'));
  if v_content is null then
    perform epo.raise_not_found();
  end if;
  return v_content;
end
$$;
comment on function api.get_script_content(uuid) is 'The bytes of a version that the agent has a live attempt on, or is inspecting.';
grant execute on function api.get_script_content(uuid) to app_agent;

reset role;
