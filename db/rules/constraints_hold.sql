-- A constraint that was never checked promises nothing.
select k.conrelid::regclass::text || ' ' || k.conname as object, 'constraint is not validated' as problem
from pg_constraint as k
where k.connamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and not k.convalidated
