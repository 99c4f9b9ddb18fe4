set local role epo_system;

-- What people do to accounts through the gateway, which sets the verified claims
-- of their token for the transaction. The tables are looked up each time, since
-- these functions see every tenant.
create function auth.require_actor(variadic role_names text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if epo.current_user_id() is null then
    perform epo.raise('forbidden', 403, 'this is for people');
  end if;
  perform epo.require_person();
  perform epo.require_role(variadic require_actor.role_names);
end
$$;
comment on function auth.require_actor(text[]) is
  'Refuses claims that are not of an active person with one of the roles.';

create function auth.add_user(user_name text, display_name text, password_hash text, roles text[])
returns table (id uuid, name text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
begin
  perform auth.require_actor('admin');
  if coalesce(add_user.display_name, '') <> '' then
    perform epo.require_name(add_user.display_name);
  end if;
  v_id := auth.insert_user(
    epo.current_tenant_id(), add_user.user_name, add_user.display_name, add_user.password_hash, add_user.roles);
  return query
  select u.id, u.name
  from auth.users as u
  where u.tenant_id = epo.current_tenant_id()
    and u.id = v_id;
end
$$;
comment on function auth.add_user(text, text, text, text[]) is 'Makes a user of the tenant of the claims, for an administrator.';

create function auth.revoke_sessions(tenant_id uuid, user_id uuid, except_family_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update auth.refresh_tokens as r
  set revoked_at = now()
  where r.tenant_id = revoke_sessions.tenant_id
    and r.user_id = revoke_sessions.user_id
    and r.family_id is distinct from revoke_sessions.except_family_id
    and r.revoked_at is null;
end
$$;
comment on function auth.revoke_sessions(uuid, uuid, uuid) is 'Ends every sign-in of a user but one.';

create function auth.reset_password(user_id uuid, password_hash text) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
begin
  perform auth.require_actor('admin');
  if reset_password.user_id = epo.current_user_id() then
    perform epo.raise('conflict', 409, 'this is your own password', null, 'change it, with the present one');
  end if;
  update auth.identities as i
  set password_hash = reset_password.password_hash, updated_at = now()
  from auth.users as u
  where u.tenant_id = epo.current_tenant_id()
    and u.id = reset_password.user_id
    and i.tenant_id = u.tenant_id
    and i.user_id = u.id
    and i.provider = 'local'
  returning u.name into v_name;
  if v_name is null then
    perform epo.raise_not_found();
  end if;
  perform auth.revoke_sessions(epo.current_tenant_id(), reset_password.user_id, null);
  return v_name;
end
$$;
comment on function auth.reset_password(uuid, text) is
  'Gives another user of the tenant another password, for an administrator, and ends every sign-in of theirs.';

create function auth.own_identity()
returns table (tenant_slug text, user_name text, password_hash text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform auth.require_actor('admin', 'operator', 'auditor');
  return query
  select t.slug, u.name, i.password_hash
  from auth.users as u
  join epo.tenants as t on t.tenant_id = u.tenant_id
  join auth.identities as i on i.tenant_id = u.tenant_id and i.user_id = u.id and i.provider = 'local'
  where u.tenant_id = epo.current_tenant_id()
    and u.id = epo.current_user_id();
end
$$;
comment on function auth.own_identity() is 'What the gateway compares the present password of the person of the claims with.';

create function auth.change_password(old_hash text, new_hash text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform auth.require_actor('admin', 'operator', 'auditor');
  -- The gateway has compared with old_hash; another change may have come between.
  update auth.identities as i
  set password_hash = change_password.new_hash, updated_at = now()
  where i.tenant_id = epo.current_tenant_id()
    and i.user_id = epo.current_user_id()
    and i.provider = 'local'
    and i.password_hash = change_password.old_hash;
  if not found then
    perform epo.raise('conflict', 409, 'the password was changed meanwhile');
  end if;
  perform auth.revoke_sessions(epo.current_tenant_id(), epo.current_user_id(), (epo.claims() ->> 'sid')::uuid);
end
$$;
comment on function auth.change_password(text, text) is
  'Gives the person of the claims another password and ends every other sign-in of theirs.';

create function auth.record_wrong_password(client text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform auth.require_actor('admin', 'operator', 'auditor');
  perform auth.record_event(
    epo.current_tenant_id(), epo.current_actor(), 'password_change_refused',
    'auth.users', jsonb_build_object('id', epo.current_user_id()),
    jsonb_build_object('reason', 'wrong_password', 'client', left(record_wrong_password.client, 128)));
end
$$;
comment on function auth.record_wrong_password(text) is 'Records that the present password was wrong when the person of the claims wanted another.';

create function auth.record_event(
  tenant_id uuid, actor text, action text, table_name text, row_key jsonb, after jsonb)
returns void
language sql
begin atomic
  insert into audit.audit_log (tenant_id, actor, request_id, action, table_name, row_key, after)
  values (record_event.tenant_id, record_event.actor, nullif(current_setting('request.id', true), ''), record_event.action,
    record_event.table_name, record_event.row_key, record_event.after);
end;
comment on function auth.record_event(uuid, text, text, text, jsonb, jsonb) is 'Records what happened and is no change of a row, or more than that.';

grant execute on function
  auth.add_user(text, text, text, text[]), auth.reset_password(uuid, text), auth.own_identity(),
  auth.change_password(text, text), auth.record_wrong_password(text)
  to epo_gateway;

reset role;
