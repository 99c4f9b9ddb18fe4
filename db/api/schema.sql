-- First of the rebuild. Nothing that holds data is touched: api has no tables,
-- and of epo and auth only functions go that no table stands on.
drop schema if exists api cascade;

create schema api authorization epo_owner;

set local role epo_owner;
comment on schema api is 'Enterprise PowerShell Orchestrator: views to read, functions to act.';
grant usage on schema api to app_user, app_admin, app_agent, epo_definer, epo_rest_user, epo_rest_admin, epo_rest_agent;
-- For the length of the rebuild only; finish.sql takes it back.
grant create on schema api to epo_definer;
grant create on schema epo to epo_definer, epo_system;
grant create on schema auth to epo_system;
grant create on schema hook to epo_definer;
reset role;

-- Trigger functions stay, since their triggers hold them, and are replaced.
-- The functions of 0002_create_schemas.sql stay: tables stand on them.
-- They go in one statement, since some call each other.
do $$
declare
  v_functions text;
begin
  select string_agg(p.oid::regprocedure::text, ', ') into v_functions
  from pg_catalog.pg_proc as p
  where p.pronamespace in ('epo'::regnamespace, 'auth'::regnamespace)
    and p.prorettype <> 'trigger'::regtype
    and (p.pronamespace = 'auth'::regnamespace or p.proname not in (
      'new_id', 'first_id', 'claims', 'current_tenant_id', 'user_has_role',
      'platform_tenant_id', 'is_name', 'is_slug', 'guard_table'));
  if v_functions is not null then
    execute 'drop function ' || v_functions;
  end if;
end
$$;
