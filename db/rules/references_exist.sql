-- A column that names a row of another table is held to it by a foreign key, and
-- a tenant by one that is never null. The exceptions: tenants themselves and the
-- bootstrap, which stands before them; logs, which are dropped apart from their
-- attempts; a family of tokens, which has no row; the lane, which is one of several;
-- the attempt that owns a run target, which points back at it.
select a.attrelid::regclass::text || '.' || a.attname as object, 'has no foreign key' as problem
from pg_attribute as a
join pg_class as c on c.oid = a.attrelid
where c.relnamespace = any ('{epo,auth}'::regnamespace[])
  and c.relkind in ('r', 'p')
  and not c.relispartition
  and a.atttypid = 'uuid'::regtype
  and not a.attisdropped
  and a.attname <> 'id'
  and c.oid <> all (array['epo.tenants', 'auth.bootstraps', 'epo.job_run_logs']::regclass[])
  and a.attrelid::regclass::text || '.' || a.attname not in (
    'auth.refresh_tokens.family_id', 'auth.refresh_tokens.parent_id',
    'epo.job_run_targets.lane_id', 'epo.inspections.lane_id', 'epo.job_run_targets.attempt_id', 'epo.attempts.run_id')
  and not exists (
    select
    from pg_constraint as k
    where k.conrelid = a.attrelid
      and k.contype = 'f'
      and a.attnum = any (k.conkey)
      and (a.attname <> 'tenant_id' or not exists (
        select
        from pg_attribute as n
        where n.attrelid = k.conrelid
          and n.attnum = any (k.conkey)
          and not n.attnotnull)))
