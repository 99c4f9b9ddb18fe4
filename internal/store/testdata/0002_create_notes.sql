create schema epo;
create schema hook;
create table epo.notes (
  tenant_id uuid not null,
  note text not null,
  constraint notes_note_key unique (tenant_id, note),
  constraint notes_note_check check (note <> '')
);
alter table epo.notes enable row level security;
alter table epo.notes force row level security;
create policy notes_all_tenant on epo.notes
  using (tenant_id = (current_setting('request.jwt.claims', true)::jsonb ->> 'tenant_id')::uuid);
grant select on epo.notes to app_user;
grant usage on schema epo, hook to epo_rest_user, epo_rest_admin, epo_rest_agent, app_user, app_admin, app_agent;
