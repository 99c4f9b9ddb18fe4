-- UPDATE, DELETE and TRUNCATE of the audit and each of its partitions raise for
-- every role, its owner included, also under session_replication_role.
select c.oid::regclass::text as object, 'has no trigger that always refuses changes' as problem
from pg_class as c
where c.relnamespace = 'audit'::regnamespace
  and c.relkind in ('r', 'p')
  and not exists (
    select
    from pg_trigger as t
    where t.tgrelid = c.oid
      and t.tgenabled = 'A'
      and t.tgfoid = 'audit.tg_audit_log__refuse()'::regprocedure
      -- before, statement, update, delete, truncate
      and t.tgtype & (1 | 2 | 8 | 16 | 32 | 64) = (2 | 8 | 16 | 32)
      and t.tgqual is null)
