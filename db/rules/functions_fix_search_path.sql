-- A definer function looks names up as whoever calls it unless its search path is
-- fixed, and pg_temp must be named last or a temporary table comes first.
select p.oid::regprocedure::text as object, 'does not set search_path to pg_catalog, pg_temp' as problem
from pg_proc as p
join pg_language as l on l.oid = p.prolang
where p.pronamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and (p.prosecdef or l.lanname = 'plpgsql')
  and not coalesce('search_path=pg_catalog, pg_temp' = any (p.proconfig), false)
