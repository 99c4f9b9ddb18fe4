set local role epo_definer;

create function api.claim_run_targets(max_targets integer default 1) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return epo.claim_run_targets(least(greatest(coalesce(claim_run_targets.max_targets, 1), 0), 1000));
end
$$;
comment on function api.claim_run_targets(integer) is
  'Claims up to so many pending run targets for the agent, each with a lease and a fencing token that every later write carries.';

-- Locks in the order of the ids: a renewal, a start and a finish of one agent
-- may overlap, and each may name many attempts.
create function epo.lock_attempts(attempt_ids uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_agent uuid := epo.current_agent_id();
begin
  perform
  from epo.attempts as a
  where a.tenant_id = (select epo.current_tenant_id())
    and a.id = any(lock_attempts.attempt_ids)
    and a.agent_id = v_agent
  order by a.id
  for no key update;
end
$$;
comment on function epo.lock_attempts(uuid[]) is 'Locks attempts of the agent in the order of their ids.';

create function epo.attempt_ids(items jsonb) returns uuid[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(attempt_ids.items) is distinct from 'array' then
    perform epo.raise_invalid('a JSON array is expected');
  elsif jsonb_array_length(attempt_ids.items) > 1000 then
    perform epo.raise_invalid('at most 1000 items in one call');
  end if;
  return array(
    select (e.item ->> 'attempt_id')::uuid
    from jsonb_array_elements(attempt_ids.items) as e (item));
end
$$;
comment on function epo.attempt_ids(jsonb) is 'The attempts a list of items names.';

-- Called, and committed, before the script starts: what the database does not
-- know as started may be given to another agent. The same call again is harmless.
create function api.start_attempts(items jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_tenant uuid := epo.current_tenant_id();
  v_agent uuid := epo.current_agent_id();
  v_ids uuid[] := epo.attempt_ids(start_attempts.items);
  v_runs uuid[];
  v_started uuid[];
  v_lease integer := epo.lease_seconds();
begin
  perform epo.lock_attempts(v_ids);
  if epo.some_are_cancelled(v_ids) then
    perform epo.cancel_claimed(v_ids);
  end if;
  with started as (
    update epo.attempts as a
    set state = 'running', started_at = now(), lease_expires_at = now() + make_interval(secs => v_lease),
      isolation = g.isolation, engine_version = left(g.engine_version, 64)
    from jsonb_to_recordset(start_attempts.items) as g (
      attempt_id uuid, fencing_token bigint, isolation text, engine_version text)
    where a.tenant_id = v_tenant
      and a.id = any(v_ids)
      and a.id = g.attempt_id
      and a.agent_id = v_agent
      and a.fencing_token = g.fencing_token
      and a.state = 'claimed'
    returning a.id, a.run_id, a.run_target_id
  ),
  moved as (
    update epo.job_run_targets as t
    set state = 'running', starts = t.starts + 1
    from started as s
    where t.tenant_id = v_tenant
      and t.id = s.run_target_id
      and t.attempt_id = s.id
      and t.state = 'claimed'
    returning t.run_id
  )
  select array_agg(distinct m.run_id) into v_runs
  from moved as m;

  -- Only the first target of a run changes the run.
  v_started := array(
    select r.id
    from epo.job_runs as r
    where r.tenant_id = v_tenant
      and r.id = any(v_runs)
      and r.state = 'queued'
    order by r.id
    for no key update);
  update epo.job_runs as r
  set state = 'running', started_at = now()
  where r.tenant_id = v_tenant
    and r.id = any(v_started)
    and r.state = 'queued';
  perform epo.wake_runs(v_runs);
  return epo.answer_start(start_attempts.items);
end
$$;
comment on function api.start_attempts(jsonb) is
  'Says that scripts are about to start: [{attempt_id, fencing_token, isolation, engine_version}]. Only an item answered with ok may start; code cancelled or lease_lost otherwise.';

create function epo.some_are_cancelled(attempt_ids uuid[]) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  return exists (
    select
    from epo.attempts as a
    join epo.job_runs as r on r.tenant_id = a.tenant_id and r.id = a.run_id
    where a.tenant_id = (select epo.current_tenant_id())
      and a.id = any(some_are_cancelled.attempt_ids)
      and r.cancel_requested_at is not null);
end
$$;
comment on function epo.some_are_cancelled(uuid[]) is 'Whether the run of one of the attempts was cancelled.';

create function epo.cancel_claimed(attempt_ids uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_tenant uuid := epo.current_tenant_id();
  v_agent uuid := epo.current_agent_id();
  v_runs uuid[];
begin
  with ended as (
    update epo.attempts as a
    set state = 'cancelled', finished_at = now(),
      error = jsonb_build_object('code', 'cancelled', 'message', 'the run was cancelled before the script started')
    from epo.job_runs as r
    where a.tenant_id = v_tenant
      and a.id = any(cancel_claimed.attempt_ids)
      and a.agent_id = v_agent
      and a.state = 'claimed'
      and r.tenant_id = v_tenant
      and r.id = a.run_id
      and r.cancel_requested_at is not null
    returning a.id, a.run_target_id, a.error
  ),
  moved as (
    update epo.job_run_targets as t
    set state = 'cancelled', error = e.error, finished_at = now()
    from ended as e
    where t.tenant_id = v_tenant
      and t.id = e.run_target_id
      and t.attempt_id = e.id
      and t.state = 'claimed'
    returning t.run_id
  )
  select array_agg(m.run_id) into v_runs
  from moved as m;
  if v_runs is not null then
    perform epo.settle_runs(
      array_fill(v_tenant, array[cardinality(v_runs)]), v_runs, array_fill('cancelled'::text, array[cardinality(v_runs)]));
  end if;
end
$$;
comment on function epo.cancel_claimed(uuid[]) is 'Ends claimed attempts whose run was cancelled, so that their scripts never start.';

create function epo.answer_start(items jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_tenant uuid := epo.current_tenant_id();
  v_agent uuid := epo.current_agent_id();
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'attempt_id', g.attempt_id,
          'ok', a.state is not distinct from 'running',
          'code', case
            when a.state = 'running' then null
            when a.state = 'cancelled' then 'cancelled'
            else 'lease_lost'
          end)
        order by g.position),
      '[]')
    from rows from (
      jsonb_to_recordset(answer_start.items) as (attempt_id uuid, fencing_token bigint)
    ) with ordinality as g (attempt_id, fencing_token, position)
    left join epo.attempts as a
      on a.tenant_id = v_tenant
      and a.id = g.attempt_id
      and a.agent_id = v_agent
      and a.fencing_token = g.fencing_token);
end
$$;
comment on function epo.answer_start(jsonb) is 'What became of each item of a start.';

create function api.renew_leases(leases jsonb, agent jsonb default '{}') returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_tenant uuid := epo.current_tenant_id();
  v_agent uuid := epo.current_agent_id();
  v_ids uuid[] := epo.attempt_ids(renew_leases.leases);
  v_lease integer := epo.lease_seconds();
begin
  perform epo.require_object(coalesce(renew_leases.agent, '{}'), 'agent');
  perform epo.record_heartbeat(coalesce(renew_leases.agent, '{}'));
  perform epo.lock_attempts(v_ids);
  update epo.attempts as a
  set lease_expires_at = now() + make_interval(secs => v_lease)
  from jsonb_to_recordset(renew_leases.leases) as g (attempt_id uuid, fencing_token bigint)
  where a.tenant_id = v_tenant
    and a.id = any(v_ids)
    and a.id = g.attempt_id
    and a.agent_id = v_agent
    and a.fencing_token = g.fencing_token
    and a.state in ('claimed', 'running');
  return jsonb_build_object('leases', epo.answer_renewal(renew_leases.leases), 'lease_seconds', v_lease);
end
$$;
comment on function api.renew_leases(jsonb, jsonb) is
  'The heartbeat of an agent: renews its leases [{attempt_id, fencing_token}], says how it is, and hears which runs were cancelled.';

create function epo.record_heartbeat(agent jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_tenant uuid := epo.current_tenant_id();
  v_agent uuid := epo.current_agent_id();
  v_news boolean;
begin
  update epo.agent_status as s
  set last_seen_at = now(),
    version = coalesce(left(record_heartbeat.agent ->> 'version', 64), s.version),
    hostname = coalesce(left(record_heartbeat.agent ->> 'hostname', 255), s.hostname),
    os = coalesce(left(record_heartbeat.agent ->> 'os', 64), s.os),
    arch = coalesce(left(record_heartbeat.agent ->> 'arch', 64), s.arch),
    isolation = coalesce(left(record_heartbeat.agent ->> 'isolation', 64), s.isolation),
    engine_version = coalesce(left(record_heartbeat.agent ->> 'engine_version', 64), s.engine_version),
    warm = coalesce((record_heartbeat.agent ->> 'warm')::integer, s.warm),
    capacity = coalesce((record_heartbeat.agent ->> 'capacity')::integer, s.capacity)
  from epo.agent_status as o
  where s.tenant_id = v_tenant
    and s.agent_id = v_agent
    and o.tenant_id = v_tenant
    and o.agent_id = v_agent
  returning o.last_seen_at <= now() - make_interval(secs => greatest(10, 2 * epo.lease_seconds()))
    or (o.capacity is null and s.capacity is not null)
  into v_news;
  if not found then
    perform epo.raise('principal_disabled', 401, 'the agent may not act any more');
  end if;
  if v_news then
    perform epo.wake_tenant('agent'); -- it was away or is new, and came
  end if;
end
$$;
comment on function epo.record_heartbeat(jsonb) is 'Keeps what the agent says of itself; not audited.';

create function epo.answer_renewal(leases jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_tenant uuid := epo.current_tenant_id();
  v_agent uuid := epo.current_agent_id();
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'attempt_id', g.attempt_id,
          'ok', a.id is not null,
          'lease_expires_at', a.lease_expires_at,
          'cancel', coalesce(r.cancel_requested_at is not null, false))
        order by g.position),
      '[]')
    from rows from (
      jsonb_to_recordset(answer_renewal.leases) as (attempt_id uuid, fencing_token bigint)
    ) with ordinality as g (attempt_id, fencing_token, position)
    left join epo.attempts as a
      on a.tenant_id = v_tenant
      and a.id = g.attempt_id
      and a.agent_id = v_agent
      and a.fencing_token = g.fencing_token
      and a.state in ('claimed', 'running')
    left join epo.job_runs as r on r.tenant_id = v_tenant and r.id = a.run_id);
end
$$;
comment on function epo.answer_renewal(jsonb) is 'What became of each lease of a renewal.';

grant execute on function
  api.claim_run_targets(integer), api.start_attempts(jsonb), api.renew_leases(jsonb, jsonb)
  to app_agent;

reset role;
