-- Nobody has a right to change the audit, or what is append-only.
select c.oid::regclass::text as object,
  (case when g.grantee = 0 then 'public' else g.grantee::regrole::text end) || ' has ' || g.privilege_type as problem
from pg_class as c
cross join lateral aclexplode(c.relacl) as g
where (c.relnamespace = 'audit'::regnamespace
    or c.oid = any ('{epo.job_run_logs,epo.script_versions,auth.bootstraps}'::regclass[]))
  and g.grantee <> c.relowner
  and g.privilege_type not in ('SELECT', 'INSERT')
