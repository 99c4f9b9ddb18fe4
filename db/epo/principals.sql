set local role epo_owner;

create function epo.current_user_id() returns uuid
language sql stable
return case when epo.claims() ->> 'role' in ('app_user', 'app_admin') then (epo.claims() ->> 'sub')::uuid end;
comment on function epo.current_user_id() is 'The user of the verified claims; null for agents and the platform.';

create function epo.current_agent_id() returns uuid
language sql stable
return case when epo.claims() ->> 'role' = 'app_agent' then (epo.claims() ->> 'agent_id')::uuid end;
comment on function epo.current_agent_id() is 'The agent of the verified claims; null for people and the platform.';

create function epo.current_actor() returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims jsonb := epo.claims();
begin
  if v_claims ->> 'role' = 'app_agent' then
    return 'agent:' || (v_claims ->> 'agent_id');
  elsif v_claims ->> 'sub' is not null then
    return 'user:' || (v_claims ->> 'sub');
  end if;
  return coalesce(nullif(current_setting('epo.actor', true), ''), 'platform:' || session_user);
end
$$;
comment on function epo.current_actor() is
  'Who acts, for the audit: from verified claims; where there are none, the part of the system that said so in epo.actor, else the login.';

create function epo.act_as(actor text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('epo.actor', act_as.actor, true);
end
$$;
comment on function epo.act_as(text) is
  'Names the part of the system that acts in this transaction, where there are no claims.';

create function epo.require_role(variadic role_names text[]) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if (epo.claims() -> 'app_roles' ?| require_role.role_names) is not true then
    perform epo.raise('forbidden', 403, 'your roles do not allow this', null,
      'needed: ' || array_to_string(require_role.role_names, ' or '));
  end if;
end
$$;
comment on function epo.require_role(text[]) is 'Refuses whoever has none of the roles.';

-- A token lives for minutes; what it says of a person is looked up again here, for
-- requests and for the gateway alike.
create function epo.require_person() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims jsonb := epo.claims();
  v_roles text[];
begin
  select array(
    select r.role_name
    from auth.user_roles as r
    where r.tenant_id = u.tenant_id and r.user_id = u.id)
  into v_roles
  from auth.users as u
  join epo.tenants as t on t.tenant_id = u.tenant_id
  where u.tenant_id = epo.current_tenant_id()
    and u.id = (v_claims ->> 'sub')::uuid
    and u.disabled_at is null
    and t.disabled_at is null;
  if not found then
    perform epo.raise('principal_disabled', 401, 'the user may not act any more');
  elsif (
    jsonb_typeof(v_claims -> 'app_roles') = 'array'
    and jsonb_array_length(v_claims -> 'app_roles') > 0
    and to_jsonb(v_roles) @> (v_claims -> 'app_roles')
    and (v_claims -> 'app_roles' ? 'admin') = (v_claims ->> 'role' = 'app_admin')
  ) is not true then
    perform epo.raise('principal_disabled', 401, 'sign in again', 'the roles of the user have changed');
  end if;
end
$$;
comment on function epo.require_person() is
  'Refuses claims of a person that the tables do not bear out any more: 401 principal_disabled.';

grant execute on function epo.current_user_id(), epo.current_agent_id(), epo.current_actor(), epo.act_as(text),
  epo.require_role(text[]), epo.require_person()
  to epo_definer, epo_system;

reset role;
set local role epo_definer;

-- Runs before each request of the facade, or of a stock PostgREST. A token
-- lives for minutes; what it says is looked up again here, so that a disabled
-- user, tenant or agent, or a role taken away, ends at once.
create or replace function hook.pre_request() returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims jsonb := epo.claims();
begin
  if v_claims ->> 'role' is distinct from current_setting('role') then
    perform epo.raise('principal_disabled', 401, 'sign in again', 'the token is not for this role');
  elsif v_claims ->> 'role' = 'app_agent' then
    if not exists (
      select
      from epo.agents as a
      join epo.tenants as t on t.tenant_id = a.tenant_id
      where a.tenant_id = epo.current_tenant_id()
        and a.id = (v_claims ->> 'agent_id')::uuid
        and a.state = 'active'
        and t.disabled_at is null
    ) then
      perform epo.raise('principal_disabled', 401, 'the agent may not act any more');
    end if;
    return;
  end if;
  perform epo.require_person();
end
$$;
comment on function hook.pre_request() is
  'Looks subject, tenant and roles of the claims up again before a request; 401 principal_disabled when they do not hold.';
grant execute on function hook.pre_request() to app_user, app_admin, app_agent;

create function epo.pre_request() returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select hook.pre_request();
end;
comment on function epo.pre_request() is 'hook.pre_request() under the name that logins with usage of this schema prepare.';
grant execute on function epo.pre_request() to app_user, app_admin, app_agent;

reset role;
