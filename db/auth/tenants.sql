set local role epo_system;

create function auth.require_roles(roles text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(require_roles.roles) > 0
    and require_roles.roles <@ array['admin', 'operator', 'auditor'] then
    return;
  end if;
  perform epo.raise_invalid('roles must be some of admin, operator, auditor');
end
$$;
comment on function auth.require_roles(text[]) is 'Refuses a list of roles that is empty or has unknown ones.';

create function auth.insert_user(
  tenant_id uuid, user_name text, display_name text, password_hash text, roles text[])
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := lower(normalize(insert_user.user_name));
  v_id uuid := epo.new_id();
begin
  if v_name !~ '^[a-z0-9][a-z0-9._@+-]{0,127}$' then
    perform epo.raise('invalid_name', 400, 'the user name cannot be used', null,
      'letters, digits and . _ @ + -, beginning with a letter or digit');
  end if;
  perform auth.require_roles(insert_user.roles);
  insert into auth.users (tenant_id, id, name, display_name)
  values (insert_user.tenant_id, v_id, v_name, coalesce(nullif(insert_user.display_name, ''), v_name));
  insert into auth.identities (tenant_id, user_id, provider, subject, password_hash)
  values (insert_user.tenant_id, v_id, 'local', v_name, insert_user.password_hash);
  insert into auth.user_roles (tenant_id, user_id, role_name)
  select distinct insert_user.tenant_id, v_id, r.role_name
  from unnest(insert_user.roles) as r (role_name);
  return v_id;
exception
  when unique_violation then
    perform epo.raise('conflict', 409, 'the user name is taken');
end
$$;
comment on function auth.insert_user(uuid, text, text, text, text[]) is 'Makes a user with a password and roles.';

create function auth.create_tenant(tenant_slug text, tenant_name text) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := epo.new_id();
begin
  if epo.is_slug(create_tenant.tenant_slug) is not true then
    perform epo.raise('invalid_name', 400, 'the slug cannot be used', null,
      '1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit');
  end if;
  perform epo.require_name(create_tenant.tenant_name);
  insert into epo.tenants (tenant_id, slug, name)
  values (v_id, create_tenant.tenant_slug, create_tenant.tenant_name);
  insert into epo.tenant_policies (tenant_id)
  values (v_id);
  return v_id;
exception
  when unique_violation then
    perform epo.raise('conflict', 409, 'the slug is taken');
end
$$;
comment on function auth.create_tenant(text, text) is 'Makes a tenant with the policies of the house.';

create function auth.create_user(
  tenant_slug text, user_name text, display_name text, password_hash text, roles text[])
returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return auth.insert_user(
    auth.find_tenant(create_user.tenant_slug), create_user.user_name, create_user.display_name,
    create_user.password_hash, create_user.roles);
end
$$;
comment on function auth.create_user(text, text, text, text, text[]) is 'Makes a user of a tenant.';

create function auth.find_tenant(tenant_slug text) returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[];
begin
  v_ids := array(
    select t.tenant_id
    from epo.tenants as t
    where coalesce(find_tenant.tenant_slug, '') = ''
      or t.slug = find_tenant.tenant_slug
    limit 2);
  if cardinality(v_ids) <> 1 then
    perform epo.raise_not_found();
  end if;
  return v_ids[1];
end
$$;
comment on function auth.find_tenant(text) is 'The tenant of a slug; without one, the only tenant there is.';

create function auth.set_password(tenant_slug text, user_name text, password_hash text) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant uuid := auth.find_tenant(set_password.tenant_slug);
  v_user uuid;
begin
  update auth.identities as i
  set password_hash = set_password.password_hash, updated_at = now()
  from auth.users as u
  where u.tenant_id = v_tenant
    and u.name = lower(normalize(set_password.user_name))
    and i.tenant_id = u.tenant_id
    and i.user_id = u.id
    and i.provider = 'local'
  returning u.id into v_user;
  if v_user is null then
    perform epo.raise_not_found();
  end if;
  -- Whoever knew the old password, or a token it bought, is out.
  perform auth.revoke_sessions(v_tenant, v_user, null);
  return v_user;
end
$$;
comment on function auth.set_password(text, text, text) is 'Gives a user another password and ends every sign-in of theirs.';

create function auth.bootstrap(tenant_slug text, tenant_name text, user_name text, password_hash text)
returns table (tenant_id uuid, user_id uuid)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  bootstrap.tenant_id := auth.create_tenant(bootstrap.tenant_slug, bootstrap.tenant_name);
  bootstrap.user_id := auth.insert_user(
    bootstrap.tenant_id, bootstrap.user_name, null, bootstrap.password_hash, array['admin', 'operator', 'auditor']);
  insert into auth.bootstraps (first_tenant_id, first_user_id)
  values (bootstrap.tenant_id, bootstrap.user_id);
  return next;
exception
  -- Whatever was wrong, and were it the slug: once is once.
  when unique_violation or sqlstate 'PGRST' then
    if exists (select from auth.bootstraps) then
      perform epo.raise('already_bootstrapped', 409, 'the first tenant exists already');
    end if;
    raise;
end
$$;
comment on function auth.bootstrap(text, text, text, text) is
  'Makes the first tenant and its administrator; the primary key of auth.bootstraps refuses a second time.';

grant execute on function
  auth.create_tenant(text, text), auth.create_user(text, text, text, text, text[]),
  auth.set_password(text, text, text), auth.bootstrap(text, text, text, text)
  to epo_gateway, epo_migrator;

reset role;
