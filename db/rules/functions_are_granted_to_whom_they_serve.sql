-- EXECUTE goes to PUBLIC by default. Each schema serves some roles and no others;
-- of epo, application roles may only run what policies and views call.
select p.oid::regprocedure::text as object,
  'may be executed by ' || case when g.grantee = 0 then 'public' else g.grantee::regrole::text end as problem
from pg_proc as p
cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as g
where p.pronamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and g.grantee <> p.proowner
  and (g.is_grantable or g.grantee = 0 or not g.grantee::regrole::text = any (
    case
      when p.pronamespace = 'api'::regnamespace then array['app_user', 'app_admin', 'app_agent']
      when p.pronamespace = 'hook'::regnamespace then array['app_user', 'app_admin', 'app_agent', 'epo_definer']
      when p.pronamespace = 'auth'::regnamespace then array['epo_gateway', 'epo_migrator']
      when p.pronamespace = 'audit'::regnamespace then array['epo_migrator']
      when p.proname in ('current_tenant_id', 'user_has_role') then
        array['app_anon', 'app_user', 'app_admin', 'app_agent', 'epo_definer', 'epo_system', 'audit_owner']
      when p.proname = 'pre_request' then array['app_user', 'app_admin', 'app_agent', 'epo_definer']
      when p.proname in ('to_base64') then array['app_user', 'app_admin', 'epo_definer', 'epo_system']
      else array['epo_definer', 'epo_system', 'audit_owner', 'epo_migrator']
    end))
