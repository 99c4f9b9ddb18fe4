set local role epo_owner;

create view api.targets with (security_invoker = true) as
select
  t.id, t.name, t.kind, t.pool_id, p.name as pool_name, t.agent_id, t.options,
  t.disabled_at is not null as disabled,
  t.created_at
from epo.targets as t
join epo.pools as p on p.tenant_id = t.tenant_id and p.id = t.pool_id;
comment on view api.targets is 'Endpoints that scripts run on.';
comment on column api.targets.pool_name is 'Name of the pool.';
comment on column api.targets.disabled is 'Whether no run may be queued on it.';

grant select on api.targets to app_user, app_admin;

reset role;
set local role epo_definer;

create function api.create_target(
  name text, kind text, pool_id uuid, agent_id uuid default null, options jsonb default '{}')
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant uuid := epo.current_tenant_id();
  v_id uuid;
begin
  perform epo.require_role('admin', 'operator');
  perform epo.require_name(create_target.name);
  perform epo.require_object(coalesce(create_target.options, '{}'), 'options');
  if create_target.kind is distinct from 'local' then
    perform epo.raise_invalid('kind must be local');
  end if;
  if not exists (
    select
    from epo.pools as p
    where p.tenant_id = v_tenant
      and p.id = create_target.pool_id
  ) then
    perform epo.raise_not_found();
  end if;
  if create_target.agent_id is not null and not exists (
    select
    from epo.agents as a
    where a.tenant_id = v_tenant
      and a.id = create_target.agent_id
      and a.pool_id = create_target.pool_id
  ) then
    perform epo.raise_not_found();
  end if;

  insert into epo.targets (tenant_id, name, kind, pool_id, agent_id, options, created_by)
  values (v_tenant, create_target.name, create_target.kind, create_target.pool_id, create_target.agent_id,
    coalesce(create_target.options, '{}'), epo.current_user_id())
  on conflict do nothing
  returning id into v_id;
  if v_id is null then
    perform epo.raise('conflict', 409, 'the name is taken');
  end if;
  return jsonb_build_object('id', v_id, 'name', create_target.name);
end
$$;
comment on function api.create_target(text, text, uuid, uuid, jsonb) is
  'Makes a target of a pool; with an agent, only that agent of the pool may reach it.';
grant execute on function api.create_target(text, text, uuid, uuid, jsonb) to app_user, app_admin;

reset role;
