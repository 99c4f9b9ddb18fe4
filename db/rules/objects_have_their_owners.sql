-- Tables belong to epo_owner and audit_owner, which run nothing; the functions of
-- api to epo_definer, those that see every tenant to epo_system.
select 'schema ' || n.nspname as object, 'is owned by ' || n.nspowner::regrole as problem
from pg_namespace as n
where n.nspname = any ('{epo,auth,audit,api,hook}')
  and n.nspowner::regrole::text <> case n.nspname when 'audit' then 'audit_owner' else 'epo_owner' end
union all
select c.oid::regclass::text, 'is owned by ' || c.relowner::regrole
from pg_class as c
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
  and c.relowner::regrole::text <> case when c.relnamespace = 'audit'::regnamespace then 'audit_owner' else 'epo_owner' end
union all
select p.oid::regprocedure::text, 'is owned by ' || p.proowner::regrole
from pg_proc as p
where p.pronamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and not p.proowner::regrole::text = any (
    case p.pronamespace::regnamespace::text
      when 'api' then array['epo_definer']
      when 'hook' then array['epo_definer']
      when 'auth' then array['epo_system']
      when 'audit' then array['audit_owner']
      else array['epo_owner', 'epo_definer', 'epo_system']
    end)
