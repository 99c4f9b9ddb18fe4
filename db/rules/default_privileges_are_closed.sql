-- What an owner makes tomorrow is not for PUBLIC either. Only the global form of
-- default privileges does that.
select 'role ' || w.role_name as object, 'gives EXECUTE on new functions to public' as problem
from unnest(array['epo_owner', 'audit_owner', 'epo_definer', 'epo_system']) as w (role_name)
where not exists (
  select
  from pg_default_acl as d
  where d.defaclrole = w.role_name::regrole
    and d.defaclnamespace = 0
    and d.defaclobjtype = 'f'
    and not exists (
      select
      from aclexplode(d.defaclacl) as g
      where g.grantee = 0))
