-- Audit per row costs twice what audit per statement does, and a trigger that
-- nobody expects changes what everybody reads. Stamps, rules and audit, by number.
select t.tgrelid::regclass::text as object, 'trigger ' || t.tgname || ' is not one of ours' as problem
from pg_trigger as t
join pg_class as c on c.oid = t.tgrelid
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and not t.tgisinternal
  and (t.tgname !~ '^t(500|900)_[a-z_]+$'
    or (t.tgname ~ '^t900_' and t.tgtype & 1 = 1))
