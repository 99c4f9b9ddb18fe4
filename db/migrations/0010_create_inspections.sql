set local role epo_owner;

create table epo.inspections (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  kind text not null,
  script_version_id uuid,
  target_id uuid,
  lane_id uuid not null,
  state text not null default 'pending',
  attempts integer not null default 0,
  agent_id uuid,
  ok boolean,
  result jsonb,
  error jsonb,
  requested_by uuid,
  requested_at timestamptz not null default now(),
  expires_at timestamptz,
  lease_expires_at timestamptz,
  finished_at timestamptz,
  constraint inspections_pkey primary key (tenant_id, id),
  constraint inspections_tenant_id_fkey foreign key (tenant_id) references epo.tenants (tenant_id),
  constraint inspections_script_version_id_fkey
    foreign key (tenant_id, script_version_id) references epo.script_versions (tenant_id, id),
  constraint inspections_target_id_fkey foreign key (tenant_id, target_id) references epo.targets (tenant_id, id),
  constraint inspections_agent_id_fkey foreign key (tenant_id, agent_id) references epo.agents (tenant_id, id),
  constraint inspections_requested_by_fkey foreign key (tenant_id, requested_by) references auth.users (tenant_id, id),
  constraint inspections_kind_check check (
    kind in ('script', 'target')
    and (kind = 'script') = (script_version_id is not null)
    and (kind = 'target') = (target_id is not null)),
  constraint inspections_state_check check (state in ('pending', 'claimed', 'done', 'failed', 'expired')),
  constraint inspections_attempts_check check (attempts between 0 and 3),
  constraint inspections_finished_at_check check ((state in ('pending', 'claimed')) = (finished_at is null)),
  constraint inspections_lease_expires_at_check check (
    (state = 'claimed') = (lease_expires_at is not null)
    and (state <> 'claimed' or agent_id is not null)),
  constraint inspections_result_check check ((state = 'done') = (result is not null) and jsonb_typeof(result) = 'object'),
  constraint inspections_error_check check ((state = 'failed') = (error is not null) and jsonb_typeof(error) = 'object')
);
-- Nobody needs two answers to one question at once.
create unique index inspections_script_version_id_key on epo.inspections (tenant_id, script_version_id)
  where finished_at is null and script_version_id is not null;
create unique index inspections_target_id_key on epo.inspections (tenant_id, target_id)
  where finished_at is null and target_id is not null;
create index inspections_pending_idx on epo.inspections (tenant_id, lane_id, requested_at) where state = 'pending';
create index inspections_lease_expires_at_idx on epo.inspections (lease_expires_at) where state = 'claimed';
create index inspections_expires_at_idx on epo.inspections (expires_at) where state = 'pending' and expires_at is not null;
create index inspections_script_version_id_idx on epo.inspections (tenant_id, script_version_id, requested_at desc)
  where script_version_id is not null;
create index inspections_target_id_idx on epo.inspections (tenant_id, target_id, requested_at desc)
  where target_id is not null;
comment on table epo.inspections is 'Short work for an agent that is no run: a script version is parsed, or the connection of a target is tested.';
comment on column epo.inspections.tenant_id is 'Tenant of the row.';
comment on column epo.inspections.id is 'Identifier of the inspection.';
comment on column epo.inspections.kind is 'script or target.';
comment on column epo.inspections.script_version_id is 'Version that is parsed.';
comment on column epo.inspections.target_id is 'Target whose connection is tested.';
comment on column epo.inspections.lane_id is 'Queue it waits in: the tenant for a script, else the agent of a pinned target, else the pool.';
comment on column epo.inspections.state is 'pending, claimed, or how it ended: done, failed, expired.';
comment on column epo.inspections.attempts is 'Number of claims so far, at most 3; it is the fencing token of the last.';
comment on column epo.inspections.agent_id is 'Agent that has it, or had it last.';
comment on column epo.inspections.ok is 'Whether what was found is good: no syntax error, the connection works.';
comment on column epo.inspections.result is 'What was found.';
comment on column epo.inspections.error is 'Why nothing could be found out.';
comment on column epo.inspections.requested_by is 'User who asked for it; null where EPO itself did.';
comment on column epo.inspections.requested_at is 'When it was asked for.';
comment on column epo.inspections.expires_at is 'Until when it may wait for an agent; null for as long as it takes.';
comment on column epo.inspections.lease_expires_at is 'Until when the claim holds, database time; it is not renewed.';
comment on column epo.inspections.finished_at is 'When it ended.';
select epo.guard_table('epo.inspections', 'app_user, app_admin');

alter table epo.job_runs add column checked boolean not null default false;
comment on column epo.job_runs.checked is 'Whether the parameters were compared with the inspected script before the run was queued.';

-- What was pushed before is inspected as soon as an agent has time.
grant select on epo.script_versions to epo_system;
grant select, insert on epo.inspections to epo_system;
set local role epo_system;

do $$
declare
  v_versions bigint := (select count(*) from epo.script_versions);
  v_rows bigint;
begin
  with made as (
    insert into epo.inspections (tenant_id, kind, script_version_id, lane_id)
    select v.tenant_id, 'script', v.id, v.tenant_id
    from epo.script_versions as v
    returning tenant_id, id, script_version_id
  )
  insert into audit.audit_log (tenant_id, actor, action, table_name, row_key, after)
  select m.tenant_id, 'system:migration', 'insert', 'epo.inspections', jsonb_build_object('id', m.id),
    jsonb_build_object('id', m.id, 'kind', 'script', 'script_version_id', m.script_version_id, 'state', 'pending')
  from made as m;
  get diagnostics v_rows = row_count;
  if v_rows <> v_versions then
    raise exception 'inspections of % versions were made, not of %', v_rows, v_versions;
  end if;
end
$$;

reset role;
