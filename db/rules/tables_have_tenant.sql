-- Every row belongs to a tenant, so that one policy fits all tables.
select c.oid::regclass::text as object, 'has no column tenant_id uuid not null' as problem
from pg_class as c
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and c.relkind in ('r', 'p')
  and not exists (
    select
    from pg_attribute as a
    where a.attrelid = c.oid
      and a.attname = 'tenant_id'
      and a.atttypid = 'uuid'::regtype
      and a.attnotnull)
