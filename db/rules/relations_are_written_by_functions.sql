-- Application roles and logins write nothing themselves; the definer and the
-- system have no right to empty or redefine a table.
select c.oid::regclass::text as object,
  (case when g.grantee = 0 then 'public' else g.grantee::regrole::text end) || ' has ' || g.privilege_type as problem
from pg_class as c
cross join lateral (
  select x.grantee, x.privilege_type, x.is_grantable
  from aclexplode(c.relacl) as x
  union all
  select x.grantee, x.privilege_type, x.is_grantable
  from pg_attribute as a
  cross join lateral aclexplode(a.attacl) as x
  where a.attrelid = c.oid
) as g
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and g.grantee <> c.relowner
  and (g.is_grantable or g.grantee = 0 or not g.privilege_type = any (
    case g.grantee::regrole::text
      when 'epo_definer' then array['SELECT', 'INSERT', 'UPDATE', 'DELETE']
      when 'epo_system' then array['SELECT', 'INSERT', 'UPDATE', 'DELETE']
      when 'app_user' then array['SELECT']
      when 'app_admin' then array['SELECT']
      else array[]::text[]
    end))
