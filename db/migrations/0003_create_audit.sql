set local role audit_owner;

create table audit.audit_log (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  at timestamptz not null default clock_timestamp(),
  xid xid8 not null default pg_current_xact_id(),
  actor text not null,
  request_id text,
  action text not null,
  table_name text,
  row_key jsonb,
  before jsonb,
  after jsonb,
  constraint audit_log_pkey primary key (tenant_id, at, id)
) partition by range (at);

comment on table audit.audit_log is 'Every change, written in the transaction that made it; nobody can change or remove a row.';
comment on column audit.audit_log.tenant_id is 'Tenant the row belongs to; the platform tenant for platform actions.';
comment on column audit.audit_log.id is 'Identifier of the row.';
comment on column audit.audit_log.at is 'Time of the change, database clock.';
comment on column audit.audit_log.xid is 'Transaction that made the change; sealing follows its order.';
comment on column audit.audit_log.actor is 'Who: user:<id>, agent:<id>, system:<part> or platform:<name>, from verified claims.';
comment on column audit.audit_log.request_id is 'Request that caused the change.';
comment on column audit.audit_log.action is 'insert, update, delete, append, or what happened, as sign_in.';
comment on column audit.audit_log.table_name is 'Schema and table of the changed row.';
comment on column audit.audit_log.row_key is 'Primary key of the changed row without its tenant.';
comment on column audit.audit_log.before is 'Changed columns before an update, the whole row before a delete.';
comment on column audit.audit_log.after is 'Changed columns after an update, the whole row after an insert; secret columns only as changed.';

select epo.guard_table('audit.audit_log', '');
create policy audit_log_select_user on audit.audit_log
  for select to app_user, app_admin
  using ((select epo.user_has_role('auditor')) or (select epo.user_has_role('admin')));
comment on policy audit_log_select_user on audit.audit_log is 'Auditors and administrators read the audit of their tenant.';

grant insert on audit.audit_log to epo_definer, epo_system;

create function audit.tg_audit_log__refuse() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'audit is append-only: % refused', lower(tg_op)
    using errcode = 'insufficient_privilege';
end
$$;
comment on function audit.tg_audit_log__refuse() is 'Refuses to change the audit, whoever asks, its owner included.';

-- Row triggers would not fire for a statement without rows, and not for TRUNCATE.
create trigger t500_refuse
  before update or delete or truncate on audit.audit_log
  for each statement execute function audit.tg_audit_log__refuse();
alter table audit.audit_log enable always trigger t500_refuse;
comment on trigger t500_refuse on audit.audit_log is 'Append-only, also under session_replication_role.';

reset role;
