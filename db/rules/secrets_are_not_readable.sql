-- Hashes and keys are for the gateway's functions, not for the eyes of the tenant.
select w.column_name as object, r.role_name || ' may read it' as problem
from (values
  ('auth.identities', 'password_hash'), ('auth.refresh_tokens', 'token_hash'), ('auth.enrollment_tokens', 'token_hash')
) as s (table_name, attribute)
cross join lateral (select s.table_name || '.' || s.attribute as column_name) as w
cross join unnest(array['app_anon', 'app_user', 'app_admin', 'app_agent', 'epo_gateway']) as r (role_name)
where has_column_privilege(r.role_name, s.table_name, s.attribute, 'select')
