-- Checks of foreign keys ignore row-level security, forced or not: a key of one
-- column lets a tenant point at the row of another.
select k.conrelid::regclass::text || ' ' || k.conname as object, 'foreign key does not lead from tenant_id to tenant_id' as problem
from pg_constraint as k
where k.connamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and k.contype = 'f'
  and not exists (
    select
    from pg_attribute as a
    join pg_attribute as r on r.attrelid = k.confrelid and r.attnum = k.confkey[1] and r.attname = 'tenant_id'
    where a.attrelid = k.conrelid
      and a.attnum = k.conkey[1]
      and a.attname = 'tenant_id')
