set local role epo_owner;

create view api.tenants with (security_invoker = true) as
select t.tenant_id as id, t.slug, t.name, t.created_at
from epo.tenants as t;
comment on view api.tenants is 'The tenant of the caller.';
comment on column api.tenants.id is 'Identifier of the tenant.';

grant select on api.tenants to app_user, app_admin;

reset role;
