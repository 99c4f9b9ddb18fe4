set local role epo_system;

create function auth.enroll_agent(
  token_hash bytea, name text, signing_alg text, signing_spki bytea,
  encryption_alg text, encryption_spki bytea, info jsonb)
returns table (agent_id uuid, tenant_id uuid, pool text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_token auth.enrollment_tokens;
  v_agent uuid := epo.new_id();
begin
  perform epo.act_as('platform:gateway');
  select e.* into v_token
  from auth.enrollment_tokens as e
  join epo.tenants as t on t.tenant_id = e.tenant_id
  where e.token_hash = enroll_agent.token_hash
    and e.used_at is null
    and e.expires_at > now()
    and t.disabled_at is null
  for update of e;
  if not found then
    perform epo.raise('enrollment_token_invalid', 401, 'the enrollment token is unknown, used or expired');
  end if;
  perform epo.require_name(enroll_agent.name);

  insert into epo.agents (tenant_id, id, name, pool_id)
  values (v_token.tenant_id, v_agent, enroll_agent.name, v_token.pool_id);
  insert into epo.agent_keys (tenant_id, agent_id, purpose, algorithm, spki, thumbprint)
  select v_token.tenant_id, v_agent, k.purpose, k.algorithm, k.spki, encode(sha256(k.spki), 'hex')
  from (values
    ('signing', enroll_agent.signing_alg, enroll_agent.signing_spki),
    ('encryption', enroll_agent.encryption_alg, enroll_agent.encryption_spki)
  ) as k (purpose, algorithm, spki);
  insert into epo.agent_status (tenant_id, agent_id, hostname, os, arch, version)
  values (v_token.tenant_id, v_agent, left(enroll_agent.info ->> 'hostname', 255), left(enroll_agent.info ->> 'os', 64),
    left(enroll_agent.info ->> 'arch', 64), left(enroll_agent.info ->> 'version', 64));
  update auth.enrollment_tokens as e
  set used_at = now(), agent_id = v_agent
  where e.tenant_id = v_token.tenant_id
    and e.id = v_token.id
    and e.used_at is null;

  return query
  select v_agent, v_token.tenant_id, p.name
  from epo.pools as p
  where p.tenant_id = v_token.tenant_id
    and p.id = v_token.pool_id;
exception
  when unique_violation then
    perform epo.raise('conflict', 409, 'an active agent of this name exists', null,
      'choose another name or revoke the old agent');
  when check_violation then
    perform epo.raise_invalid('the keys cannot be used', 'signing ES256, encryption RSA-OAEP-256');
end
$$;
comment on function auth.enroll_agent(bytea, text, text, bytea, text, bytea, jsonb) is
  'Uses an enrollment token to register one agent with its keys; the gateway has checked the proof of possession.';

create function auth.agent_key(agent_id uuid)
returns table (tenant_id uuid, signing_alg text, spki bytea, state text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select a.tenant_id, k.algorithm, k.spki,
    case when t.disabled_at is not null then 'revoked' else a.state end
  from epo.agents as a
  join epo.tenants as t on t.tenant_id = a.tenant_id
  join epo.agent_keys as k on k.tenant_id = a.tenant_id and k.agent_id = a.id
  where a.id = agent_key.agent_id
    and k.purpose = 'signing'
    -- The keys of a revoked agent are revoked with it: its assertion is still checked, so that it learns why.
    and (k.revoked_at is null or a.state <> 'active')
  order by k.created_at desc
  limit 1;
end
$$;
comment on function auth.agent_key(uuid) is 'Key that checks the assertions of an agent; state is active or revoked.';

create function auth.use_assertion(agent_id uuid, jti text, expires_at timestamptz) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform epo.act_as('platform:gateway');
  insert into auth.used_assertions (tenant_id, agent_id, jti, expires_at)
  select a.tenant_id, a.id, use_assertion.jti, use_assertion.expires_at
  from epo.agents as a
  where a.id = use_assertion.agent_id
  on conflict do nothing;
  return found;
end
$$;
comment on function auth.use_assertion(uuid, text, timestamptz) is 'Marks an assertion as used; false where it was already.';

grant execute on function
  auth.enroll_agent(bytea, text, text, bytea, text, bytea, jsonb),
  auth.agent_key(uuid),
  auth.use_assertion(uuid, text, timestamptz)
  to epo_gateway;

reset role;
