-- The trigger functions say what epo.audit_marks says, no secret column by value.
select p.oid::regprocedure::text as object, 'is not what epo.audit_marks makes of it' as problem
from (
  select distinct k.table_name::regclass as marked, e.event
  from epo.audit_marks() as k
  cross join unnest(array['insert', 'update', 'delete']) as e (event)
  where k.mark in ('track', 'secret')
) as m
join pg_class as c on c.oid = m.marked
join pg_proc as p on p.pronamespace = 'epo'::regnamespace and p.proname = 'tg_' || c.relname || '__audit_' || m.event
where strpos(p.prosrc, epo.audit_query(m.marked, m.event)) = 0
