set local role epo_owner;

create function epo.lock_runs(tenant_ids uuid[], run_ids uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  perform
  from epo.job_runs as r
  where r.tenant_id = any(lock_runs.tenant_ids)
    and r.id = any(lock_runs.run_ids)
  order by r.id
  for no key update;
end
$$;
comment on function epo.lock_runs(uuid[], uuid[]) is
  'Locks runs in the order of their ids. Locks are taken in one order everywhere: attempts, run targets, runs; a cancel takes its run first and then only pending targets.';

-- The only place where a run ends. Result, first match: cancelled, timed_out or
-- expired if the run itself was; succeeded if every target did; partially_failed
-- if some did; else failed. A run itself timed out or expired where all of it did.
create function epo.settle_runs(tenant_ids uuid[], run_ids uuid[], states text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  if coalesce(cardinality(settle_runs.run_ids), 0) = 0 then
    return;
  end if;
  if cardinality(settle_runs.run_ids) > 1 then
    perform epo.lock_runs(settle_runs.tenant_ids, settle_runs.run_ids);
  end if;
  with ended as (
    select
      u.tenant_id,
      u.run_id,
      (count(*) filter (where u.state = 'succeeded'))::integer as succeeded,
      (count(*) filter (where u.state <> 'succeeded'))::integer as failed,
      (count(*) filter (where u.state = 'timed_out'))::integer as timed_out,
      (count(*) filter (where u.state = 'expired'))::integer as expired
    from unnest(settle_runs.tenant_ids, settle_runs.run_ids, settle_runs.states) as u (tenant_id, run_id, state)
    group by u.tenant_id, u.run_id
  )
  update epo.job_runs as r
  set targets_succeeded = r.targets_succeeded + e.succeeded,
    targets_failed = r.targets_failed + e.failed,
    targets_timed_out = r.targets_timed_out + e.timed_out,
    targets_expired = r.targets_expired + e.expired,
    state = case
      when r.targets_succeeded + r.targets_failed + e.succeeded + e.failed < r.targets_total then r.state
      when r.cancel_requested_at is not null then 'cancelled'
      when r.targets_timed_out + e.timed_out = r.targets_total then 'timed_out'
      when r.targets_expired + e.expired = r.targets_total then 'expired'
      when r.targets_succeeded + e.succeeded = r.targets_total then 'succeeded'
      when r.targets_succeeded + e.succeeded > 0 then 'partially_failed'
      else 'failed'
    end,
    finished_at = case
      when r.targets_succeeded + r.targets_failed + e.succeeded + e.failed = r.targets_total then now()
    end
  from ended as e
  where r.tenant_id = e.tenant_id
    and r.id = e.run_id
    and r.state in ('queued', 'running');
  perform epo.wake_runs(settle_runs.run_ids);
end
$$;
comment on function epo.settle_runs(uuid[], uuid[], text[]) is
  'Counts run targets that just ended, one entry each, and ends the runs that have none left.';

grant execute on function epo.lock_runs(uuid[], uuid[]), epo.settle_runs(uuid[], uuid[], text[]) to epo_definer, epo_system;

reset role;
