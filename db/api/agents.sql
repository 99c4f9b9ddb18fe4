set local role epo_owner;

create view api.agents with (security_invoker = true) as
select
  a.id, a.name, a.pool_id, p.name as pool_name, a.state,
  s.version, s.hostname, s.os, s.arch, s.isolation, s.engine_version, s.warm, s.capacity, s.last_seen_at,
  a.state = 'active'
    and s.last_seen_at > now() - make_interval(secs => greatest(10, 2 * t.lease_seconds)) as online,
  a.created_at
from epo.agents as a
join epo.pools as p on p.tenant_id = a.tenant_id and p.id = a.pool_id
join epo.agent_status as s on s.tenant_id = a.tenant_id and s.agent_id = a.id
join epo.tenant_policies as t on t.tenant_id = a.tenant_id;
comment on view api.agents is 'Processes that execute, and what each last said of itself.';
comment on column api.agents.pool_name is 'Name of its pool.';
comment on column api.agents.online is 'Whether it renewed within two lease times.';

create view api.enrollment_tokens with (security_invoker = true) as
select e.id, e.pool_id, p.name as pool_name, e.created_by, e.created_at, e.expires_at, e.used_at, e.agent_id
from auth.enrollment_tokens as e
join epo.pools as p on p.tenant_id = e.tenant_id and p.id = e.pool_id;
comment on view api.enrollment_tokens is 'Rights to register an agent; the tokens themselves are shown once, when made.';
comment on column api.enrollment_tokens.pool_name is 'Name of the pool.';

grant select on api.agents, api.enrollment_tokens to app_user, app_admin;

reset role;
set local role epo_definer;

create function api.create_enrollment_token(pool_id uuid, ttl_seconds integer default 3600) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- Three random UUIDs carry 366 random bits; the digest spreads them.
  v_secret bytea := sha256(
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  v_token text := 'epo_enroll_' || rtrim(translate(encode(v_secret, 'base64'), '+/', '-_'), '=');
  v_id uuid;
  v_expires timestamptz;
begin
  perform epo.require_role('admin');
  if create_enrollment_token.ttl_seconds is null or create_enrollment_token.ttl_seconds not between 1 and 3600 then
    perform epo.raise_invalid('ttl_seconds must be from 1 to 3600');
  end if;
  insert into auth.enrollment_tokens (tenant_id, pool_id, token_hash, created_by, expires_at)
  select p.tenant_id, p.id, sha256(convert_to(v_token, 'UTF8')), epo.current_user_id(),
    now() + make_interval(secs => create_enrollment_token.ttl_seconds)
  from epo.pools as p
  where p.tenant_id = epo.current_tenant_id()
    and p.id = create_enrollment_token.pool_id
  returning id, expires_at into v_id, v_expires;
  if v_id is null then
    perform epo.raise_not_found();
  end if;
  return jsonb_build_object('id', v_id, 'token', v_token, 'expires_at', v_expires);
end
$$;
comment on function api.create_enrollment_token(uuid, integer) is
  'Makes a right to register one agent in a pool; the token is in the answer and nowhere else.';

create function api.revoke_agent(agent_id uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform epo.require_role('admin');
  update epo.agents as a
  set state = 'revoked'
  where a.tenant_id = epo.current_tenant_id()
    and a.id = revoke_agent.agent_id
    and a.state = 'active';
  if not found and not exists (
    select
    from epo.agents as a
    where a.tenant_id = epo.current_tenant_id()
      and a.id = revoke_agent.agent_id
  ) then
    perform epo.raise_not_found();
  end if;
  update epo.agent_keys as k
  set revoked_at = now()
  where k.tenant_id = epo.current_tenant_id()
    and k.agent_id = revoke_agent.agent_id
    and k.revoked_at is null;
  perform epo.wake_agents();
  perform epo.wake_tenant('agent');
  return jsonb_build_object('id', revoke_agent.agent_id, 'state', 'revoked');
end
$$;
comment on function api.revoke_agent(uuid) is
  'Ends an agent: its keys buy no token any more, its leases are not renewed and end by themselves.';

grant execute on function api.create_enrollment_token(uuid, integer), api.revoke_agent(uuid) to app_admin;

reset role;
