set local role epo_owner;

create table epo.tenants (
  tenant_id uuid not null default epo.new_id(),
  slug text not null,
  name text not null,
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  constraint tenants_pkey primary key (tenant_id),
  constraint tenants_slug_key unique (slug),
  constraint tenants_slug_check check (epo.is_slug(slug)),
  constraint tenants_name_check check (epo.is_name(name))
);
comment on table epo.tenants is 'Isolation boundary: every other row belongs to one of these.';
comment on column epo.tenants.tenant_id is 'Identifier of the tenant.';
comment on column epo.tenants.slug is 'Name in commands and at sign-in; the one name that is unique across tenants.';
comment on column epo.tenants.name is 'Name for people.';
comment on column epo.tenants.disabled_at is 'Since when nobody of the tenant may do anything.';
comment on column epo.tenants.created_at is 'When the tenant was made.';
select epo.guard_table('epo.tenants', 'app_user, app_admin');

create table epo.tenant_policies (
  tenant_id uuid not null,
  lease_seconds integer not null default 30,
  queue_ttl_seconds integer not null default 86400,
  constraint tenant_policies_pkey primary key (tenant_id),
  constraint tenant_policies_tenant_id_fkey foreign key (tenant_id) references epo.tenants (tenant_id),
  constraint tenant_policies_lease_seconds_check check (lease_seconds between 1 and 3600),
  constraint tenant_policies_queue_ttl_seconds_check check (queue_ttl_seconds between 1 and 31536000)
);
comment on table epo.tenant_policies is 'What a tenant decided about its runs.';
comment on column epo.tenant_policies.tenant_id is 'Tenant of the row.';
comment on column epo.tenant_policies.lease_seconds is 'How long a claim holds without a renewal.';
comment on column epo.tenant_policies.queue_ttl_seconds is 'How long a run target may wait for an agent before it expires.';
select epo.guard_table('epo.tenant_policies', 'app_user, app_admin');

create table auth.users (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  name text not null,
  display_name text not null,
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  last_sign_in_at timestamptz,
  constraint users_pkey primary key (tenant_id, id),
  constraint users_tenant_id_fkey foreign key (tenant_id) references epo.tenants (tenant_id),
  constraint users_name_key unique (tenant_id, name),
  constraint users_name_check check (name ~ '^[a-z0-9][a-z0-9._@+-]{0,127}$'),
  constraint users_display_name_check check (epo.is_name(display_name))
);
comment on table auth.users is 'People of a tenant.';
comment on column auth.users.tenant_id is 'Tenant of the row.';
comment on column auth.users.id is 'Identifier of the user.';
comment on column auth.users.name is 'Sign-in name, lower case, unique in the tenant.';
comment on column auth.users.display_name is 'Name for people.';
comment on column auth.users.disabled_at is 'Since when the user may do nothing.';
comment on column auth.users.created_at is 'When the user was made.';
comment on column auth.users.last_sign_in_at is 'When the user last proved who they are.';
select epo.guard_table('auth.users', 'app_user, app_admin');

create table auth.identities (
  tenant_id uuid not null,
  user_id uuid not null,
  provider text not null,
  subject text not null,
  password_hash text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint identities_pkey primary key (tenant_id, user_id, provider),
  constraint identities_user_id_fkey foreign key (tenant_id, user_id) references auth.users (tenant_id, id),
  constraint identities_subject_key unique (tenant_id, provider, subject),
  constraint identities_provider_check check (provider in ('local')),
  constraint identities_password_hash_check check ((provider = 'local') = (password_hash is not null))
);
comment on table auth.identities is 'How a user proves who they are.';
comment on column auth.identities.tenant_id is 'Tenant of the row.';
comment on column auth.identities.user_id is 'User it belongs to.';
comment on column auth.identities.provider is 'Who checks the proof.';
comment on column auth.identities.subject is 'Immutable name of the user at the provider.';
comment on column auth.identities.password_hash is 'Argon2id hash in PHC form, for local identities.';
comment on column auth.identities.created_at is 'When the identity was made.';
comment on column auth.identities.updated_at is 'When its proof last changed.';
select epo.guard_table('auth.identities', '');

create table auth.user_roles (
  tenant_id uuid not null,
  user_id uuid not null,
  role_name text not null,
  created_at timestamptz not null default now(),
  constraint user_roles_pkey primary key (tenant_id, user_id, role_name),
  constraint user_roles_user_id_fkey foreign key (tenant_id, user_id) references auth.users (tenant_id, id),
  constraint user_roles_role_name_check check (role_name in ('admin', 'operator', 'auditor'))
);
comment on table auth.user_roles is 'What a user may do in the tenant.';
comment on column auth.user_roles.tenant_id is 'Tenant of the row.';
comment on column auth.user_roles.user_id is 'User who has the role.';
comment on column auth.user_roles.role_name is 'admin, operator or auditor.';
comment on column auth.user_roles.created_at is 'Since when.';
select epo.guard_table('auth.user_roles', 'app_user, app_admin');

create table auth.refresh_tokens (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  user_id uuid not null,
  family_id uuid not null,
  parent_id uuid,
  token_hash bytea not null,
  client text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  revoked_at timestamptz,
  constraint refresh_tokens_pkey primary key (tenant_id, id),
  constraint refresh_tokens_user_id_fkey foreign key (tenant_id, user_id) references auth.users (tenant_id, id),
  constraint refresh_tokens_token_hash_key unique (tenant_id, token_hash),
  constraint refresh_tokens_token_hash_check check (octet_length(token_hash) = 32)
);
create index refresh_tokens_token_hash_idx on auth.refresh_tokens (token_hash);
create index refresh_tokens_family_id_idx on auth.refresh_tokens (tenant_id, family_id);
create index refresh_tokens_expires_at_idx on auth.refresh_tokens (expires_at);
comment on table auth.refresh_tokens is 'Single-use rights to a new access token, hashed; those that follow from one sign-in are a family.';
comment on column auth.refresh_tokens.tenant_id is 'Tenant of the row.';
comment on column auth.refresh_tokens.id is 'Identifier of the token.';
comment on column auth.refresh_tokens.user_id is 'User it was given to.';
comment on column auth.refresh_tokens.family_id is 'Sign-in the token follows from; sid of the access tokens.';
comment on column auth.refresh_tokens.parent_id is 'Token that was used for this one.';
comment on column auth.refresh_tokens.token_hash is 'SHA-256 of the token.';
comment on column auth.refresh_tokens.client is 'Client the family belongs to.';
comment on column auth.refresh_tokens.created_at is 'When it was given.';
comment on column auth.refresh_tokens.expires_at is 'Until when it may be used.';
comment on column auth.refresh_tokens.used_at is 'When it was used.';
comment on column auth.refresh_tokens.revoked_at is 'When its family was revoked.';
select epo.guard_table('auth.refresh_tokens', '');

-- One row can exist, whatever code says: the primary key is the tenant and the
-- tenant must be the platform.
create table auth.bootstraps (
  tenant_id uuid not null default epo.platform_tenant_id(),
  first_tenant_id uuid not null,
  first_user_id uuid not null,
  created_at timestamptz not null default now(),
  constraint bootstraps_pkey primary key (tenant_id),
  constraint bootstraps_tenant_id_check check (tenant_id = epo.platform_tenant_id())
);
comment on table auth.bootstraps is 'That the first tenant and administrator were made; its keys allow one row.';
comment on column auth.bootstraps.tenant_id is 'Always the platform tenant.';
comment on column auth.bootstraps.first_tenant_id is 'Tenant that was made.';
comment on column auth.bootstraps.first_user_id is 'Administrator that was made.';
comment on column auth.bootstraps.created_at is 'When.';
select epo.guard_table('auth.bootstraps', '');

reset role;
