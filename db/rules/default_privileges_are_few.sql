-- Nothing is granted ahead of time on tables, sequences or schemas to come.
select 'role ' || d.defaclrole::regrole as object, 'grants on objects to come' as problem
from pg_default_acl as d
cross join lateral aclexplode(d.defaclacl) as g
where d.defaclrole = any ('{epo_owner,audit_owner,epo_definer,epo_system}'::regrole[])
  and g.grantee <> d.defaclrole
