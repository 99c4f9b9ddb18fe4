set local role epo_owner;

create or replace function epo.tg_frozen() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '% of %.% refused: the row is final', lower(tg_op), tg_table_schema, tg_table_name
    using errcode = 'object_not_in_prerequisite_state';
end
$$;
comment on function epo.tg_frozen() is 'Refuses to change or remove a row that has reached its end.';

create or replace trigger t500_frozen
  before update or delete on epo.job_runs
  for each row
  when (old.finished_at is not null)
  execute function epo.tg_frozen();
comment on trigger t500_frozen on epo.job_runs is 'A run that ended never changes.';

create or replace trigger t500_frozen
  before update or delete on epo.job_run_targets
  for each row
  when (old.finished_at is not null)
  execute function epo.tg_frozen();
comment on trigger t500_frozen on epo.job_run_targets is 'A run target that ended never changes.';

create or replace trigger t500_frozen
  before update or delete on epo.attempts
  for each row
  when (old.finished_at is not null)
  execute function epo.tg_frozen();
comment on trigger t500_frozen on epo.attempts is 'An attempt that ended never changes.';

create or replace trigger t500_frozen
  before update or delete on epo.inspections
  for each row
  when (old.finished_at is not null)
  execute function epo.tg_frozen();
comment on trigger t500_frozen on epo.inspections is 'An inspection that ended never changes.';

create or replace trigger t500_frozen
  before update or delete on epo.script_versions
  for each row
  execute function epo.tg_frozen();
comment on trigger t500_frozen on epo.script_versions is 'What was pushed never changes.';

create or replace trigger t500_frozen
  before update or delete on auth.bootstraps
  for each row
  execute function epo.tg_frozen();
comment on trigger t500_frozen on auth.bootstraps is 'The first start happens once.';

create or replace trigger t500_frozen
  before update or delete on epo.job_run_logs
  for each row
  execute function epo.tg_frozen();
comment on trigger t500_frozen on epo.job_run_logs is 'Logs are appended and dropped with their partition, never changed.';

reset role;
