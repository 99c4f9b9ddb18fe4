set local role epo_owner;

create view api.script_inspections with (security_invoker = true) as
select distinct on (i.tenant_id, i.script_version_id)
  i.script_version_id, i.id, i.state, i.attempts,
  i.result -> 'engine' ->> 'version' as engine_version,
  i.result -> 'engine' ->> 'edition' as engine_edition,
  i.agent_id, i.ok,
  coalesce(i.result ->> 'not_inspected_reason', i.error ->> 'code') as not_inspected_reason,
  i.result -> 'document' -> 'errors' as errors,
  i.result -> 'document' -> 'parameters' as parameters,
  nullif(i.result -> 'document' -> 'help', 'null') as help,
  nullif(i.result -> 'document' -> 'requires', 'null') as requires,
  nullif(i.result -> 'document', 'null') as document,
  i.requested_at, i.finished_at
from epo.inspections as i
where i.kind = 'script'
order by i.tenant_id, i.script_version_id, i.requested_at desc, i.id desc;
comment on view api.script_inspections is 'What PowerShell''s own parser says of each script version: its last inspection.';
comment on column api.script_inspections.engine_version is 'Version of the PowerShell that parsed it.';
comment on column api.script_inspections.engine_edition is 'Edition of that PowerShell: Core or Desktop.';
comment on column api.script_inspections.ok is 'Whether the script has no syntax error; null while it is not inspected.';
comment on column api.script_inspections.not_inspected_reason is
  'Why the inspection says nothing: configuration, timeout, memory, or the code of what failed.';
comment on column api.script_inspections.errors is 'Syntax errors with id, message, line and column.';
comment on column api.script_inspections.parameters is 'The parameters of the param() block.';
comment on column api.script_inspections.help is 'Comment-based help of the script.';
comment on column api.script_inspections.requires is 'What #Requires lines ask for.';
comment on column api.script_inspections.document is 'The whole result.';

create view api.target_inspections with (security_invoker = true) as
select
  i.id, i.target_id, t.name as target_name, i.state, i.agent_id, i.ok, i.result, i.error,
  i.requested_by, i.requested_at, i.expires_at, i.finished_at
from epo.inspections as i
join epo.targets as t on t.tenant_id = i.tenant_id and t.id = i.target_id
where i.kind = 'target';
comment on view api.target_inspections is 'Tests of the connections to targets.';
comment on column api.target_inspections.target_name is 'Name of the target.';

grant select on api.script_inspections, api.target_inspections to app_user, app_admin;

reset role;
set local role epo_definer;

-- An inspection is short and its lease is not renewed, so the lease is longer
-- than anything that an agent lets one take.
create function epo.inspection_lease_seconds() returns integer
language sql immutable
return 60;
comment on function epo.inspection_lease_seconds() is 'How long a claim of an inspection holds.';

create function epo.queue_script_inspection(script_version_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant uuid := epo.current_tenant_id();
begin
  insert into epo.inspections (tenant_id, kind, script_version_id, lane_id, requested_by)
  values (v_tenant, 'script', queue_script_inspection.script_version_id, v_tenant, epo.current_user_id())
  on conflict do nothing;
  perform epo.wake_agents();
  perform epo.wake_tenant('inspection');
end
$$;
comment on function epo.queue_script_inspection(uuid) is 'Asks for the inspection of a version; one that is asked for already stays alone.';

create function epo.is_inspected(script_version_id uuid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select
    from epo.inspections as i
    where i.tenant_id = epo.current_tenant_id()
      and i.script_version_id = is_inspected.script_version_id
      and i.state in ('pending', 'claimed', 'done'));
end
$$;
comment on function epo.is_inspected(uuid) is 'Whether a version is inspected, or will be.';

create function api.inspect_script(script_version_id uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform epo.require_role('admin', 'operator');
  if not exists (
    select
    from epo.script_versions as v
    where v.tenant_id = epo.current_tenant_id()
      and v.id = inspect_script.script_version_id
  ) then
    perform epo.raise_not_found();
  end if;
  perform epo.queue_script_inspection(inspect_script.script_version_id);
  return (
    select jsonb_build_object('inspection_id', i.id, 'state', i.state)
    from epo.inspections as i
    where i.tenant_id = epo.current_tenant_id()
      and i.script_version_id = inspect_script.script_version_id
      and i.finished_at is null);
end
$$;
comment on function api.inspect_script(uuid) is
  'Has a version inspected again, as after a new PowerShell or a failure; a push asks by itself.';

create function api.inspect_target(target_id uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant uuid := epo.current_tenant_id();
  v_lane uuid;
begin
  perform epo.require_role('admin', 'operator');
  select coalesce(t.agent_id, t.pool_id) into v_lane
  from epo.targets as t
  where t.tenant_id = v_tenant
    and t.id = inspect_target.target_id;
  if not found then
    perform epo.raise_not_found();
  end if;
  -- Somebody waits for the answer: one that comes much later is for nobody.
  insert into epo.inspections (tenant_id, kind, target_id, lane_id, requested_by, expires_at)
  values (v_tenant, 'target', inspect_target.target_id, v_lane, epo.current_user_id(), now() + interval '5 minutes')
  on conflict do nothing;
  perform epo.wake_agents();
  perform epo.wake_tenant('inspection');
  return (
    select jsonb_build_object('inspection_id', i.id, 'state', i.state)
    from epo.inspections as i
    where i.tenant_id = v_tenant
      and i.target_id = inspect_target.target_id
      and i.finished_at is null);
end
$$;
comment on function api.inspect_target(uuid) is
  'Has the connection to a target tested by an agent that may reach it. It expires when none takes it within five minutes.';

grant execute on function api.inspect_script(uuid), api.inspect_target(uuid) to app_user, app_admin;

create function api.claim_inspections(max integer default 1, kinds text[] default null) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant uuid := epo.current_tenant_id();
  v_agent uuid := epo.current_agent_id();
  v_pool uuid;
  v_lease integer := epo.inspection_lease_seconds();
  v_ids uuid[];
begin
  select a.pool_id into v_pool
  from epo.agents as a
  where a.tenant_id = v_tenant and a.id = v_agent and a.state = 'active';
  if not found then
    perform epo.raise('principal_disabled', 401, 'the agent may not act any more');
  end if;
  -- The newest first: somebody waits for it, and for the old ones nobody does.
  v_ids := array(
    select i.id
    from epo.inspections as i
    where i.tenant_id = v_tenant
      and i.lane_id in (v_tenant, v_agent, v_pool)
      and i.state = 'pending'
      and (claim_inspections.kinds is null or i.kind = any(claim_inspections.kinds))
    order by i.requested_at desc
    limit least(greatest(coalesce(claim_inspections.max, 1), 0), 100)
    for update skip locked);
  update epo.inspections as i
  set state = 'claimed', attempts = i.attempts + 1, agent_id = v_agent, lease_expires_at = now() + make_interval(secs => v_lease)
  where i.tenant_id = v_tenant
    and i.id = any(v_ids)
    and i.state = 'pending';
  if cardinality(v_ids) > 0 then
    perform epo.wake_tenant('inspection');
  end if;
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'inspection_id', i.id,
          'kind', i.kind,
          'fencing_token', i.attempts,
          'lease_seconds', v_lease,
          'script', epo.describe_script(i.script_version_id),
          'target', case when t.id is not null then
            jsonb_build_object('id', t.id, 'name', t.name, 'kind', t.kind, 'options', t.options) end)
        order by i.requested_at desc),
      '[]')
    from epo.inspections as i
    left join epo.targets as t on t.tenant_id = i.tenant_id and t.id = i.target_id
    where i.tenant_id = v_tenant
      and i.id = any(v_ids));
end
$$;
comment on function api.claim_inspections(integer, text[]) is
  'Claims up to so many pending inspections for the agent, of all kinds unless some are named, each with a lease and a fencing token.';

-- What an agent says of a script is read again by the check of parameters, so
-- its shape is looked at once, here.
create function epo.require_inspection(kind text, result jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_document jsonb := require_inspection.result -> 'document';
begin
  if jsonb_typeof(require_inspection.result) is distinct from 'object' then
    perform epo.raise_invalid('result must be a JSON object');
  elsif pg_column_size(require_inspection.result) > 4194304 then
    perform epo.raise_invalid('result is larger than 4 MiB');
  elsif jsonb_typeof(require_inspection.result -> 'error') = 'object' then
    return;
  elsif require_inspection.kind = 'target' then
    if jsonb_typeof(require_inspection.result -> 'ok') is distinct from 'boolean' then
      perform epo.raise_invalid('result of a target needs ok');
    end if;
  elsif jsonb_typeof(v_document) is distinct from 'object' then
    if coalesce(require_inspection.result ->> 'not_inspected_reason', '') = '' then
      perform epo.raise_invalid('result of a script needs document, or not_inspected_reason');
    end if;
  elsif jsonb_typeof(v_document -> 'ok') is distinct from 'boolean'
    or not epo.are_objects(v_document -> 'errors')
    or not epo.are_objects(v_document -> 'parameters') then
    perform epo.raise_invalid('document needs ok, errors and parameters');
  end if;
end
$$;
comment on function epo.require_inspection(text, jsonb) is 'Refuses a result of an inspection that is none.';

create function epo.are_objects(list jsonb) returns boolean
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(jsonb_typeof(are_objects.list) = 'array', false)
    and not exists (
      select
      from jsonb_array_elements(are_objects.list) as e (item)
      where jsonb_typeof(e.item) <> 'object');
end
$$;
comment on function epo.are_objects(jsonb) is 'Whether JSON is a list of objects.';

create function api.finish_inspection(inspection_id uuid, fencing_token bigint, result jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row record;
  v_error jsonb := case when jsonb_typeof(finish_inspection.result -> 'error') = 'object' then finish_inspection.result -> 'error' end;
  v_ok jsonb := coalesce(finish_inspection.result -> 'document' -> 'ok', finish_inspection.result -> 'ok');
begin
  select i.kind, i.state into v_row
  from epo.inspections as i
  where i.tenant_id = epo.current_tenant_id()
    and i.id = finish_inspection.inspection_id
    and i.agent_id = epo.current_agent_id()
    and i.attempts = finish_inspection.fencing_token
  for no key update;
  if not found then
    perform epo.raise('lease_lost', 409, 'another agent has the inspection now');
  elsif v_row.state <> 'claimed' then
    return jsonb_build_object('inspection_id', finish_inspection.inspection_id, 'state', v_row.state);
  end if;
  perform epo.require_inspection(v_row.kind, finish_inspection.result);
  update epo.inspections as i
  set state = case when v_error is null then 'done' else 'failed' end,
    ok = case when v_error is null and jsonb_typeof(v_ok) = 'boolean' then v_ok::boolean end,
    result = case when v_error is null then finish_inspection.result end,
    error = v_error,
    lease_expires_at = null,
    finished_at = now()
  where i.tenant_id = epo.current_tenant_id()
    and i.id = finish_inspection.inspection_id
    and i.state = 'claimed'
  returning i.state into v_row.state;
  perform epo.wake_tenant('inspection');
  return jsonb_build_object('inspection_id', finish_inspection.inspection_id, 'state', v_row.state);
end
$$;
comment on function api.finish_inspection(uuid, bigint, jsonb) is
  'Records what an inspection found, once: {document, engine, not_inspected_reason} of a script, {ok, checks, ...} of a target, or {error}. A repeat changes nothing.';

grant execute on function api.claim_inspections(integer, text[]), api.finish_inspection(uuid, bigint, jsonb) to app_agent;

reset role;
