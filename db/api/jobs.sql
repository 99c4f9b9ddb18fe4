set local role epo_owner;

create view api.jobs with (security_invoker = true) as
select
  j.id, j.name, j.script_id, s.name as script_name, j.script_version_id, j.parameters,
  j.timeout_seconds, j.retryable, j.max_attempts, j.created_by, j.created_at
from epo.jobs as j
join epo.scripts as s on s.tenant_id = j.tenant_id and s.id = j.script_id
where j.name is not null;
comment on view api.jobs is 'What to run, where, with which parameters; without the hidden jobs of single runs.';
comment on column api.jobs.script_name is 'Name of the script.';

create view api.job_targets with (security_invoker = true) as
select j.job_id, j.target_id, t.name as target_name
from epo.job_targets as j
join epo.targets as t on t.tenant_id = j.tenant_id and t.id = j.target_id;
comment on view api.job_targets is 'Targets of jobs.';
comment on column api.job_targets.target_name is 'Name of the target.';

grant select on api.jobs, api.job_targets to app_user, app_admin;

reset role;
set local role epo_definer;

create function epo.insert_job(
  name text, script_id uuid, script_version_id uuid, target_ids uuid[], parameters jsonb,
  timeout_seconds integer, retryable boolean, max_attempts integer)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant uuid := epo.current_tenant_id();
  v_id uuid;
  v_targets uuid[] := array(select distinct u.id from unnest(insert_job.target_ids) as u (id));
begin
  if not exists (
    select
    from epo.scripts as s
    where s.tenant_id = v_tenant
      and s.id = insert_job.script_id
  ) or (insert_job.script_version_id is not null and not exists (
    select
    from epo.script_versions as v
    where v.tenant_id = v_tenant
      and v.id = insert_job.script_version_id
      and v.script_id = insert_job.script_id
  )) then
    perform epo.raise_not_found();
  end if;

  insert into epo.jobs (
    tenant_id, name, script_id, script_version_id, parameters, timeout_seconds, retryable, max_attempts, created_by)
  values (
    v_tenant, insert_job.name, insert_job.script_id, insert_job.script_version_id, insert_job.parameters,
    insert_job.timeout_seconds, insert_job.retryable, insert_job.max_attempts, epo.current_user_id())
  on conflict do nothing
  returning id into v_id;
  if v_id is null then
    perform epo.raise('conflict', 409, 'the name is taken');
  end if;
  -- A hidden job runs once: the targets of its run are all the list there is.
  if insert_job.name is not null then
    insert into epo.job_targets (tenant_id, job_id, target_id)
    select t.tenant_id, v_id, t.id
    from epo.targets as t
    where t.tenant_id = v_tenant
      and t.id = any(v_targets);
  end if;
  return v_id;
end
$$;
comment on function epo.insert_job(text, uuid, uuid, uuid[], jsonb, integer, boolean, integer) is
  'Makes a job, named or hidden, after it has seen that script and version belong together.';

create function epo.require_targets(target_ids uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wanted integer := (select count(distinct u.id) from unnest(require_targets.target_ids) as u (id));
  v_found integer;
  v_disabled integer;
begin
  if v_wanted = 0 then
    perform epo.raise_invalid('target_ids must name at least one target');
  elsif v_wanted > 10000 then
    perform epo.raise_invalid('target_ids may name at most 10000 targets');
  end if;
  select count(*), count(*) filter (where t.disabled_at is not null) into v_found, v_disabled
  from epo.targets as t
  where t.tenant_id = epo.current_tenant_id()
    and t.id = any(require_targets.target_ids);
  if v_found <> v_wanted then
    perform epo.raise_not_found();
  elsif v_disabled > 0 then
    perform epo.raise('conflict', 409, 'a target is disabled');
  end if;
end
$$;
comment on function epo.require_targets(uuid[]) is 'Refuses targets that do not exist in the tenant or are disabled.';

create function epo.require_limits(timeout_seconds integer, retryable boolean, max_attempts integer) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if require_limits.timeout_seconds not between 1 and 604800 then
    perform epo.raise_invalid('timeout_seconds must be from 1 to 604800');
  elsif require_limits.max_attempts not between 1 and 100 then
    perform epo.raise_invalid('max_attempts must be from 1 to 100');
  elsif require_limits.max_attempts > 1 and require_limits.retryable is not true then
    perform epo.raise_invalid('max_attempts above 1 needs retryable',
      'a job is started again by itself only when it says that this is harmless');
  end if;
end
$$;
comment on function epo.require_limits(integer, boolean, integer) is 'Refuses limits of a job that cannot hold together.';

create function api.create_job(
  name text, script_id uuid, target_ids uuid[], parameters jsonb default '{}',
  timeout_seconds integer default null, retryable boolean default false,
  max_attempts integer default null, script_version_id uuid default null)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parameters jsonb := coalesce(create_job.parameters, '{}');
  v_retryable boolean := coalesce(create_job.retryable, false);
  v_attempts integer := coalesce(create_job.max_attempts, case when create_job.retryable then 3 else 1 end);
  v_id uuid;
begin
  perform epo.require_role('admin', 'operator');
  perform epo.require_name(create_job.name);
  perform epo.require_object(v_parameters, 'parameters');
  perform epo.require_limits(create_job.timeout_seconds, v_retryable, v_attempts);
  perform epo.require_targets(create_job.target_ids);
  v_id := epo.insert_job(
    create_job.name, create_job.script_id, create_job.script_version_id, create_job.target_ids,
    v_parameters, create_job.timeout_seconds, v_retryable, v_attempts);
  perform epo.check_parameters(epo.choose_version(create_job.script_id, create_job.script_version_id), v_parameters, complete => false);
  return jsonb_build_object('id', v_id, 'name', create_job.name);
end
$$;
comment on function api.create_job(text, uuid, uuid[], jsonb, integer, boolean, integer, uuid) is
  'Makes a job: a script, or a fixed version of it, its targets, parameters and limits. Where the version is inspected, 400 parameter_rejected for a parameter that it would not take, 409 script_invalid for syntax errors; what is missing may come with the run.';
grant execute on function api.create_job(text, uuid, uuid[], jsonb, integer, boolean, integer, uuid) to app_user, app_admin;

reset role;
