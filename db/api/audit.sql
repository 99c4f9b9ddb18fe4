set local role audit_owner;
grant select on audit.audit_log to app_user, app_admin;
reset role;

set local role epo_owner;

create view api.audit_log with (security_invoker = true) as
select l.id, l.at, l.tenant_id, l.actor, l.request_id, l.action, l.table_name, l.row_key, l.before, l.after
from audit.audit_log as l;
comment on view api.audit_log is 'What happened in the tenant, for auditors and administrators.';

grant select on api.audit_log to app_user, app_admin;

reset role;
