set local role epo_owner;

-- PL/pgSQL keeps the plan; a function in SQL that reads a table is planned at each call.
create function epo.lease_seconds() returns integer
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select p.lease_seconds
    from epo.tenant_policies as p
    where p.tenant_id = (select epo.current_tenant_id()));
end
$$;
comment on function epo.lease_seconds() is 'How long a claim of the tenant holds.';

create function epo.pick_run_targets(lane_id uuid, max_targets integer) returns uuid[]
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  -- The array form: joined to a limited subquery instead, the update would be
  -- planned for a tenth of the table. The generic plan: LIMIT as a parameter
  -- makes each custom plan look cheaper, so it would be planned at each call.
  return array(
    select t.id
    from epo.job_run_targets as t
    where t.tenant_id = (select epo.current_tenant_id())
      and t.lane_id = pick_run_targets.lane_id
      and t.ready_at is not null
    order by t.ready_at
    limit pick_run_targets.max_targets
    for update skip locked);
end
$$;
comment on function epo.pick_run_targets(uuid, integer) is 'Locks the oldest pending run targets of one lane that nobody else is claiming.';

-- The one place that hands out work; api.claim_run_targets and
-- api.finish_attempts call it.
create function epo.claim_run_targets(max_targets integer) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_tenant uuid := epo.current_tenant_id();
  v_agent uuid := epo.current_agent_id();
  v_pool uuid;
  v_lease integer := epo.lease_seconds();
  v_ids uuid[];
  v_claimed jsonb;
  v_runs uuid[];
begin
  select a.pool_id into v_pool
  from epo.agents as a
  where a.tenant_id = v_tenant and a.id = v_agent and a.state = 'active';
  if not found then
    perform epo.raise('principal_disabled', 401, 'the agent may not act any more');
  end if;

  v_ids := epo.pick_run_targets(v_agent, max_targets);
  if cardinality(v_ids) < max_targets then
    v_ids := v_ids || epo.pick_run_targets(v_pool, max_targets - cardinality(v_ids));
  end if;
  if cardinality(v_ids) = 0 then
    return '[]';
  end if;

  with target as (
    update epo.job_run_targets as t
    set state = 'claimed', ready_at = null, attempts = t.attempts + 1, attempt_id = epo.new_id()
    from epo.job_runs as r
    where t.tenant_id = v_tenant
      and t.id = any(v_ids)
      and t.state = 'pending'
      and r.tenant_id = v_tenant
      and r.id = t.run_id
      and r.cancel_requested_at is null
    returning t.id, t.run_id, t.target_id, t.attempts, t.attempt_id,
      r.script_version_id, r.parameters, r.timeout_seconds, r.retryable
  ),
  attempt as (
    insert into epo.attempts (
      tenant_id, id, run_id, run_target_id, number, agent_id, fencing_token, lease_expires_at)
    select v_tenant, t.attempt_id, t.run_id, t.id, t.attempts, v_agent, t.attempts, now() + make_interval(secs => v_lease)
    from target as t
    returning id, lease_expires_at
  )
  select
    jsonb_agg(
      jsonb_build_object(
        'run_id', t.run_id,
        'run_target_id', t.id,
        'attempt_id', t.attempt_id,
        'attempt_number', t.attempts,
        'fencing_token', t.attempts,
        'lease_seconds', v_lease,
        'lease_expires_at', a.lease_expires_at,
        'script', epo.describe_script(t.script_version_id),
        'parameters', t.parameters,
        'target', jsonb_build_object('id', e.id, 'name', e.name, 'kind', e.kind, 'options', e.options),
        'timeout_seconds', t.timeout_seconds,
        'retryable', t.retryable)
      order by array_position(v_ids, t.id)),
    array_agg(t.run_id)
  into v_claimed, v_runs
  from target as t
  join attempt as a on a.id = t.attempt_id
  join epo.targets as e on e.tenant_id = v_tenant and e.id = t.target_id;

  perform epo.wake_runs(v_runs);
  return coalesce(v_claimed, '[]');
end
$$;
comment on function epo.claim_run_targets(integer) is
  'Claims pending run targets for the agent of the claims: pinned ones first, then those of its pool, oldest first.';

create function epo.describe_script(script_version_id uuid) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return (
    select jsonb_build_object(
      'version_id', v.id,
      'name', s.name,
      'version', v.version,
      'sha256', encode(v.sha256, 'hex'),
      'size_bytes', v.size_bytes,
      'content', case when v.size_bytes <= 65536 then epo.to_base64(v.content) end)
    from epo.script_versions as v
    join epo.scripts as s on s.tenant_id = v.tenant_id and s.id = v.script_id
    where v.tenant_id = (select epo.current_tenant_id())
      and v.id = describe_script.script_version_id);
end
$$;
comment on function epo.describe_script(uuid) is 'A script version as a claim carries it; small contents come along.';

create function epo.to_base64(content bytea) returns text
language sql immutable strict
return translate(encode(content, 'base64'), E'\n', '');
comment on function epo.to_base64(bytea) is 'Base64 on one line.';

grant execute on function
  epo.lease_seconds(), epo.pick_run_targets(uuid, integer), epo.claim_run_targets(integer),
  epo.describe_script(uuid), epo.to_base64(bytea)
  to epo_definer, epo_system;

reset role;
