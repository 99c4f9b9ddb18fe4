-- Who may touch which table, complete and from the start each time. Application
-- roles read, through the views of api and only what those show; they write
-- nothing. epo_definer writes what the functions of api write.
set local role epo_owner;

revoke all on all tables in schema epo from app_anon, app_user, app_admin, app_agent, epo_definer, epo_system;
revoke all on all tables in schema auth from app_anon, app_user, app_admin, app_agent, epo_definer, epo_system;

grant select on
  epo.tenants, epo.tenant_policies, epo.pools, epo.agents, epo.agent_status, epo.scripts, epo.script_versions,
  epo.targets, epo.jobs, epo.job_targets, epo.job_runs, epo.job_run_targets, epo.attempts, epo.job_run_logs,
  epo.inspections
  to app_user, app_admin;
grant select (tenant_id, id, name, display_name, disabled_at, created_at, last_sign_in_at) on auth.users
  to app_user, app_admin;
grant select on auth.user_roles to app_user, app_admin;
grant select (tenant_id, id, pool_id, created_by, created_at, expires_at, used_at, agent_id) on auth.enrollment_tokens
  to app_user, app_admin;

grant select on epo.tenants, epo.tenant_policies to epo_definer;
-- A row lock needs a right to change; epo.require_admin_left takes one.
grant update (disabled_at) on epo.tenants to epo_definer;
grant select, insert on
  epo.pools, epo.script_versions, epo.jobs, epo.job_targets, epo.job_run_logs
  to epo_definer;
grant select, insert, update, delete on epo.targets to epo_definer;
grant select, insert, update on
  epo.scripts, epo.job_runs, epo.job_run_targets, epo.attempts, epo.inspections
  to epo_definer;
grant select, update on epo.agents, epo.agent_status, epo.agent_keys to epo_definer;
grant select, update on auth.users, auth.refresh_tokens to epo_definer;
grant select, insert, delete, update on auth.user_roles to epo_definer;
grant select, insert on auth.enrollment_tokens to epo_definer;

grant select, insert, update, delete on
  epo.tenants, epo.tenant_policies, epo.pools, epo.agents, epo.agent_status, epo.agent_keys, epo.scripts,
  epo.targets, epo.jobs, epo.job_targets, epo.job_runs, epo.job_run_targets, epo.attempts,
  epo.inspections
  to epo_system;
grant select on epo.script_versions, epo.job_run_logs to epo_system;
grant select, insert, update, delete on
  auth.users, auth.identities, auth.user_roles, auth.refresh_tokens, auth.enrollment_tokens, auth.used_assertions
  to epo_system;
grant select, insert on auth.bootstraps to epo_system;

reset role;
