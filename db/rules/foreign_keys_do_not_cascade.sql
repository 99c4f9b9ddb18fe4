-- A cascade runs as the owner and would remove or change rows behind the
-- functions and the audit.
select k.conrelid::regclass::text || ' ' || k.conname as object, 'foreign key has an action' as problem
from pg_constraint as k
where k.connamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and k.contype = 'f'
  and (k.confdeltype not in ('a', 'r') or k.confupdtype not in ('a', 'r'))
