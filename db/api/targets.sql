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

create function epo.require_lane(pool_id uuid, agent_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select
    from epo.pools as p
    where p.tenant_id = epo.current_tenant_id()
      and p.id = require_lane.pool_id
  ) then
    perform epo.raise_not_found();
  end if;
  if require_lane.agent_id is not null and not exists (
    select
    from epo.agents as a
    where a.tenant_id = epo.current_tenant_id()
      and a.id = require_lane.agent_id
      and a.pool_id = require_lane.pool_id
  ) then
    perform epo.raise_not_found();
  end if;
end
$$;
comment on function epo.require_lane(uuid, uuid) is 'Refuses a pool that does not exist in the tenant, and an agent that is not in it.';

create function api.create_target(
  name text, kind text, pool_id uuid, agent_id uuid default null, options jsonb default '{}')
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_options jsonb := coalesce(create_target.options, '{}');
  v_id uuid;
begin
  perform epo.require_role('admin', 'operator');
  perform epo.require_name(create_target.name);
  perform epo.require_target_options(create_target.kind, v_options);
  perform epo.require_lane(create_target.pool_id, create_target.agent_id);

  insert into epo.targets (tenant_id, name, kind, pool_id, agent_id, options, created_by)
  values (epo.current_tenant_id(), create_target.name, create_target.kind, create_target.pool_id, create_target.agent_id,
    v_options, epo.current_user_id())
  on conflict do nothing
  returning id into v_id;
  if v_id is null then
    perform epo.raise('conflict', 409, 'the name is taken');
  end if;
  perform epo.wake_tenant('target');
  return jsonb_build_object('id', v_id, 'name', create_target.name);
end
$$;
comment on function api.create_target(text, text, uuid, uuid, jsonb) is
  'Makes a target of a pool, of kind local, ssh or winrm; with an agent, only that agent of the pool may reach it.';

-- What waits for the target goes over to the agents that may reach it from now on.
create function epo.move_waiting_targets(target_id uuid, old_lane_id uuid, new_lane_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if move_waiting_targets.old_lane_id = move_waiting_targets.new_lane_id then
    return;
  end if;
  update epo.job_run_targets as t
  set lane_id = move_waiting_targets.new_lane_id
  where t.tenant_id = epo.current_tenant_id()
    and t.lane_id = move_waiting_targets.old_lane_id
    and t.ready_at is not null
    and t.target_id = move_waiting_targets.target_id;
  update epo.inspections as i
  set lane_id = move_waiting_targets.new_lane_id
  where i.tenant_id = epo.current_tenant_id()
    and i.target_id = move_waiting_targets.target_id
    and i.state = 'pending';
  perform epo.wake_agents();
end
$$;
comment on function epo.move_waiting_targets(uuid, uuid, uuid) is
  'Moves what waits for a target, runs and a test of its connection, from one lane to another.';

create function api.update_target(
  target_id uuid, options jsonb default null, disabled boolean default null,
  pool_id uuid default null, agent_id uuid default null, any_agent boolean default false)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_old epo.targets;
  v_pool uuid;
  v_agent uuid;
begin
  perform epo.require_role('admin', 'operator');
  select t.* into v_old
  from epo.targets as t
  where t.tenant_id = epo.current_tenant_id()
    and t.id = update_target.target_id
  for no key update;
  if not found then
    perform epo.raise_not_found();
  elsif update_target.any_agent and update_target.agent_id is not null then
    perform epo.raise_invalid('give an agent_id or any_agent');
  end if;
  v_pool := coalesce(update_target.pool_id, v_old.pool_id);
  v_agent := case when update_target.any_agent is not true then coalesce(update_target.agent_id, v_old.agent_id) end;
  if update_target.pool_id <> v_old.pool_id and update_target.agent_id is null and v_agent is not null then
    perform epo.raise('conflict', 409, 'the agent of the target is not in that pool', null, 'name another agent, or any_agent');
  end if;
  if (v_pool, v_agent) is distinct from (v_old.pool_id, v_old.agent_id) then
    perform epo.require_lane(v_pool, v_agent);
  end if;
  if update_target.options is not null then
    perform epo.require_target_options(v_old.kind, update_target.options);
  end if;

  update epo.targets as t
  set options = coalesce(update_target.options, t.options),
    disabled_at = case coalesce(update_target.disabled, t.disabled_at is not null)
      when true then coalesce(t.disabled_at, now())
    end,
    pool_id = v_pool,
    agent_id = v_agent
  where t.tenant_id = v_old.tenant_id
    and t.id = v_old.id;
  perform epo.move_waiting_targets(v_old.id, coalesce(v_old.agent_id, v_old.pool_id), coalesce(v_agent, v_pool));
  perform epo.wake_tenant('target');
  return jsonb_build_object('id', v_old.id, 'name', v_old.name);
end
$$;
comment on function api.update_target(uuid, jsonb, boolean, uuid, uuid, boolean) is
  'Changes what is given: all options at once, whether runs may be queued, the pool, the one agent or any_agent. What is claimed afterwards runs by it.';

create function api.delete_target(target_id uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform epo.require_role('admin', 'operator');
  delete from epo.targets as t
  where t.tenant_id = epo.current_tenant_id()
    and t.id = delete_target.target_id;
  if not found then
    perform epo.raise_not_found();
  end if;
  perform epo.wake_tenant('target');
  return jsonb_build_object('id', delete_target.target_id);
exception
  when foreign_key_violation then
    perform epo.raise('target_in_use', 409, 'runs, jobs or tests are about this target', null,
      'history keeps it; disable it instead, so that nothing new is queued on it');
end
$$;
comment on function api.delete_target(uuid) is
  'Removes a target that no run, job or test was ever about; 409 target_in_use otherwise, since history names it.';

grant execute on function
  api.create_target(text, text, uuid, uuid, jsonb),
  api.update_target(uuid, jsonb, boolean, uuid, uuid, boolean),
  api.delete_target(uuid)
  to app_user, app_admin;

reset role;
