-- What has reached its end never changes: runs, run targets, attempts and
-- inspections when finished; versions, logs and the bootstrap from the start.
select w.table_name as object, 'has no trigger that freezes it' as problem
from (values
  ('epo.job_runs', 'WHEN ((old.finished_at IS NOT NULL)) '),
  ('epo.job_run_targets', 'WHEN ((old.finished_at IS NOT NULL)) '),
  ('epo.attempts', 'WHEN ((old.finished_at IS NOT NULL)) '),
  ('epo.inspections', 'WHEN ((old.finished_at IS NOT NULL)) '),
  ('epo.script_versions', ''),
  ('auth.bootstraps', ''),
  ('epo.job_run_logs', '')
) as w (table_name, condition)
where not exists (
  select
  from pg_trigger as t
  where t.tgrelid = w.table_name::regclass
    and t.tgenabled = 'O'
    and pg_get_triggerdef(t.oid) = format(
      'CREATE TRIGGER t500_frozen BEFORE DELETE OR UPDATE ON %s FOR EACH ROW %sEXECUTE FUNCTION epo.tg_frozen()',
      w.table_name, w.condition))
