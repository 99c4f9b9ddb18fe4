-- A function of api is for people or for agents, never for both, and for somebody.
select p.oid::regprocedure::text as object, 'is granted to neither or both of people and agents' as problem
from pg_proc as p
where p.pronamespace = 'api'::regnamespace
  and has_function_privilege('app_agent', p.oid, 'execute')
    = (has_function_privilege('app_user', p.oid, 'execute') or has_function_privilege('app_admin', p.oid, 'execute'))
