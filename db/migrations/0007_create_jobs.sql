set local role epo_owner;

create table epo.targets (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  name text not null,
  kind text not null,
  pool_id uuid not null,
  agent_id uuid,
  options jsonb not null default '{}',
  disabled_at timestamptz,
  created_by uuid,
  created_at timestamptz not null default now(),
  constraint targets_pkey primary key (tenant_id, id),
  constraint targets_pool_id_fkey foreign key (tenant_id, pool_id) references epo.pools (tenant_id, id),
  constraint targets_agent_id_fkey foreign key (tenant_id, agent_id) references epo.agents (tenant_id, id),
  constraint targets_created_by_fkey foreign key (tenant_id, created_by) references auth.users (tenant_id, id),
  constraint targets_name_key unique (tenant_id, name),
  constraint targets_name_check check (epo.is_name(name)),
  constraint targets_kind_check check (kind in ('local')),
  constraint targets_options_check check (jsonb_typeof(options) = 'object')
);
comment on table epo.targets is 'Endpoints that scripts run on, with the transport that reaches them.';
comment on column epo.targets.tenant_id is 'Tenant of the row.';
comment on column epo.targets.id is 'Identifier of the target.';
comment on column epo.targets.name is 'Name, unique in the tenant.';
comment on column epo.targets.kind is 'Transport: local is the host of the agent itself.';
comment on column epo.targets.pool_id is 'Pool whose agents may reach it.';
comment on column epo.targets.agent_id is 'The one agent that may reach it; null for any of the pool.';
comment on column epo.targets.options is 'Settings of the transport.';
comment on column epo.targets.disabled_at is 'Since when no run may be queued on it.';
comment on column epo.targets.created_by is 'User who made it.';
comment on column epo.targets.created_at is 'When it was made.';
select epo.guard_table('epo.targets', 'app_user, app_admin');

create table epo.jobs (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  name text,
  script_id uuid not null,
  script_version_id uuid,
  parameters jsonb not null default '{}',
  timeout_seconds integer,
  retryable boolean not null default false,
  max_attempts integer not null default 1,
  created_by uuid,
  created_at timestamptz not null default now(),
  constraint jobs_pkey primary key (tenant_id, id),
  constraint jobs_script_id_fkey foreign key (tenant_id, script_id) references epo.scripts (tenant_id, id),
  constraint jobs_script_version_id_fkey foreign key (tenant_id, script_version_id) references epo.script_versions (tenant_id, id),
  constraint jobs_created_by_fkey foreign key (tenant_id, created_by) references auth.users (tenant_id, id),
  constraint jobs_name_key unique (tenant_id, name),
  constraint jobs_name_check check (epo.is_name(name)),
  constraint jobs_parameters_check check (jsonb_typeof(parameters) = 'object'),
  constraint jobs_timeout_seconds_check check (timeout_seconds between 1 and 604800),
  constraint jobs_max_attempts_check check (max_attempts between 1 and 100 and (retryable or max_attempts = 1))
);
comment on table epo.jobs is 'What to run, where, with which parameters.';
comment on column epo.jobs.tenant_id is 'Tenant of the row.';
comment on column epo.jobs.id is 'Identifier of the job.';
comment on column epo.jobs.name is 'Name, unique in the tenant; null for the hidden job of a single run.';
comment on column epo.jobs.script_id is 'Script to run.';
comment on column epo.jobs.script_version_id is 'Version to run; null for the latest at the time of the run.';
comment on column epo.jobs.parameters is 'Parameters by name, as JSON values.';
comment on column epo.jobs.timeout_seconds is 'Time for each target; null for none.';
comment on column epo.jobs.retryable is 'Whether running twice does no harm, so that a lost attempt may be repeated.';
comment on column epo.jobs.max_attempts is 'How often a target of a retryable job may be started.';
comment on column epo.jobs.created_by is 'User who made it.';
comment on column epo.jobs.created_at is 'When it was made.';
select epo.guard_table('epo.jobs', 'app_user, app_admin');

create table epo.job_targets (
  tenant_id uuid not null,
  job_id uuid not null,
  target_id uuid not null,
  constraint job_targets_pkey primary key (tenant_id, job_id, target_id),
  constraint job_targets_job_id_fkey foreign key (tenant_id, job_id) references epo.jobs (tenant_id, id),
  constraint job_targets_target_id_fkey foreign key (tenant_id, target_id) references epo.targets (tenant_id, id)
);
comment on table epo.job_targets is 'Targets of a job.';
comment on column epo.job_targets.tenant_id is 'Tenant of the row.';
comment on column epo.job_targets.job_id is 'Job that runs on the target.';
comment on column epo.job_targets.target_id is 'Target the job runs on.';
select epo.guard_table('epo.job_targets', 'app_user, app_admin');

reset role;
