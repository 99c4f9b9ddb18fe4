set local role epo_owner;

create table epo.job_runs (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  job_id uuid not null,
  script_version_id uuid not null,
  parameters jsonb not null default '{}',
  timeout_seconds integer,
  retryable boolean not null default false,
  max_attempts integer not null default 1,
  state text not null default 'queued',
  trigger text not null default 'manual',
  requested_by uuid,
  idempotency_key text,
  request_digest bytea,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  expires_at timestamptz not null,
  cancel_requested_at timestamptz,
  cancel_requested_by uuid,
  targets_total integer not null,
  targets_succeeded integer not null default 0,
  targets_failed integer not null default 0,
  targets_timed_out integer not null default 0,
  targets_expired integer not null default 0,
  constraint job_runs_pkey primary key (tenant_id, id),
  constraint job_runs_job_id_fkey foreign key (tenant_id, job_id) references epo.jobs (tenant_id, id),
  constraint job_runs_script_version_id_fkey
    foreign key (tenant_id, script_version_id) references epo.script_versions (tenant_id, id),
  constraint job_runs_requested_by_fkey foreign key (tenant_id, requested_by) references auth.users (tenant_id, id),
  constraint job_runs_cancel_requested_by_fkey foreign key (tenant_id, cancel_requested_by) references auth.users (tenant_id, id),
  constraint job_runs_idempotency_key_key unique (tenant_id, idempotency_key),
  constraint job_runs_parameters_check check (jsonb_typeof(parameters) = 'object'),
  constraint job_runs_state_check check (state in (
    'queued', 'running', 'succeeded', 'partially_failed', 'failed', 'cancelled', 'timed_out', 'expired')),
  constraint job_runs_trigger_check check (trigger in ('manual', 'schedule', 'api')),
  constraint job_runs_finished_at_check check ((state in ('queued', 'running')) = (finished_at is null)),
  constraint job_runs_targets_check check (
    targets_total > 0
    and targets_succeeded >= 0 and targets_failed >= 0
    and targets_succeeded + targets_failed <= targets_total
    and targets_timed_out + targets_expired <= targets_failed),
  constraint job_runs_settled_check check (
    (finished_at is null) = (targets_succeeded + targets_failed < targets_total))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create index job_runs_job_id_idx on epo.job_runs (tenant_id, job_id);
create index job_runs_created_at_idx on epo.job_runs (tenant_id, created_at desc);
create index job_runs_cancelling_idx on epo.job_runs (tenant_id, id)
  where cancel_requested_at is not null and finished_at is null;
comment on table epo.job_runs is 'Firings of jobs, each with the exact version, parameters and rules it runs under.';
comment on column epo.job_runs.tenant_id is 'Tenant of the row.';
comment on column epo.job_runs.id is 'Identifier of the run.';
comment on column epo.job_runs.job_id is 'Job that fired; hidden for a run without a job.';
comment on column epo.job_runs.script_version_id is 'Exact version that runs.';
comment on column epo.job_runs.parameters is 'Parameters by name, as JSON values.';
comment on column epo.job_runs.timeout_seconds is 'Time for each target; null for none.';
comment on column epo.job_runs.retryable is 'Whether a lost attempt may be repeated.';
comment on column epo.job_runs.max_attempts is 'How often a target may be started.';
comment on column epo.job_runs.state is 'queued, running, or how it ended.';
comment on column epo.job_runs.trigger is 'What fired it: manual, schedule or api.';
comment on column epo.job_runs.requested_by is 'User who asked for it.';
comment on column epo.job_runs.idempotency_key is 'Key under which a repeated request finds this run.';
comment on column epo.job_runs.request_digest is 'Digest of the request under that key; another request with the key is refused.';
comment on column epo.job_runs.created_at is 'When it was queued.';
comment on column epo.job_runs.started_at is 'When its first target started.';
comment on column epo.job_runs.finished_at is 'When its last target ended.';
comment on column epo.job_runs.expires_at is 'Until when its targets may wait for an agent.';
comment on column epo.job_runs.cancel_requested_at is 'When somebody asked to cancel it.';
comment on column epo.job_runs.cancel_requested_by is 'User who asked to cancel it.';
comment on column epo.job_runs.targets_total is 'Number of its targets.';
comment on column epo.job_runs.targets_succeeded is 'Targets that succeeded.';
comment on column epo.job_runs.targets_failed is 'Targets that ended in any other way.';
comment on column epo.job_runs.targets_timed_out is 'Failed targets that ran out of their time.';
comment on column epo.job_runs.targets_expired is 'Failed targets that no agent claimed in time.';
select epo.guard_table('epo.job_runs', 'app_user, app_admin');

create table epo.job_run_targets (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  run_id uuid not null,
  target_id uuid not null,
  lane_id uuid not null,
  state text not null default 'pending',
  attempts integer not null default 0,
  starts integer not null default 0,
  attempt_id uuid,
  exit_code bigint,
  error jsonb,
  ready_at timestamptz default now(),
  expires_at timestamptz not null,
  finished_at timestamptz,
  constraint job_run_targets_pkey primary key (tenant_id, id),
  constraint job_run_targets_run_id_fkey foreign key (tenant_id, run_id) references epo.job_runs (tenant_id, id),
  constraint job_run_targets_target_id_fkey foreign key (tenant_id, target_id) references epo.targets (tenant_id, id),
  constraint job_run_targets_target_id_key unique (tenant_id, run_id, target_id),
  constraint job_run_targets_state_check check (state in (
    'pending', 'claimed', 'running', 'succeeded', 'failed', 'cancelled', 'timed_out', 'unknown', 'skipped', 'expired')),
  constraint job_run_targets_attempts_check check (starts between 0 and attempts),
  constraint job_run_targets_ready_at_check check ((state = 'pending') = (ready_at is not null)),
  constraint job_run_targets_finished_at_check
    check ((state in ('pending', 'claimed', 'running')) = (finished_at is null)),
  constraint job_run_targets_error_check check (jsonb_typeof(error) = 'object')
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
-- The queue: what an agent may claim, oldest first. A lane is the agent of a
-- pinned target, else its pool, so that one agent's backlog hides nobody's work.
-- The indexes look at ready_at and not at the state, so that start and finish
-- change no indexed column and stay within the page.
create index job_run_targets_ready_idx on epo.job_run_targets (tenant_id, lane_id, ready_at) where ready_at is not null;
create index job_run_targets_waiting_idx on epo.job_run_targets (expires_at) where ready_at is not null;
comment on table epo.job_run_targets is 'Shares of a run on one target each: the unit that agents claim.';
comment on column epo.job_run_targets.tenant_id is 'Tenant of the row.';
comment on column epo.job_run_targets.id is 'Identifier of the run target.';
comment on column epo.job_run_targets.run_id is 'Run it is a share of.';
comment on column epo.job_run_targets.target_id is 'Target it runs on.';
comment on column epo.job_run_targets.lane_id is 'Queue it waits in: the agent of a pinned target, else the pool.';
comment on column epo.job_run_targets.state is 'pending, claimed, running, or how it ended.';
comment on column epo.job_run_targets.attempts is 'Number of attempts so far; grows with each claim and is the fencing token of the claim.';
comment on column epo.job_run_targets.starts is 'Number of attempts that started the script.';
comment on column epo.job_run_targets.attempt_id is 'Attempt that owns it, or owned it last.';
comment on column epo.job_run_targets.exit_code is 'Exit code of the script.';
comment on column epo.job_run_targets.error is 'What went wrong.';
comment on column epo.job_run_targets.ready_at is 'Since when it waits for an agent; null while it does not.';
comment on column epo.job_run_targets.expires_at is 'Until when it may wait for an agent.';
comment on column epo.job_run_targets.finished_at is 'When it ended.';
select epo.guard_table('epo.job_run_targets', 'app_user, app_admin');

create table epo.attempts (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  run_id uuid not null,
  run_target_id uuid not null,
  number integer not null,
  agent_id uuid not null,
  fencing_token bigint not null,
  state text not null default 'claimed',
  isolation text,
  engine_version text,
  exit_code bigint,
  error jsonb,
  next_seq bigint not null default 1,
  claimed_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  lease_expires_at timestamptz not null,
  constraint attempts_pkey primary key (tenant_id, id),
  constraint attempts_run_target_id_fkey
    foreign key (tenant_id, run_target_id) references epo.job_run_targets (tenant_id, id),
  constraint attempts_agent_id_fkey foreign key (tenant_id, agent_id) references epo.agents (tenant_id, id),
  constraint attempts_number_key unique (tenant_id, run_id, run_target_id, number),
  constraint attempts_state_check check (state in (
    'claimed', 'running', 'succeeded', 'failed', 'cancelled', 'timed_out', 'unknown', 'abandoned')),
  constraint attempts_isolation_check check (isolation in ('account', 'none')),
  constraint attempts_finished_at_check check ((state in ('claimed', 'running')) = (finished_at is null)),
  constraint attempts_started_at_check check (state not in ('running', 'succeeded') or started_at is not null),
  constraint attempts_error_check check (jsonb_typeof(error) = 'object'),
  constraint attempts_next_seq_check check (next_seq > 0)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
-- At most one live attempt owns a run target; the reaper reads the same index.
-- Neither the lease nor the state is in an index, so that a renewal, an append
-- and a start touch the heap only.
create unique index attempts_live_key on epo.attempts (tenant_id, run_target_id) where finished_at is null;
comment on table epo.attempts is 'Tries of a run target, each by one agent under a lease and a fencing token.';
comment on column epo.attempts.tenant_id is 'Tenant of the row.';
comment on column epo.attempts.id is 'Identifier of the attempt.';
comment on column epo.attempts.run_id is 'Run it belongs to.';
comment on column epo.attempts.run_target_id is 'Run target it tries.';
comment on column epo.attempts.number is 'Number within the run target, from 1.';
comment on column epo.attempts.agent_id is 'Agent that claimed it.';
comment on column epo.attempts.fencing_token is 'Number that grows with each claim; every write of the agent carries it.';
comment on column epo.attempts.state is 'claimed, running, or how it ended; abandoned where the lease ended before the start.';
comment on column epo.attempts.isolation is 'account where the script ran under an account of its own, else none.';
comment on column epo.attempts.engine_version is 'Version of the PowerShell that ran it.';
comment on column epo.attempts.exit_code is 'Exit code of the script.';
comment on column epo.attempts.error is 'What went wrong.';
comment on column epo.attempts.next_seq is 'Number of the next log record; all before it are durable.';
comment on column epo.attempts.claimed_at is 'When it was claimed.';
comment on column epo.attempts.started_at is 'When the agent was about to start the script.';
comment on column epo.attempts.finished_at is 'When it ended.';
comment on column epo.attempts.lease_expires_at is 'Until when the claim holds without a renewal, database time.';
select epo.guard_table('epo.attempts', 'app_user, app_admin');

-- No foreign keys: partitions of logs are dropped whole, and the function that
-- appends has the attempt in its hands. Retention is by partition.
create table epo.job_run_logs (
  tenant_id uuid not null,
  run_id uuid not null,
  attempt_id uuid not null,
  run_target_id uuid not null,
  first_seq bigint not null,
  last_seq bigint not null,
  chunk text not null,
  created_at timestamptz not null default now(),
  constraint job_run_logs_pkey primary key (tenant_id, run_id, attempt_id, first_seq),
  constraint job_run_logs_seq_check check (first_seq > 0 and last_seq >= first_seq)
) partition by range (run_id);
comment on table epo.job_run_logs is 'Log records of attempts in chunks: one row of NDJSON for each flush, in days of the run.';
comment on column epo.job_run_logs.tenant_id is 'Tenant of the row.';
comment on column epo.job_run_logs.run_id is 'Run it belongs to; its time decides the partition.';
comment on column epo.job_run_logs.attempt_id is 'Attempt that wrote it.';
comment on column epo.job_run_logs.run_target_id is 'Run target of the attempt.';
comment on column epo.job_run_logs.first_seq is 'Number of the first record of the chunk.';
comment on column epo.job_run_logs.last_seq is 'Number of its last record.';
comment on column epo.job_run_logs.chunk is 'Records, one JSON object a line; text, since jsonb cannot hold NUL.';
comment on column epo.job_run_logs.created_at is 'When it became durable.';
select epo.guard_table('epo.job_run_logs', 'app_user, app_admin');

reset role;
