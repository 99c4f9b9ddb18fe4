-- A function for people says first which of their roles may call it.
select p.oid::regprocedure::text as object, 'does not begin with epo.require_role' as problem
from pg_proc as p
where p.pronamespace = 'api'::regnamespace
  and (has_function_privilege('app_user', p.oid, 'execute') or has_function_privilege('app_admin', p.oid, 'execute'))
  and p.prosrc !~ '\mbegin\s+perform epo\.require_role\('
