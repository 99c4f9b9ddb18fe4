set local role epo_definer;

create function epo.end_attempts(results jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_tenant uuid := epo.current_tenant_id();
  v_agent uuid := epo.current_agent_id();
  v_ids uuid[] := epo.attempt_ids(end_attempts.results);
  v_runs uuid[];
  v_states text[];
begin
  perform epo.lock_attempts(v_ids);
  with ended as (
    update epo.attempts as a
    set state = g.state, exit_code = g.exit_code, error = nullif(g.error, 'null'), finished_at = now()
    from jsonb_to_recordset(end_attempts.results) as g (
      attempt_id uuid, fencing_token bigint, last_seq bigint, state text, exit_code bigint, error jsonb)
    where a.tenant_id = v_tenant
      and a.id = any(v_ids)
      and a.id = g.attempt_id
      and a.agent_id = v_agent
      and a.fencing_token = g.fencing_token
      and a.state in ('claimed', 'running')
      and a.next_seq > g.last_seq
      and g.state in ('succeeded', 'failed', 'cancelled', 'timed_out', 'unknown')
      and (a.state = 'running' or g.state <> 'succeeded')
    returning a.id, a.run_id, a.run_target_id, a.state, a.exit_code, a.error
  ),
  -- What nobody knows the end of is run again where that does no harm.
  decided as (
    select
      e.*,
      e.state = 'unknown' and r.retryable and t.starts < r.max_attempts and r.cancel_requested_at is null as again,
      now() + make_interval(secs => p.queue_ttl_seconds) as expires_at
    from ended as e
    join epo.job_run_targets as t on t.tenant_id = v_tenant and t.id = e.run_target_id
    join epo.job_runs as r on r.tenant_id = v_tenant and r.id = e.run_id
    join epo.tenant_policies as p on p.tenant_id = v_tenant
  ),
  moved as (
    update epo.job_run_targets as t
    set state = case when d.again then 'pending' else d.state end,
      exit_code = case when not d.again then d.exit_code end,
      error = case when not d.again then d.error end,
      ready_at = case when d.again then now() end,
      expires_at = case when d.again then d.expires_at else t.expires_at end,
      finished_at = case when not d.again then now() end
    from decided as d
    where t.tenant_id = v_tenant
      and t.id = d.run_target_id
      and t.attempt_id = d.id
      and t.state in ('claimed', 'running')
    returning t.run_id, t.state
  )
  select
    array_agg(m.run_id order by m.run_id) filter (where m.state <> 'pending'),
    array_agg(m.state order by m.run_id) filter (where m.state <> 'pending')
  into v_runs, v_states
  from moved as m;
  if v_runs is not null then
    perform epo.settle_runs(array_fill(v_tenant, array[cardinality(v_runs)]), v_runs, v_states);
  end if;
end
$$;
comment on function epo.end_attempts(jsonb) is 'Ends attempts with their results, once each, and with them run targets and runs.';

create function epo.answer_results(results jsonb) returns jsonb
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
          'ok', o.code is null,
          'code', o.code,
          'expected_seq', case when o.code = 'log_gap' then a.next_seq end)
        order by g.position),
      '[]')
    from rows from (
      jsonb_to_recordset(answer_results.results) as (
        attempt_id uuid, fencing_token bigint, last_seq bigint, state text, exit_code bigint, error jsonb)
    ) with ordinality as g (attempt_id, fencing_token, last_seq, state, exit_code, error, position)
    left join epo.attempts as a
      on a.tenant_id = v_tenant
      and a.id = g.attempt_id
      and a.agent_id = v_agent
      and a.fencing_token = g.fencing_token
    cross join lateral (
      select case
        when a.id is null then 'lease_lost'
        when a.state in ('claimed', 'running') and a.next_seq <= g.last_seq then 'log_gap'
        when a.state in ('claimed', 'running') then 'invalid_argument'
        when a.state = 'abandoned' or (a.state = 'unknown' and a.error ->> 'code' = 'lease_lost') then 'lease_lost'
        when a.state = g.state
          and (a.state = 'cancelled'
            or (a.exit_code is not distinct from g.exit_code and a.error is not distinct from nullif(g.error, 'null'))) then null
        else 'conflict'
      end as code
    ) as o);
end
$$;
comment on function epo.answer_results(jsonb) is 'What became of each result: ok also for a repeat of the same.';

create function api.finish_attempts(results jsonb, claim_max integer default 0) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_results jsonb;
begin
  perform epo.end_attempts(finish_attempts.results);
  v_results := epo.answer_results(finish_attempts.results);
  return jsonb_build_object(
    'results', v_results,
    'claimed', case
      when finish_attempts.claim_max > 0 then epo.claim_run_targets(least(finish_attempts.claim_max, 1000))
      else '[]'
    end);
end
$$;
comment on function api.finish_attempts(jsonb, integer) is
  'Records results [{attempt_id, fencing_token, last_seq, state, exit_code, error}] once each, and claims the next work in the same transaction. A result whose log is not complete gets code log_gap.';
grant execute on function api.finish_attempts(jsonb, integer) to app_agent;

reset role;
