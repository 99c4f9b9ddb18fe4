-- Comments become the OpenAPI document and the reference.
select 'schema ' || n.nspname as object, 'has no comment' as problem
from pg_namespace as n
where n.nspname = any ('{epo,auth,audit,api,hook}')
  and obj_description(n.oid, 'pg_namespace') is null
union all
select c.oid::regclass::text, 'has no comment'
from pg_class as c
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and c.relkind in ('r', 'p', 'v')
  and obj_description(c.oid, 'pg_class') is null
union all
select a.attrelid::regclass::text || '.' || a.attname, 'has no comment'
from pg_attribute as a
join pg_class as c on c.oid = a.attrelid
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and c.relkind in ('r', 'p', 'v')
  and a.attnum > 0
  and not a.attisdropped
  and col_description(a.attrelid, a.attnum) is null
union all
select p.oid::regprocedure::text, 'has no comment'
from pg_proc as p
where p.pronamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and obj_description(p.oid, 'pg_proc') is null
union all
select p.polrelid::regclass::text, 'policy ' || p.polname || ' has no comment'
from pg_policy as p
join pg_class as c on c.oid = p.polrelid
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and obj_description(p.oid, 'pg_policy') is null
union all
select t.tgrelid::regclass::text, 'trigger ' || t.tgname || ' has no comment'
from pg_trigger as t
join pg_class as c on c.oid = t.tgrelid
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and not t.tgisinternal
  and t.tgparentid = 0
  and obj_description(t.oid, 'pg_trigger') is null
