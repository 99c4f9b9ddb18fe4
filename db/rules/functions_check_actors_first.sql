-- A function of auth that acts for a person says first that it is one who may: it
-- sees every tenant, and the gateway only knows whose token came.
select p.oid::regprocedure::text as object, 'does not begin with auth.require_actor' as problem
from pg_proc as p
where p.pronamespace = 'auth'::regnamespace
  and exists (
    select
    from aclexplode(p.proacl) as g
    where g.grantee = 'epo_gateway'::regrole)
  and p.prosrc ~ '\mepo\.current_(tenant_id|user_id|actor)\M|\mepo\.claims\M'
  and p.prosrc !~ '\mbegin\s+perform auth\.require_actor\('
