-- No role of EPO is superuser, bypasses row-level security, makes roles or
-- databases, or replicates; none but the five logins can log in.
select 'role ' || r.rolname as object, 'has attributes beyond its part' as problem
from pg_roles as r
where (r.rolname like 'epo\_%' or r.rolname like 'app\_%' or r.rolname = 'audit_owner')
  and r.rolname = any ('{epo_owner,audit_owner,epo_definer,epo_system,app_anon,app_user,app_admin,app_agent,epo_rest_user,epo_rest_admin,epo_rest_agent,epo_gateway,epo_migrator}')
  and (
    r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolinherit
    or r.rolcanlogin <> (r.rolname = any ('{epo_rest_user,epo_rest_admin,epo_rest_agent,epo_gateway,epo_migrator}')))
