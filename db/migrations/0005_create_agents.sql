set local role epo_owner;

create table epo.pools (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  name text not null,
  description text,
  created_by uuid,
  created_at timestamptz not null default now(),
  constraint pools_pkey primary key (tenant_id, id),
  constraint pools_tenant_id_fkey foreign key (tenant_id) references epo.tenants (tenant_id),
  constraint pools_created_by_fkey foreign key (tenant_id, created_by) references auth.users (tenant_id, id),
  constraint pools_name_key unique (tenant_id, name),
  constraint pools_name_check check (epo.is_name(name)),
  constraint pools_description_check check (char_length(description) <= 4096)
);
comment on table epo.pools is 'Named sets of agents; targets belong to one.';
comment on column epo.pools.tenant_id is 'Tenant of the row.';
comment on column epo.pools.id is 'Identifier of the pool.';
comment on column epo.pools.name is 'Name, unique in the tenant.';
comment on column epo.pools.description is 'What the pool is for.';
comment on column epo.pools.created_by is 'User who made it.';
comment on column epo.pools.created_at is 'When it was made.';
select epo.guard_table('epo.pools', 'app_user, app_admin');

create table epo.agents (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  name text not null,
  pool_id uuid not null,
  state text not null default 'active',
  created_at timestamptz not null default now(),
  constraint agents_pkey primary key (tenant_id, id),
  constraint agents_pool_id_fkey foreign key (tenant_id, pool_id) references epo.pools (tenant_id, id),
  constraint agents_name_check check (epo.is_name(name)),
  constraint agents_state_check check (state in ('active', 'revoked'))
);
create unique index agents_name_key on epo.agents (tenant_id, name) where state = 'active';
create index agents_id_idx on epo.agents (id);
comment on table epo.agents is 'Processes that execute, each on one host, in one pool.';
comment on column epo.agents.tenant_id is 'Tenant of the row.';
comment on column epo.agents.id is 'Identifier of the agent.';
comment on column epo.agents.name is 'Name, unique among the active agents of the tenant.';
comment on column epo.agents.pool_id is 'Pool whose work it claims.';
comment on column epo.agents.state is 'active or revoked.';
comment on column epo.agents.created_at is 'When it was enrolled.';
select epo.guard_table('epo.agents', 'app_user, app_admin');

create table epo.agent_status (
  tenant_id uuid not null,
  agent_id uuid not null,
  version text,
  hostname text,
  os text,
  arch text,
  isolation text,
  engine_version text,
  warm integer,
  capacity integer,
  last_seen_at timestamptz not null default now(),
  constraint agent_status_pkey primary key (tenant_id, agent_id),
  constraint agent_status_agent_id_fkey foreign key (tenant_id, agent_id) references epo.agents (tenant_id, id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
comment on table epo.agent_status is 'What each agent last said of itself; heartbeats write it, so it is kept apart and not audited.';
comment on column epo.agent_status.tenant_id is 'Tenant of the row.';
comment on column epo.agent_status.agent_id is 'Agent that said it.';
comment on column epo.agent_status.version is 'Version of the agent program.';
comment on column epo.agent_status.hostname is 'Name of its host.';
comment on column epo.agent_status.os is 'Operating system of its host.';
comment on column epo.agent_status.arch is 'Processor architecture of its host.';
comment on column epo.agent_status.isolation is 'account where scripts run under an account of their own, else none.';
comment on column epo.agent_status.engine_version is 'Version of its PowerShell; null where it has none.';
comment on column epo.agent_status.warm is 'PowerShell processes waiting for work.';
comment on column epo.agent_status.capacity is 'How many attempts it runs at once.';
comment on column epo.agent_status.last_seen_at is 'When it last renewed.';
select epo.guard_table('epo.agent_status', 'app_user, app_admin');

create table epo.agent_keys (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  agent_id uuid not null,
  purpose text not null,
  algorithm text not null,
  spki bytea not null,
  thumbprint text not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  constraint agent_keys_pkey primary key (tenant_id, id),
  constraint agent_keys_agent_id_fkey foreign key (tenant_id, agent_id) references epo.agents (tenant_id, id),
  constraint agent_keys_purpose_check check (purpose in ('signing', 'encryption')),
  constraint agent_keys_algorithm_check check (
    (purpose, algorithm) in (('signing', 'ES256'), ('encryption', 'RSA-OAEP-256'))),
  constraint agent_keys_spki_check check (octet_length(spki) between 32 and 4096)
);
create unique index agent_keys_agent_id_purpose_key on epo.agent_keys (tenant_id, agent_id, purpose) where revoked_at is null;
comment on table epo.agent_keys is 'Public keys of agents; the private halves never leave their host.';
comment on column epo.agent_keys.tenant_id is 'Tenant of the row.';
comment on column epo.agent_keys.id is 'Identifier of the key.';
comment on column epo.agent_keys.agent_id is 'Agent that holds the private half.';
comment on column epo.agent_keys.purpose is 'signing or encryption.';
comment on column epo.agent_keys.algorithm is 'Algorithm the key is for.';
comment on column epo.agent_keys.spki is 'Public key, DER of SubjectPublicKeyInfo.';
comment on column epo.agent_keys.thumbprint is 'SHA-256 of the key in hex.';
comment on column epo.agent_keys.created_at is 'When the agent gave it.';
comment on column epo.agent_keys.revoked_at is 'Since when it counts no more.';
select epo.guard_table('epo.agent_keys', '');

create table auth.enrollment_tokens (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  pool_id uuid not null,
  token_hash bytea not null,
  created_by uuid,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  agent_id uuid,
  constraint enrollment_tokens_pkey primary key (tenant_id, id),
  constraint enrollment_tokens_pool_id_fkey foreign key (tenant_id, pool_id) references epo.pools (tenant_id, id),
  constraint enrollment_tokens_created_by_fkey foreign key (tenant_id, created_by) references auth.users (tenant_id, id),
  constraint enrollment_tokens_agent_id_fkey foreign key (tenant_id, agent_id) references epo.agents (tenant_id, id),
  constraint enrollment_tokens_token_hash_key unique (tenant_id, token_hash),
  constraint enrollment_tokens_token_hash_check check (octet_length(token_hash) = 32),
  constraint enrollment_tokens_expires_at_check check (expires_at <= created_at + interval '1 hour'),
  constraint enrollment_tokens_used_at_check check ((used_at is null) = (agent_id is null))
);
create index enrollment_tokens_token_hash_idx on auth.enrollment_tokens (token_hash);
comment on table auth.enrollment_tokens is 'Single-use, expiring rights to register one agent in one pool.';
comment on column auth.enrollment_tokens.tenant_id is 'Tenant of the row.';
comment on column auth.enrollment_tokens.id is 'Identifier of the token.';
comment on column auth.enrollment_tokens.pool_id is 'Pool the agent will be in.';
comment on column auth.enrollment_tokens.token_hash is 'SHA-256 of the token.';
comment on column auth.enrollment_tokens.created_by is 'Administrator who made it.';
comment on column auth.enrollment_tokens.created_at is 'When it was made.';
comment on column auth.enrollment_tokens.expires_at is 'Until when it may be used.';
comment on column auth.enrollment_tokens.used_at is 'When it was used.';
comment on column auth.enrollment_tokens.agent_id is 'Agent it registered.';
select epo.guard_table('auth.enrollment_tokens', 'app_user, app_admin');

create table auth.used_assertions (
  tenant_id uuid not null,
  agent_id uuid not null,
  jti text not null,
  expires_at timestamptz not null,
  constraint used_assertions_pkey primary key (tenant_id, agent_id, jti),
  constraint used_assertions_agent_id_fkey foreign key (tenant_id, agent_id) references epo.agents (tenant_id, id),
  constraint used_assertions_jti_check check (char_length(jti) between 1 and 128)
);
create index used_assertions_expires_at_idx on auth.used_assertions (expires_at);
comment on table auth.used_assertions is 'Assertions that bought an access token, kept until they expire so that none does twice.';
comment on column auth.used_assertions.tenant_id is 'Tenant of the row.';
comment on column auth.used_assertions.agent_id is 'Agent that signed it.';
comment on column auth.used_assertions.jti is 'Identifier of the assertion.';
comment on column auth.used_assertions.expires_at is 'When it expires and the row can go.';
select epo.guard_table('auth.used_assertions', '');

reset role;
