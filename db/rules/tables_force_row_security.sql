-- ENABLE puts everybody but the owner behind the policies, FORCE the owner and
-- the functions it owns as well.
select c.oid::regclass::text as object,
  case when c.relrowsecurity then 'row-level security is not forced' else 'row-level security is not enabled' end as problem
from pg_class as c
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and c.relkind in ('r', 'p')
  and not (c.relrowsecurity and c.relforcerowsecurity)
