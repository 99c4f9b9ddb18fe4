-- api is dropped and built anew; only views and functions may be in it, and views
-- nowhere else. Nothing is materialised, foreign, or rewritten by rules.
select c.oid::regclass::text as object, 'is of kind ' || c.relkind::text as problem
from pg_class as c
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and c.relkind <> all (
    case when c.relnamespace in ('api'::regnamespace) then array['v']::"char"[] else array['r', 'p', 'i', 'I', 't', 'c']::"char"[] end)
union all
select w.ev_class::regclass::text, 'has the rule ' || w.rulename
from pg_rewrite as w
join pg_class as c on c.oid = w.ev_class
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and w.rulename <> '_RETURN'
