set local role epo_owner;

create view api.job_runs with (security_invoker = true) as
select
  r.id, r.job_id, j.name as job_name,
  v.script_id, s.name as script_name, r.script_version_id, v.version as script_version,
  encode(v.sha256, 'hex') as script_sha256,
  r.parameters, r.checked, r.timeout_seconds, r.state, r.trigger, r.requested_by, u.name as requested_by_name,
  r.created_at, r.started_at, r.finished_at, r.expires_at, r.cancel_requested_at,
  r.targets_total,
  r.targets_total - r.targets_succeeded - r.targets_failed - a.active as targets_pending,
  a.active as targets_active,
  r.targets_succeeded, r.targets_failed
from epo.job_runs as r
join epo.jobs as j on j.tenant_id = r.tenant_id and j.id = r.job_id
join epo.script_versions as v on v.tenant_id = r.tenant_id and v.id = r.script_version_id
join epo.scripts as s on s.tenant_id = v.tenant_id and s.id = v.script_id
left join auth.users as u on u.tenant_id = r.tenant_id and u.id = r.requested_by
-- Runs that have ended, most of a page, are not counted.
cross join lateral (
  select case when r.finished_at is null then (
    select count(*)::integer
    from epo.job_run_targets as t
    where t.tenant_id = r.tenant_id
      and t.run_id = r.id
      and t.state in ('claimed', 'running'))
  else 0 end as active
) as a;
comment on view api.job_runs is 'Firings of jobs and how far each is.';
comment on column api.job_runs.job_name is 'Name of the job; null for a run without one.';
comment on column api.job_runs.script_id is 'Script that runs.';
comment on column api.job_runs.script_name is 'Name of the script.';
comment on column api.job_runs.script_version is 'Number of the version that runs.';
comment on column api.job_runs.script_sha256 is 'SHA-256 of the bytes that run, in hex.';
comment on column api.job_runs.requested_by_name is 'Sign-in name of who asked for it.';
comment on column api.job_runs.targets_pending is 'Targets that wait for an agent.';
comment on column api.job_runs.targets_active is 'Targets that an agent has claimed or is running.';

create view api.job_run_targets with (security_invoker = true) as
select
  t.id, t.run_id, t.target_id, e.name as target_name, t.state, t.exit_code, t.error, t.attempts,
  a.agent_id, g.name as agent_name, a.claimed_at, a.started_at, t.finished_at, r.cancel_requested_at
from epo.job_run_targets as t
join epo.targets as e on e.tenant_id = t.tenant_id and e.id = t.target_id
join epo.job_runs as r on r.tenant_id = t.tenant_id and r.id = t.run_id
left join epo.attempts as a on a.tenant_id = t.tenant_id and a.id = t.attempt_id
left join epo.agents as g on g.tenant_id = a.tenant_id and g.id = a.agent_id;
comment on view api.job_run_targets is 'Shares of runs on one target each.';
comment on column api.job_run_targets.target_name is 'Name of the target.';
comment on column api.job_run_targets.agent_id is 'Agent of its last attempt.';
comment on column api.job_run_targets.agent_name is 'Name of that agent.';

create view api.attempts with (security_invoker = true) as
select
  a.id, a.run_id, a.run_target_id, a.number, a.agent_id, g.name as agent_name, a.state, a.exit_code, a.error,
  a.isolation, a.engine_version, a.claimed_at, a.started_at, a.finished_at, a.lease_expires_at, a.next_seq
from epo.attempts as a
join epo.agents as g on g.tenant_id = a.tenant_id and g.id = a.agent_id;
comment on view api.attempts is 'Tries of run targets.';
comment on column api.attempts.agent_name is 'Name of the agent.';

create view api.job_run_logs with (security_invoker = true) as
select l.run_id, l.attempt_id, l.run_target_id, l.first_seq, l.last_seq, l.chunk, l.created_at, octet_length(l.chunk) as size_bytes
from epo.job_run_logs as l;
comment on view api.job_run_logs is 'Log records in chunks of NDJSON; read an attempt in the order of first_seq.';
comment on column api.job_run_logs.size_bytes is 'Size of the chunk.';

grant select on api.job_runs, api.job_run_targets, api.attempts, api.job_run_logs to app_user, app_admin;

reset role;
set local role epo_definer;

-- A run and all its targets in one statement each, however many they are.
create function epo.insert_run(
  job_id uuid, script_version_id uuid, target_ids uuid[], parameters jsonb, checked boolean, timeout_seconds integer,
  idempotency_key text, request_digest bytea)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant uuid := epo.current_tenant_id();
  v_id uuid;
  v_targets uuid[] := array(select distinct u.id from unnest(insert_run.target_ids) as u (id));
begin
  insert into epo.job_runs (
    tenant_id, job_id, script_version_id, parameters, checked, timeout_seconds, retryable, max_attempts,
    requested_by, idempotency_key, request_digest, expires_at, targets_total)
  select
    j.tenant_id, j.id, insert_run.script_version_id, insert_run.parameters, insert_run.checked, insert_run.timeout_seconds,
    j.retryable, j.max_attempts, epo.current_user_id(), insert_run.idempotency_key, insert_run.request_digest,
    now() + make_interval(secs => p.queue_ttl_seconds),
    cardinality(v_targets)
  from epo.jobs as j
  join epo.tenant_policies as p on p.tenant_id = j.tenant_id
  where j.tenant_id = v_tenant
    and j.id = insert_run.job_id
  on conflict do nothing
  returning id into v_id;
  if v_id is null then
    return null;
  end if;

  insert into epo.job_run_targets (tenant_id, run_id, target_id, lane_id, expires_at)
  select r.tenant_id, r.id, t.id, coalesce(t.agent_id, t.pool_id), r.expires_at
  from epo.job_runs as r
  join epo.targets as t on t.tenant_id = r.tenant_id
  where r.tenant_id = v_tenant
    and r.id = v_id
    and t.id = any(v_targets);
  perform epo.wake_agents();
  perform epo.wake_runs(array[v_id]);
  return v_id;
end
$$;
comment on function epo.insert_run(uuid, uuid, uuid[], jsonb, boolean, integer, text, bytea) is
  'Materialises a run of a job on targets; null where another transaction was first with the same idempotency key.';

create function epo.find_run(idempotency_key text, request_digest bytea) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run record;
begin
  select r.id, r.state, r.checked, r.request_digest into v_run
  from epo.job_runs as r
  where r.tenant_id = epo.current_tenant_id()
    and r.idempotency_key = find_run.idempotency_key;
  if not found then
    return null;
  elsif v_run.request_digest <> find_run.request_digest then
    perform epo.raise('conflict', 409, 'the idempotency key belongs to another request');
  end if;
  return jsonb_build_object('run_id', v_run.id, 'state', v_run.state, 'checked', v_run.checked, 'created', false);
end
$$;
comment on function epo.find_run(text, bytea) is 'The run that an earlier request with the same key made.';

create function epo.choose_version(script_id uuid, script_version_id uuid) returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(choose_version.script_version_id, (
    select v.id
    from epo.script_versions as v
    where v.tenant_id = epo.current_tenant_id()
      and v.script_id = choose_version.script_id
    order by v.version desc
    limit 1));
end
$$;
comment on function epo.choose_version(uuid, uuid) is 'The pinned version of a script, else its latest.';

create function epo.find_job(job_id uuid) returns epo.jobs
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job epo.jobs;
begin
  select j.* into v_job
  from epo.jobs as j
  where j.tenant_id = epo.current_tenant_id()
    and j.id = find_job.job_id
    and j.name is not null;
  if not found then
    perform epo.raise_not_found();
  end if;
  return v_job;
end
$$;
comment on function epo.find_job(uuid) is 'A job of the tenant that has a name.';

create function epo.make_hidden_job(
  script_id uuid, script_version_id uuid, target_ids uuid[], parameters jsonb, timeout_seconds integer)
returns epo.jobs
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
  v_job epo.jobs;
begin
  v_id := epo.insert_job(
    null,
    coalesce(make_hidden_job.script_id, (
      select v.script_id
      from epo.script_versions as v
      where v.tenant_id = epo.current_tenant_id()
        and v.id = make_hidden_job.script_version_id)),
    make_hidden_job.script_version_id, make_hidden_job.target_ids, make_hidden_job.parameters,
    make_hidden_job.timeout_seconds, false, 1);
  select j.* into v_job
  from epo.jobs as j
  where j.tenant_id = epo.current_tenant_id()
    and j.id = v_id;
  return v_job;
end
$$;
comment on function epo.make_hidden_job(uuid, uuid, uuid[], jsonb, integer) is
  'A run without a job gets a hidden one, so that it passes the same checks.';

create function api.queue_run(
  job_id uuid default null, script_id uuid default null, target_ids uuid[] default null,
  parameters jsonb default '{}', timeout_seconds integer default null, idempotency_key text default null,
  script_version_id uuid default null)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parameters jsonb := coalesce(queue_run.parameters, '{}');
  v_digest bytea := sha256(convert_to(jsonb_build_array(
    queue_run.job_id, queue_run.script_id, queue_run.target_ids, v_parameters, queue_run.timeout_seconds)::text
    || coalesce(queue_run.script_version_id::text, ''), 'UTF8'));
  v_job epo.jobs;
  v_targets uuid[] := queue_run.target_ids;
  v_version uuid;
  v_checked boolean;
  v_run uuid;
  v_found jsonb;
begin
  perform epo.require_role('admin', 'operator');
  perform epo.require_object(v_parameters, 'parameters');
  perform epo.require_limits(queue_run.timeout_seconds, false, 1);
  if (queue_run.job_id is null) = (coalesce(queue_run.script_id, queue_run.script_version_id) is null)
    or (queue_run.job_id is not null and queue_run.target_ids is not null) then
    perform epo.raise_invalid('give a job_id, or a script_id or script_version_id with target_ids');
  elsif char_length(queue_run.idempotency_key) not between 1 and 255 then
    perform epo.raise_invalid('idempotency_key must have 1 to 255 characters');
  end if;
  if queue_run.idempotency_key is not null then
    v_found := epo.find_run(queue_run.idempotency_key, v_digest);
    if v_found is not null then
      return v_found;
    end if;
  end if;

  if queue_run.job_id is not null then
    v_job := epo.find_job(queue_run.job_id);
    v_targets := array(
      select t.target_id
      from epo.job_targets as t
      where t.tenant_id = v_job.tenant_id
        and t.job_id = v_job.id);
  else
    v_job := epo.make_hidden_job(
      queue_run.script_id, queue_run.script_version_id, v_targets, v_parameters, queue_run.timeout_seconds);
  end if;
  perform epo.require_targets(v_targets);
  v_version := epo.choose_version(v_job.script_id, v_job.script_version_id);
  v_parameters := v_job.parameters || v_parameters;
  v_checked := epo.check_parameters(v_version, v_parameters, complete => true);
  v_run := epo.insert_run(
    v_job.id, v_version, v_targets, v_parameters, v_checked, coalesce(queue_run.timeout_seconds, v_job.timeout_seconds),
    queue_run.idempotency_key, v_digest);
  if v_run is null then
    return epo.find_run(queue_run.idempotency_key, v_digest);
  end if;
  return jsonb_build_object('run_id', v_run, 'state', 'queued', 'checked', v_checked, 'created', true);
end
$$;
comment on function api.queue_run(uuid, uuid, uuid[], jsonb, integer, text, uuid) is
  'Queues a run of a job, or of a script or one version of it on targets. Parameters of the run stand over those of the job, and where the version is inspected they are checked: 400 parameter_rejected with the name in details, 409 script_invalid for syntax errors. The same idempotency key again gives the first run.';

create function api.cancel_run(run_id uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant uuid := epo.current_tenant_id();
  v_state text;
  v_ended integer;
begin
  perform epo.require_role('admin', 'operator');
  select r.state into v_state
  from epo.job_runs as r
  where r.tenant_id = v_tenant and r.id = cancel_run.run_id
  for no key update;
  if not found then
    perform epo.raise_not_found();
  elsif v_state not in ('queued', 'running') then
    perform epo.raise('run_finished', 409, 'the run has ended', v_state);
  end if;
  update epo.job_runs as r
  set cancel_requested_at = now(), cancel_requested_by = epo.current_user_id()
  where r.tenant_id = v_tenant
    and r.id = cancel_run.run_id
    and r.cancel_requested_at is null;

  -- What nobody has claimed ends here; agents hear of the rest with their next renewal.
  update epo.job_run_targets as t
  set state = 'cancelled', ready_at = null, finished_at = now()
  where t.tenant_id = v_tenant
    and t.run_id = cancel_run.run_id
    and t.state = 'pending';
  get diagnostics v_ended = row_count;
  perform epo.settle_runs(
    array_fill(v_tenant, array[v_ended]), array_fill(cancel_run.run_id, array[v_ended]), array_fill('cancelled'::text, array[v_ended]));
  perform epo.wake_agents();
  perform epo.wake_runs(array[cancel_run.run_id]);
  select r.state into v_state
  from epo.job_runs as r
  where r.tenant_id = v_tenant and r.id = cancel_run.run_id;
  return jsonb_build_object('run_id', cancel_run.run_id, 'state', v_state);
end
$$;
comment on function api.cancel_run(uuid) is
  'Asks to end a run: waiting targets end at once, running ones when their agent has stopped them. 409 run_finished after the end.';

grant execute on function api.queue_run(uuid, uuid, uuid[], jsonb, integer, text, uuid), api.cancel_run(uuid) to app_user, app_admin;

reset role;
