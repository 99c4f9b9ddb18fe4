-- A plain view runs as its owner and shows what its owner may see.
select c.oid::regclass::text as object, 'is not security_invoker' as problem
from pg_class as c
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and c.relkind = 'v'
  and not coalesce('security_invoker=true' = any (c.reloptions), false)
