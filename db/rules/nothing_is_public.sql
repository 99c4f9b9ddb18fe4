-- PUBLIC is everybody who can connect.
select 'schema ' || n.nspname as object, 'public has ' || g.privilege_type as problem
from pg_namespace as n
cross join lateral aclexplode(n.nspacl) as g
where n.nspname = any ('{epo,auth,audit,api,hook}')
  and g.grantee = 0
union all
select c.oid::regclass::text, 'public has ' || g.privilege_type
from pg_class as c
cross join lateral aclexplode(c.relacl) as g
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and g.grantee = 0
union all
select a.attrelid::regclass::text || '.' || a.attname, 'public has ' || g.privilege_type
from pg_attribute as a
join pg_class as c on c.oid = a.attrelid
cross join lateral aclexplode(a.attacl) as g
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and g.grantee = 0
