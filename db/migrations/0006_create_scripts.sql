set local role epo_owner;

create table epo.scripts (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  name text not null,
  description text,
  created_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint scripts_pkey primary key (tenant_id, id),
  constraint scripts_tenant_id_fkey foreign key (tenant_id) references epo.tenants (tenant_id),
  constraint scripts_created_by_fkey foreign key (tenant_id, created_by) references auth.users (tenant_id, id),
  constraint scripts_name_key unique (tenant_id, name),
  constraint scripts_name_check check (epo.is_name(name)),
  constraint scripts_description_check check (char_length(description) <= 4096)
);
comment on table epo.scripts is 'Named scripts; what they contain is in their versions.';
comment on column epo.scripts.tenant_id is 'Tenant of the row.';
comment on column epo.scripts.id is 'Identifier of the script.';
comment on column epo.scripts.name is 'Name, unique in the tenant.';
comment on column epo.scripts.description is 'What the script is for.';
comment on column epo.scripts.created_by is 'User who made it.';
comment on column epo.scripts.created_at is 'When it was made.';
comment on column epo.scripts.updated_at is 'When its last version or its description came.';
select epo.guard_table('epo.scripts', 'app_user, app_admin');

create table epo.script_versions (
  tenant_id uuid not null,
  id uuid not null default epo.new_id(),
  script_id uuid not null,
  version integer not null,
  sha256 bytea not null generated always as (sha256(content)) stored,
  size_bytes integer not null generated always as (octet_length(content)) stored,
  content bytea not null,
  notes text,
  created_by uuid,
  created_at timestamptz not null default now(),
  constraint script_versions_pkey primary key (tenant_id, id),
  constraint script_versions_script_id_fkey foreign key (tenant_id, script_id) references epo.scripts (tenant_id, id),
  constraint script_versions_created_by_fkey foreign key (tenant_id, created_by) references auth.users (tenant_id, id),
  constraint script_versions_version_key unique (tenant_id, script_id, version),
  constraint script_versions_version_check check (version > 0),
  constraint script_versions_content_check check (octet_length(content) between 1 and 5242880),
  constraint script_versions_notes_check check (char_length(notes) <= 4096)
);
comment on table epo.script_versions is 'Immutable contents of scripts: the exact bytes and their digest.';
comment on column epo.script_versions.tenant_id is 'Tenant of the row.';
comment on column epo.script_versions.id is 'Identifier of the version.';
comment on column epo.script_versions.script_id is 'Script it belongs to.';
comment on column epo.script_versions.version is 'Number within the script, from 1, without gap.';
comment on column epo.script_versions.sha256 is 'Digest of the exact bytes; the database computes it, nobody can give another.';
comment on column epo.script_versions.size_bytes is 'Number of bytes.';
comment on column epo.script_versions.content is 'The exact bytes, no newline rewritten.';
comment on column epo.script_versions.notes is 'What changed, in the words of the author.';
comment on column epo.script_versions.created_by is 'User who pushed it.';
comment on column epo.script_versions.created_at is 'When it was pushed.';
select epo.guard_table('epo.script_versions', 'app_user, app_admin');

reset role;
