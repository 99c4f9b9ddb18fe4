-- A disabled trigger is a rule that nobody keeps; foreign keys are triggers too.
select t.tgrelid::regclass::text as object, 'trigger ' || t.tgname || ' is disabled' as problem
from pg_trigger as t
join pg_class as c on c.oid = t.tgrelid
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and t.tgenabled not in ('O', 'A')
