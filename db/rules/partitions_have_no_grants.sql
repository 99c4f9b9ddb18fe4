-- Rows are reached through the parent only, whose grants are checked instead.
select c.oid::regclass::text as object, 'partition has a grant to ' || case when g.grantee = 0 then 'public' else g.grantee::regrole::text end as problem
from pg_class as c
cross join lateral aclexplode(c.relacl) as g
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and c.relispartition
  and c.relkind in ('r', 'p')
  and g.grantee <> c.relowner
