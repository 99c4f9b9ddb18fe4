set local role epo_system;

create function auth.roles_of(tenant_id uuid, user_id uuid) returns text[]
language sql stable
return array(
  select r.role_name
  from auth.user_roles as r
  where r.tenant_id = roles_of.tenant_id
    and r.user_id = roles_of.user_id
  order by r.role_name);
comment on function auth.roles_of(uuid, uuid) is 'Roles of a user.';

create function auth.sign_in_lookup(slug text, user_name text)
returns table (
  tenant_id uuid, tenant_slug text, user_id uuid, name text, display_name text,
  password_hash text, disabled boolean, roles text[])
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select
    t.tenant_id, t.slug, u.id, u.name, u.display_name, i.password_hash,
    u.disabled_at is not null or t.disabled_at is not null,
    auth.roles_of(u.tenant_id, u.id)
  from epo.tenants as t
  join auth.users as u on u.tenant_id = t.tenant_id
  join auth.identities as i on i.tenant_id = u.tenant_id and i.user_id = u.id and i.provider = 'local'
  where u.name = lower(normalize(sign_in_lookup.user_name))
    and case
      when coalesce(sign_in_lookup.slug, '') = '' then (select count(*) from epo.tenants) = 1
      else t.slug = sign_in_lookup.slug
    end;
end
$$;
comment on function auth.sign_in_lookup(text, text) is
  'What the gateway needs to check a password; no row for an unknown user or tenant. Without a slug the only tenant is meant.';

create function auth.record_sign_in(
  tenant_id uuid, user_id uuid, user_name text, ok boolean, reason text, client text, request_id text)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into audit.audit_log (tenant_id, actor, request_id, action, table_name, row_key, after)
  values (
    coalesce(record_sign_in.tenant_id, epo.platform_tenant_id()),
    case when record_sign_in.ok then 'user:' || record_sign_in.user_id else 'platform:gateway' end,
    left(record_sign_in.request_id, 128),
    case when record_sign_in.ok then 'sign_in' else 'sign_in_refused' end,
    'auth.users',
    case when record_sign_in.user_id is not null then jsonb_build_object('id', record_sign_in.user_id) end,
    jsonb_build_object(
      'user_name', left(record_sign_in.user_name, 128),
      'reason', left(record_sign_in.reason, 128),
      'client', left(record_sign_in.client, 128)));
  if record_sign_in.ok then
    update auth.users as u
    set last_sign_in_at = now()
    where u.tenant_id = record_sign_in.tenant_id
      and u.id = record_sign_in.user_id;
  end if;
end
$$;
comment on function auth.record_sign_in(uuid, uuid, text, boolean, text, text, text) is
  'Records a sign-in or a refused one; those to unknown tenants belong to the platform.';

create function auth.create_refresh_token(tenant_id uuid, user_id uuid, token_hash bytea, client text)
returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_family uuid := epo.new_id();
begin
  perform epo.act_as('user:' || create_refresh_token.user_id);
  insert into auth.refresh_tokens (tenant_id, user_id, family_id, token_hash, client, expires_at)
  values (
    create_refresh_token.tenant_id, create_refresh_token.user_id, v_family, create_refresh_token.token_hash,
    left(create_refresh_token.client, 128), now() + interval '14 days');
  return v_family;
end
$$;
comment on function auth.create_refresh_token(uuid, uuid, bytea, text) is
  'Begins a family of refresh tokens after a sign-in; returns the sid.';

create function auth.revoke_family(tenant_id uuid, family_id uuid) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update auth.refresh_tokens as r
  set revoked_at = now()
  where r.tenant_id = revoke_family.tenant_id
    and r.family_id = revoke_family.family_id
    and r.revoked_at is null;
  return found;
end
$$;
comment on function auth.revoke_family(uuid, uuid) is
  'Ends one sign-in: no token of its family counts any more. False where it had ended.';

-- A token is used once. The same client may come back with the direct
-- predecessor for ten seconds, because an answer can be lost on the way; any
-- other second use means that somebody holds a copy, and ends the family.
create function auth.judge_refresh(old_hash bytea, client text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_token auth.refresh_tokens;
begin
  -- The whole family stands still, so that two uses of it are seen in an order.
  select r.* into v_token
  from auth.refresh_tokens as r
  where r.token_hash = judge_refresh.old_hash;
  if not found then
    return 'invalid';
  end if;
  perform
  from auth.refresh_tokens as r
  where r.tenant_id = v_token.tenant_id
    and r.family_id = v_token.family_id
  order by r.id
  for update;
  select r.* into v_token
  from auth.refresh_tokens as r
  where r.tenant_id = v_token.tenant_id
    and r.id = v_token.id;

  if v_token.revoked_at is not null or v_token.expires_at < now() then
    return 'invalid';
  elsif not exists (
    select
    from auth.users as u
    join epo.tenants as t on t.tenant_id = u.tenant_id
    where u.tenant_id = v_token.tenant_id
      and u.id = v_token.user_id
      and u.disabled_at is null
      and t.disabled_at is null
  ) then
    return 'disabled';
  elsif v_token.used_at is null then
    return 'ok';
  elsif v_token.used_at > now() - interval '10 seconds'
    and v_token.client = left(judge_refresh.client, 128)
    and not exists (
      select
      from auth.refresh_tokens as r
      where r.tenant_id = v_token.tenant_id
        and r.parent_id = v_token.id
        and r.used_at is not null)
  then
    return 'ok';
  end if;
  return 'reused';
end
$$;
comment on function auth.judge_refresh(bytea, text) is 'Locks the family of a refresh token and says what the token is worth: ok, reused, invalid or disabled.';

create function auth.rotate_refresh_token(old_hash bytea, new_hash bytea, client text)
returns table (
  outcome text, tenant_id uuid, user_id uuid, name text, display_name text,
  roles text[], tenant_slug text, sid uuid)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_outcome text := auth.judge_refresh(rotate_refresh_token.old_hash, rotate_refresh_token.client);
  v_token auth.refresh_tokens;
begin
  perform epo.act_as('platform:gateway');
  if v_outcome = 'invalid' then
    return query select v_outcome, null::uuid, null::uuid, null, null, null::text[], null, null::uuid;
    return;
  end if;
  select r.* into v_token
  from auth.refresh_tokens as r
  where r.token_hash = rotate_refresh_token.old_hash;
  if v_outcome = 'ok' then
    update auth.refresh_tokens as r
    set used_at = coalesce(r.used_at, now())
    where r.tenant_id = v_token.tenant_id
      and r.id = v_token.id
      and r.used_at is null;
    insert into auth.refresh_tokens (tenant_id, user_id, family_id, parent_id, token_hash, client, expires_at)
    values (v_token.tenant_id, v_token.user_id, v_token.family_id, v_token.id,
      rotate_refresh_token.new_hash, v_token.client, now() + interval '14 days');
  else
    perform auth.revoke_family(v_token.tenant_id, v_token.family_id);
    -- Who came is not known: whoever holds a copy, or the user.
    perform auth.record_event(
      v_token.tenant_id, 'platform:gateway', case v_outcome when 'reused' then 'refresh_reused' else 'refresh_refused' end,
      'auth.refresh_tokens', jsonb_build_object('family_id', v_token.family_id),
      jsonb_build_object(
        'user_id', v_token.user_id, 'reason', v_outcome, 'client', left(rotate_refresh_token.client, 128)));
  end if;
  return query
  select v_outcome, u.tenant_id, u.id, u.name, u.display_name, auth.roles_of(u.tenant_id, u.id), t.slug, v_token.family_id
  from auth.users as u
  join epo.tenants as t on t.tenant_id = u.tenant_id
  where u.tenant_id = v_token.tenant_id
    and u.id = v_token.user_id;
end
$$;
comment on function auth.rotate_refresh_token(bytea, bytea, text) is
  'Uses a refresh token for its successor. The outcome ok, reused, invalid or disabled is returned, not raised, because a revocation has to be committed.';

create function auth.revoke_refresh_token(hash bytea) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_token auth.refresh_tokens;
begin
  select r.* into v_token
  from auth.refresh_tokens as r
  where r.token_hash = revoke_refresh_token.hash;
  if not found then
    return false;
  end if;
  perform epo.act_as('user:' || v_token.user_id);
  if auth.revoke_family(v_token.tenant_id, v_token.family_id) then
    perform auth.record_event(
      v_token.tenant_id, 'user:' || v_token.user_id, 'sign_out',
      'auth.users', jsonb_build_object('id', v_token.user_id),
      jsonb_build_object('family_id', v_token.family_id, 'client', v_token.client));
  end if;
  return true;
end
$$;
comment on function auth.revoke_refresh_token(bytea) is 'Signs out: ends the family of a refresh token. False where there is no such token.';

grant execute on function
  auth.sign_in_lookup(text, text),
  auth.record_sign_in(uuid, uuid, text, boolean, text, text, text),
  auth.create_refresh_token(uuid, uuid, bytea, text),
  auth.rotate_refresh_token(bytea, bytea, text),
  auth.revoke_refresh_token(bytea)
  to epo_gateway;

reset role;
