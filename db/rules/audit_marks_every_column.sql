-- Each column stands once in epo.audit_marks: track, ignore, secret, append or chain.
select coalesce(t.object, m.object) as object, 'stands ' || coalesce(m.marks, 0) || ' times in epo.audit_marks' as problem
from (
  select c.oid::regclass::text || '.' || a.attname as object
  from pg_class as c
  join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relnamespace = any ('{epo,auth,api,hook}'::regnamespace[])
    and c.relkind in ('r', 'p')
    and not c.relispartition
) as t
full join (
  select k.table_name || '.' || u.name as object, count(*) as marks
  from epo.audit_marks() as k
  cross join lateral unnest(k.columns) as u (name)
  where k.mark in ('track', 'ignore', 'secret', 'append', 'chain')
  group by 1
) as m on m.object = t.object
where t.object is null
  or m.marks is distinct from 1
