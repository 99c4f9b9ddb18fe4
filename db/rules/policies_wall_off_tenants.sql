-- The wall: one restrictive policy, for all commands, to the four application
-- roles and the definer and nobody else, its helper evaluated once per statement.
-- A policy that forgets the definer turns its writes into no rows and no error;
-- one that names epo_system shuts out what must see every tenant.
select c.oid::regclass::text as object, 'has no restrictive policy of the tenant, or another one' as problem
from pg_class as c
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and c.relkind in ('r', 'p')
  and (
    select array_agg(
      p.polcmd = '*'
      and (select array_agg(r.oid::regrole::text order by r.oid::regrole::text) from unnest(p.polroles) as r (oid))
        = '{app_admin,app_agent,app_anon,app_user,epo_definer}'::text[]
      and pg_get_expr(p.polqual, p.polrelid)
        = '(tenant_id = ( SELECT epo.current_tenant_id() AS current_tenant_id))'
      and pg_get_expr(p.polwithcheck, p.polrelid)
        = '(tenant_id = ( SELECT epo.current_tenant_id() AS current_tenant_id))')
    from pg_policy as p
    where p.polrelid = c.oid
      and not p.polpermissive
  ) is distinct from '{t}'::boolean[]
