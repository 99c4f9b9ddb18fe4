-- Application roles have no usage of the schemas that hold tables: all they can
-- name is api. Nobody may make objects between two rebuilds.
select 'schema ' || n.nspname as object,
  (case when g.grantee = 0 then 'public' else g.grantee::regrole::text end) || ' has ' || g.privilege_type as problem
from pg_namespace as n
cross join lateral aclexplode(n.nspacl) as g
where n.nspname = any ('{epo,auth,audit,api,hook}')
  and g.grantee <> n.nspowner
  and (g.is_grantable or g.privilege_type <> 'USAGE' or g.grantee = 0 or not g.grantee::regrole::text = any (
    case n.nspname
      when 'api' then
        array['app_user', 'app_admin', 'app_agent', 'epo_definer', 'epo_rest_user', 'epo_rest_admin', 'epo_rest_agent']
      when 'hook' then
        array['app_user', 'app_admin', 'app_agent', 'epo_definer', 'epo_rest_user', 'epo_rest_admin', 'epo_rest_agent']
      when 'auth' then array['epo_definer', 'epo_system', 'epo_migrator', 'epo_gateway']
      when 'audit' then array['epo_owner', 'epo_definer', 'epo_system', 'epo_migrator']
      else array['audit_owner', 'epo_definer', 'epo_system', 'epo_migrator', 'epo_rest_user', 'epo_rest_admin', 'epo_rest_agent']
    end))
