-- `set role` alone is no wall: each REST login reaches one application role, the
-- gateway none, the migrator the owners, and nobody inherits.
select 'role ' || m.member::regrole as object, 'is a member of ' || m.roleid::regrole as problem
from pg_auth_members as m
join pg_roles as r on r.oid = m.member
where r.rolname = any ('{epo_owner,audit_owner,epo_definer,epo_system,app_anon,app_user,app_admin,app_agent,epo_rest_user,epo_rest_admin,epo_rest_agent,epo_gateway,epo_migrator}')
  and ((m.member::regrole::text, m.roleid::regrole::text) not in (
      ('epo_rest_user', 'app_user'), ('epo_rest_admin', 'app_admin'), ('epo_rest_agent', 'app_agent'),
      ('epo_migrator', 'epo_owner'), ('epo_migrator', 'audit_owner'),
      ('epo_migrator', 'epo_definer'), ('epo_migrator', 'epo_system'))
    or m.inherit_option
    or m.admin_option)
