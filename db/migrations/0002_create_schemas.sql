-- EXECUTE on new functions goes to PUBLIC by default. Only the global form of
-- this statement changes that; the per-schema form has no effect.
alter default privileges for role epo_owner revoke execute on functions from public;
alter default privileges for role audit_owner revoke execute on functions from public;
alter default privileges for role epo_definer revoke execute on functions from public;
alter default privileges for role epo_system revoke execute on functions from public;

create schema epo authorization epo_owner;
create schema auth authorization epo_owner;
create schema hook authorization epo_owner;
create schema audit authorization audit_owner;

set local role epo_owner;

comment on schema epo is 'Private tables and helpers; application roles have no usage.';
comment on schema auth is 'Users, identities, refresh and enrollment tokens, and what the gateway may do with them.';

comment on schema hook is 'What runs before each request, in the role of the request; not exposed.';

grant usage on schema epo to epo_definer, epo_system, epo_migrator;
-- A prepared statement is looked at anew, in the role of the moment, whenever any
-- schema of the database changes: so the hook has a schema that its callers may use.
grant usage on schema hook to app_user, app_admin, app_agent, epo_definer, epo_rest_user, epo_rest_admin, epo_rest_agent;
grant usage on schema auth to epo_definer, epo_system, epo_migrator, epo_gateway;
-- A driver prepares statements before the role of the request is set.
grant usage on schema epo to epo_rest_user, epo_rest_admin, epo_rest_agent;

-- What tables and policies stand on. These functions are part of the tables'
-- history: to change one, replace it in a new migration.

create function epo.new_id() returns uuid
language sql volatile parallel safe
return encode(
  set_bit(
    set_bit(
      overlay(
        uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6),
      52, 1),
    53, 1),
  'hex')::uuid;
comment on function epo.new_id() is
  'A UUIDv7: leads to its time, not monotonic within a millisecond, so never a cursor.';

create function epo.first_id(at timestamptz) returns uuid
language sql immutable parallel safe strict
return (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
comment on function epo.first_id(timestamptz) is
  'The bound below every identifier made at or after a time; partitions by id use it.';

create function epo.claims() returns jsonb
language sql stable parallel safe
return nullif(current_setting('request.jwt.claims', true), '')::jsonb;
comment on function epo.claims() is
  'The verified claims of this transaction; null where there are none. A used connection yields an empty string, not null.';

create function epo.current_tenant_id() returns uuid
language sql stable parallel safe
return (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'tenant_id')::uuid;
comment on function epo.current_tenant_id() is
  'Tenant of the verified claims. Policies call it as (select epo.current_tenant_id()), once per statement.';

create function epo.user_has_role(role_name text) returns boolean
language sql stable parallel safe
return coalesce(
  nullif(current_setting('request.jwt.claims', true), '')::jsonb -> 'app_roles' ? role_name,
  false);
comment on function epo.user_has_role(text) is
  'Whether the verified claims carry a role; epo.pre_request has compared them with auth.user_roles.';

create function epo.platform_tenant_id() returns uuid
language sql immutable parallel safe
return '00000000-0000-0000-0000-000000000000'::uuid;
comment on function epo.platform_tenant_id() is
  'The tenant that platform actions and sign-ins to unknown tenants are recorded for; it has no row.';

create function epo.is_name(name text) returns boolean
language sql immutable parallel safe strict
return char_length(name) between 1 and 128
  and name = btrim(name)
  and name !~ '[[:cntrl:]]'
  and name !~ U&'[\200B-\200F\2028-\202E\2060-\206F\FEFF]'
  and name is normalized;
comment on function epo.is_name(text) is
  'A name people can read and type: 1 to 128 characters, NFC, no control, direction or zero-width characters, no blank ends.';

create function epo.is_slug(name text) returns boolean
language sql immutable parallel safe strict
return name ~ '^[a-z0-9][a-z0-9-]{0,62}$';
comment on function epo.is_slug(text) is 'Lower-case letters, digits and hyphens, as it stands in commands.';

-- One wall for every tenant table and every partition of one: forced row-level
-- security, the restrictive policy of the tenant, and who may pass at all.
create function epo.guard_table(guarded regclass, readers text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := (select relname from pg_class where oid = guarded);
begin
  execute format('alter table %s enable row level security', guarded);
  execute format('alter table %s force row level security', guarded);
  execute format('revoke all on %s from public', guarded);

  execute format(
    'create policy %I on %s as restrictive'
    ' to app_anon, app_user, app_admin, app_agent, epo_definer'
    ' using (tenant_id = (select epo.current_tenant_id()))'
    ' with check (tenant_id = (select epo.current_tenant_id()))',
    v_name || '_all_tenant', guarded);
  execute format('comment on policy %I on %s is %L', v_name || '_all_tenant', guarded,
    'The wall between tenants: whoever comes with claims stays in the tenant of the claims.');

  execute format('create policy %I on %s to epo_definer using (true) with check (true)',
    v_name || '_all_definer', guarded);
  execute format('comment on policy %I on %s is %L', v_name || '_all_definer', guarded,
    'The functions of api may work on the rows of their tenant.');

  execute format('create policy %I on %s to epo_system using (true) with check (true)',
    v_name || '_all_system', guarded);
  execute format('comment on policy %I on %s is %L', v_name || '_all_system', guarded,
    'Reaper, gateway functions and data moves see every tenant.');

  if readers <> '' then
    execute format('create policy %I on %s for select to %s using (true)',
      v_name || '_select_user', guarded, readers);
    execute format('comment on policy %I on %s is %L', v_name || '_select_user', guarded,
      'People read the rows of their tenant through the views of api.');
  end if;
end
$$;
comment on function epo.guard_table(regclass, text) is
  'Puts forced row-level security and its policies on a table; readers is a list of roles, empty for none.';

-- Check constraints, defaults and policies run as whoever writes or reads.
grant execute on function epo.new_id(), epo.first_id(timestamptz), epo.claims(),
  epo.platform_tenant_id(), epo.is_name(text), epo.is_slug(text) to epo_definer, epo_system;
grant execute on function epo.current_tenant_id(), epo.user_has_role(text)
  to app_anon, app_user, app_admin, app_agent, epo_definer, epo_system, audit_owner;
grant execute on function epo.guard_table(regclass, text) to audit_owner;
grant execute on function epo.new_id() to audit_owner;
grant usage on schema epo to audit_owner;

set local role audit_owner;
comment on schema audit is 'What happened: append-only, with an owner of its own.';
grant usage on schema audit to epo_owner, epo_definer, epo_system, epo_migrator;

reset role;
