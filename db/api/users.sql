set local role epo_owner;

create view api.users with (security_invoker = true) as
select
  u.id, u.name, u.display_name,
  u.disabled_at is not null as disabled,
  array(
    select r.role_name
    from auth.user_roles as r
    where r.tenant_id = u.tenant_id
      and r.user_id = u.id
    order by r.role_name) as roles,
  u.created_at, u.last_sign_in_at
from auth.users as u;
comment on view api.users is 'People of the tenant.';
comment on column api.users.disabled is 'Whether the user may do nothing.';
comment on column api.users.roles is 'Roles of the user: admin, operator, auditor.';

grant select on api.users to app_user, app_admin;

reset role;
set local role epo_definer;

-- A tenant that has lost its last administrator cannot help itself.
create function epo.require_admin_left() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform
  from epo.tenants as t
  where t.tenant_id = epo.current_tenant_id()
  for no key update;
  if not exists (
    select
    from auth.user_roles as r
    join auth.users as u on u.tenant_id = r.tenant_id and u.id = r.user_id
    where r.tenant_id = epo.current_tenant_id()
      and r.role_name = 'admin'
      and u.disabled_at is null
  ) then
    perform epo.raise('conflict', 409, 'the tenant would have no administrator left');
  end if;
end
$$;
comment on function epo.require_admin_left() is 'Refuses a change after which the tenant has no active administrator.';

create function api.disable_user(user_id uuid, disabled boolean default true) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform epo.require_role('admin');
  update auth.users as u
  set disabled_at = case when disable_user.disabled then coalesce(u.disabled_at, now()) end
  where u.tenant_id = epo.current_tenant_id()
    and u.id = disable_user.user_id;
  if not found then
    perform epo.raise_not_found();
  end if;
  if disable_user.disabled then
    perform epo.require_admin_left();
    update auth.refresh_tokens as r
    set revoked_at = now()
    where r.tenant_id = epo.current_tenant_id()
      and r.user_id = disable_user.user_id
      and r.revoked_at is null;
  end if;
  perform epo.wake_tenant('user');
  return jsonb_build_object('id', disable_user.user_id, 'disabled', disable_user.disabled);
end
$$;
comment on function api.disable_user(uuid, boolean) is 'Lets a user do nothing any more, or again.';

create function api.set_user_roles(user_id uuid, roles text[]) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform epo.require_role('admin');
  if coalesce(cardinality(set_user_roles.roles), 0) = 0
    or not set_user_roles.roles <@ array['admin', 'operator', 'auditor'] then
    perform epo.raise_invalid('roles must be some of admin, operator, auditor');
  end if;
  perform
  from auth.users as u
  where u.tenant_id = epo.current_tenant_id()
    and u.id = set_user_roles.user_id
  for no key update;
  if not found then
    perform epo.raise_not_found();
  end if;
  delete from auth.user_roles as r
  where r.tenant_id = epo.current_tenant_id()
    and r.user_id = set_user_roles.user_id
    and r.role_name <> all(set_user_roles.roles);
  insert into auth.user_roles (tenant_id, user_id, role_name)
  select epo.current_tenant_id(), set_user_roles.user_id, n.role_name
  from (select distinct u.role_name from unnest(set_user_roles.roles) as u (role_name)) as n
  on conflict do nothing;
  perform epo.require_admin_left();
  perform epo.wake_tenant('user');
  return jsonb_build_object('id', set_user_roles.user_id, 'roles', to_jsonb(set_user_roles.roles));
end
$$;
comment on function api.set_user_roles(uuid, text[]) is 'Says what a user may do: all their roles, the others go.';

grant execute on function api.disable_user(uuid, boolean), api.set_user_roles(uuid, text[]) to app_admin;

reset role;
