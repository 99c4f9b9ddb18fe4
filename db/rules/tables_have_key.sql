-- The audit names rows by their primary key, and pairs old and new rows by it.
select c.oid::regclass::text as object, 'has no primary key' as problem
from pg_class as c
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and c.relkind in ('r', 'p')
  and not exists (
    select
    from pg_constraint as k
    where k.conrelid = c.oid
      and k.contype = 'p')
