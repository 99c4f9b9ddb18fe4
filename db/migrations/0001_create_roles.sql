-- Roles belong to the cluster, not to the database: another database of the
-- same cluster may have made them already, perhaps at this very moment.
-- Logins get their passwords from the migrating program, never from here.
do $$
declare
  v_role text;
begin
  foreach v_role in array array[
    'epo_owner', 'audit_owner', 'epo_definer', 'epo_system',
    'app_anon', 'app_user', 'app_admin', 'app_agent'
  ] loop
    begin
      execute format('create role %I nologin noinherit', v_role);
    exception when duplicate_object or unique_violation then null;
    end;
  end loop;

  foreach v_role in array array[
    'epo_rest_user', 'epo_rest_admin', 'epo_rest_agent', 'epo_gateway', 'epo_migrator'
  ] loop
    begin
      execute format('create role %I login noinherit', v_role);
    exception when duplicate_object or unique_violation then null;
    end;
  end loop;
end
$$;

-- Memberships never inherit: a login has to say with `set role` whom it acts
-- for. Each REST login reaches one application role and no other.
do $$
declare
  v_grant record;
begin
  for v_grant in
    select g.role_name, g.member_name
    from (values
      ('app_user', 'epo_rest_user'),
      ('app_admin', 'epo_rest_admin'),
      ('app_agent', 'epo_rest_agent'),
      ('epo_owner', 'epo_migrator'),
      ('audit_owner', 'epo_migrator'),
      ('epo_definer', 'epo_migrator'),
      ('epo_system', 'epo_migrator')
    ) as g (role_name, member_name)
    where not exists (
      select
      from pg_catalog.pg_auth_members as m
      where m.roleid = g.role_name::regrole
        and m.member = g.member_name::regrole
        and m.set_option
    )
  loop
    execute format(
      'grant %I to %I with inherit false, set true', v_grant.role_name, v_grant.member_name);
  end loop;
end
$$;

-- Whoever installs, superuser or only CREATEROLE, makes the objects in the
-- name of their owners and so must be able to become them.
do $$
declare
  v_role text;
begin
  if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    return;
  end if;
  foreach v_role in array array['epo_owner', 'audit_owner', 'epo_definer', 'epo_system'] loop
    if not exists (
      select
      from pg_catalog.pg_auth_members as m
      where m.roleid = v_role::regrole
        and m.member = current_user::regrole
        and m.set_option
        and m.inherit_option
    ) then
      execute format('grant %I to %I with inherit true, set true', v_role, current_user);
    end if;
  end loop;
end
$$;

-- Nobody keeps a right by being nobody in particular. CONNECT, CREATE and TEMPORARY
-- of the database are its owner's to give.
do $$
begin
  execute format('revoke all on database %I from public', current_database());
  execute format(
    'grant connect on database %I to epo_rest_user, epo_rest_admin, epo_rest_agent, epo_gateway, epo_migrator',
    current_database());
end
$$;
