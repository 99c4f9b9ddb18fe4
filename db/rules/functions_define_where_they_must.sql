-- What application roles and logins call runs as definer or system; everything
-- else runs as its caller, and nothing runs as the owner of tables.
select p.oid::regprocedure::text as object,
  case when p.prosecdef then 'runs as ' || p.proowner::regrole else 'does not run as its owner' end as problem
from pg_proc as p
where p.pronamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and case
    when p.prosecdef then p.proowner::regrole::text not in ('epo_definer', 'epo_system')
    else p.pronamespace in ('api'::regnamespace, 'hook'::regnamespace)
      or exists (
        select
        from aclexplode(p.proacl) as g
        where g.grantee = 'epo_gateway'::regrole)
  end
