-- A unique key without the tenant tells one tenant what names another has. The
-- slug of a tenant is the one name that is unique across tenants; only platform
-- functions write it.
select i.indexrelid::regclass::text as object, 'unique key does not lead with tenant_id' as problem
from pg_index as i
join pg_class as c on c.oid = i.indrelid
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and (i.indisunique or i.indisexclusion)
  and i.indexrelid::regclass::text <> 'epo.tenants_slug_key'
  and not exists (
    select
    from pg_attribute as a
    where a.attrelid = i.indrelid
      and a.attnum = i.indkey[0]
      and a.attname = 'tenant_id')
