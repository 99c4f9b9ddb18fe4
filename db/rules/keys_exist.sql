-- Uniqueness that the functions lean on: numbers, names, live attempts and inspections,
-- idempotency keys, and the one bootstrap.
select w.object, 'unique key is missing' as problem
from unnest(array[
  'auth.bootstraps_pkey', 'auth.identities_subject_key', 'auth.refresh_tokens_token_hash_key',
  'auth.enrollment_tokens_token_hash_key', 'auth.used_assertions_pkey', 'auth.users_name_key',
  'epo.agents_name_key', 'epo.agent_keys_agent_id_purpose_key', 'epo.attempts_live_key', 'epo.attempts_number_key',
  'epo.inspections_script_version_id_key', 'epo.inspections_target_id_key', 'epo.job_run_targets_target_id_key', 'epo.job_runs_idempotency_key_key', 'epo.job_run_logs_pkey', 'epo.jobs_name_key',
  'epo.pools_name_key', 'epo.script_versions_version_key', 'epo.scripts_name_key', 'epo.targets_name_key',
  'epo.tenants_slug_key']) as w (object)
where not exists (
  select
  from pg_index as i
  where i.indexrelid = to_regclass(w.object)
    and i.indisunique
    and i.indisvalid)
