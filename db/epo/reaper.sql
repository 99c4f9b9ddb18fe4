set local role epo_system;

create function epo.end_lost_attempts(max_attempts integer) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[];
  v_tenants uuid[];
  v_runs uuid[];
  v_states text[];
begin
  v_ids := array(
    select a.id
    from epo.attempts as a
    where a.finished_at is null
      and a.lease_expires_at < now()
    order by a.id
    limit end_lost_attempts.max_attempts
    for update skip locked);
  if cardinality(v_ids) = 0 then
    return jsonb_build_object('requeued', 0, 'unknown', 0, 'cancelled', 0, 'wakes', '[]'::jsonb);
  end if;

  with ended as (
    update epo.attempts as a
    set state = case a.state when 'claimed' then 'abandoned' else 'unknown' end,
      error = jsonb_build_object('code', 'lease_lost', 'message', 'the agent did not renew its lease'),
      finished_at = now()
    where a.id = any(v_ids)
      and a.state in ('claimed', 'running')
    returning a.tenant_id, a.id, a.run_target_id, a.state, a.error
  ),
  decided as (
    select
      e.tenant_id, e.id, e.run_target_id, e.error,
      case
        when e.state = 'abandoned' and r.cancel_requested_at is not null then 'cancelled'
        when e.state = 'abandoned' then 'pending'
        when r.retryable and t.starts < r.max_attempts and r.cancel_requested_at is null then 'pending'
        else 'unknown'
      end as state,
      case when e.state = 'abandoned' then t.expires_at
        else now() + make_interval(secs => p.queue_ttl_seconds)
      end as expires_at
    from ended as e
    join epo.job_run_targets as t on t.tenant_id = e.tenant_id and t.id = e.run_target_id
    join epo.job_runs as r on r.tenant_id = t.tenant_id and r.id = t.run_id
    join epo.tenant_policies as p on p.tenant_id = t.tenant_id
  ),
  moved as (
    update epo.job_run_targets as t
    set state = d.state,
      error = case when d.state = 'unknown' then d.error end,
      ready_at = case when d.state = 'pending' then now() end,
      expires_at = case when d.state = 'pending' then d.expires_at else t.expires_at end,
      finished_at = case when d.state <> 'pending' then now() end
    from decided as d
    where t.tenant_id = d.tenant_id
      and t.id = d.run_target_id
      and t.attempt_id = d.id
      and t.state in ('claimed', 'running')
    returning t.tenant_id, t.run_id, t.state
  )
  select array_agg(m.tenant_id), array_agg(m.run_id), array_agg(m.state)
  into v_tenants, v_runs, v_states
  from moved as m;

  return epo.settle_reaped(v_tenants, v_runs, v_states);
end
$$;
comment on function epo.end_lost_attempts(integer) is
  'Ends attempts whose lease is over: what never started, or may be repeated, goes back to the queue, the rest is unknown.';

create function epo.settle_reaped(tenant_ids uuid[], run_ids uuid[], states text[]) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_result jsonb;
  v_tenants uuid[];
  v_runs uuid[];
  v_states text[];
begin
  select
    jsonb_build_object(
      'requeued', count(*) filter (where u.state = 'pending'),
      'unknown', count(*) filter (where u.state = 'unknown'),
      'expired', count(*) filter (where u.state = 'expired'),
      'cancelled', count(*) filter (where u.state = 'cancelled'),
      'wakes', coalesce(jsonb_agg(distinct 'run:' || u.run_id) filter (where u.run_id is not null), '[]')
        || coalesce(jsonb_agg(distinct 'agents:' || u.tenant_id) filter (where u.state = 'pending'), '[]')
        || coalesce(jsonb_agg(distinct 'tenant:' || u.tenant_id || '#run') filter (where u.tenant_id is not null), '[]')),
    array_agg(u.tenant_id) filter (where u.state <> 'pending'),
    array_agg(u.run_id) filter (where u.state <> 'pending'),
    array_agg(u.state) filter (where u.state <> 'pending')
  into v_result, v_tenants, v_runs, v_states
  from unnest(settle_reaped.tenant_ids, settle_reaped.run_ids, settle_reaped.states) as u (tenant_id, run_id, state);
  perform epo.settle_runs(v_tenants, v_runs, v_states);
  return v_result;
end
$$;
comment on function epo.settle_reaped(uuid[], uuid[], text[]) is 'Settles the runs of reaped run targets and counts what became of them.';

create function epo.end_waiting_targets(max_targets integer) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_waiting uuid[];
  v_runs uuid[];
  v_tenants uuid[];
  v_ended_runs uuid[];
  v_states text[];
begin
  -- Runs first, as a cancel does; one that is busy is looked at next time.
  v_waiting := array(
    select t.run_id
    from epo.job_run_targets as t
    where t.ready_at is not null
      and t.expires_at < now()
    union
    select r.id
    from epo.job_runs as r
    where r.cancel_requested_at is not null
      and r.finished_at is null
    limit end_waiting_targets.max_targets);
  if cardinality(v_waiting) = 0 then
    return epo.settle_reaped('{}', '{}', '{}');
  end if;
  v_runs := array(
    select r.id
    from epo.job_runs as r
    where r.id = any(v_waiting)
      and r.finished_at is null
    order by r.id
    for no key update skip locked);

  with ended as (
    update epo.job_run_targets as t
    set state = case when r.cancel_requested_at is not null then 'cancelled' else 'expired' end,
      ready_at = null, finished_at = now()
    from epo.job_runs as r
    where t.state = 'pending'
      and t.run_id = any(v_runs)
      and r.tenant_id = t.tenant_id
      and r.id = t.run_id
      and (t.expires_at < now() or r.cancel_requested_at is not null)
    returning t.tenant_id, t.run_id, t.state
  )
  select array_agg(e.tenant_id), array_agg(e.run_id), array_agg(e.state)
  into v_tenants, v_ended_runs, v_states
  from ended as e;
  return epo.settle_reaped(v_tenants, v_ended_runs, v_states);
end
$$;
comment on function epo.end_waiting_targets(integer) is
  'Ends run targets that waited longer than their tenant allows, and those that came back to the queue while their run was cancelled.';

-- An agent that ends with an inspection in its hands leaves it to the next, three
-- times: a script that takes agents down with it is not handed round for ever.
create function epo.end_lost_inspections(max_inspections integer) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[];
  v_result jsonb;
begin
  v_ids := array(
    select i.id
    from epo.inspections as i
    where i.state = 'claimed'
      and i.lease_expires_at < now()
    union all
    select i.id
    from epo.inspections as i
    where i.state = 'pending'
      and i.expires_at < now()
    limit end_lost_inspections.max_inspections);
  if cardinality(v_ids) = 0 then
    return jsonb_build_object('ended', 0, 'wakes', '[]'::jsonb);
  end if;
  v_ids := array(
    select i.id
    from epo.inspections as i
    where i.id = any(v_ids)
    order by i.id
    for update skip locked);
  with moved as (
    update epo.inspections as i
    set state = d.state,
      agent_id = case when d.state = 'failed' then i.agent_id end,
      error = case when d.state = 'failed' then
        jsonb_build_object('code', 'lease_lost', 'message', 'three agents took it, and none of them gave an answer') end,
      lease_expires_at = null,
      finished_at = case when d.state <> 'pending' then now() end
    from (
      select
        w.tenant_id, w.id,
        case
          when w.expires_at < now() then 'expired'
          when w.attempts < 3 then 'pending'
          else 'failed'
        end as state
      from epo.inspections as w
      where w.id = any(v_ids)
    ) as d
    where i.tenant_id = d.tenant_id
      and i.id = d.id
      and ((i.state = 'claimed' and i.lease_expires_at < now()) or (i.state = 'pending' and i.expires_at < now()))
    returning i.tenant_id, i.state
  )
  select jsonb_build_object(
    'ended', count(*),
    'wakes', coalesce(jsonb_agg(distinct 'agents:' || m.tenant_id) filter (where m.state = 'pending'), '[]')
      || coalesce(jsonb_agg(distinct 'tenant:' || m.tenant_id || '#inspection'), '[]'))
  into v_result
  from moved as m;
  return v_result;
end
$$;
comment on function epo.end_lost_inspections(integer) is
  'Ends claims of inspections whose lease is over: back to the queue up to three times, then failed; and those that waited too long.';

-- Nothing is written when an agent goes: its last sign of life grows old. Rounds
-- of the reaper are closer together than the time that is looked at, so that none
-- is missed; one that is told twice does no harm.
create function epo.wakes_of_absence() returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(distinct 'tenant:' || s.tenant_id || '#agent'), '[]')
    from epo.agent_status as s
    join epo.tenant_policies as p on p.tenant_id = s.tenant_id
    where s.last_seen_at + make_interval(secs => greatest(10, 2 * p.lease_seconds)) between now() - interval '5 seconds' and now());
end
$$;
comment on function epo.wakes_of_absence() is 'Wakes for tenants with an agent that has just counted as away.';

create function epo.reap_leases(max_targets integer default 1000) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lost jsonb;
  v_waiting jsonb;
  v_inspections jsonb;
begin
  perform epo.act_as('system:reaper');
  v_lost := epo.end_lost_attempts(reap_leases.max_targets);
  v_waiting := epo.end_waiting_targets(reap_leases.max_targets);
  v_inspections := epo.end_lost_inspections(reap_leases.max_targets);
  return jsonb_build_object(
    'requeued', v_lost -> 'requeued',
    'unknown', v_lost -> 'unknown',
    'expired', v_waiting -> 'expired',
    'cancelled', (v_lost ->> 'cancelled')::integer + (v_waiting ->> 'cancelled')::integer,
    'inspections', v_inspections -> 'ended',
    'wakes', (v_lost -> 'wakes') || (v_waiting -> 'wakes') || (v_inspections -> 'wakes') || epo.wakes_of_absence());
end
$$;
comment on function epo.reap_leases(integer) is
  'Brings every run nearer to its end though an agent never came back; any number of servers may call it at once. Wakes are in the answer.';

create function epo.longest_lease_seconds() returns integer
language sql stable security definer
set search_path = pg_catalog, pg_temp
return coalesce((select max(p.lease_seconds) from epo.tenant_policies as p), 30);
comment on function epo.longest_lease_seconds() is
  'How long a server that just reached the database waits before it reaps: until then every agent had the time to renew.';

grant execute on function epo.reap_leases(integer), epo.longest_lease_seconds() to epo_migrator;

reset role;
