-- Who may select from a table has one policy that lets them see rows, and it is
-- for reading only. The audit is for auditors and administrators.
select c.oid::regclass::text as object, 'policies of ' || w.role_name || ' do not match its grants' as problem
from pg_class as c
cross join unnest(array['app_anon', 'app_user', 'app_admin', 'app_agent']) as w (role_name)
cross join lateral (
  select
    has_any_column_privilege(w.role_name, c.oid, 'select') as reads,
    (
      select array_agg(
        p.polcmd = 'r'
        and pg_get_expr(p.polqual, p.polrelid) = case
          when c.oid = 'audit.audit_log'::regclass then
            '(( SELECT epo.user_has_role(''auditor''::text) AS user_has_role) OR ( SELECT epo.user_has_role(''admin''::text) AS user_has_role))'
          else 'true'
        end)
      from pg_policy as p
      where p.polrelid = c.oid
        and p.polpermissive
        and w.role_name::regrole::oid = any (p.polroles)
    ) as policies
) as s
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and c.relkind in ('r', 'p')
  and s.policies is distinct from (case when s.reads then '{t}'::boolean[] end)
