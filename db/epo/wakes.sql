set local role epo_owner;

create function epo.wake(variadic topics text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wakes text := coalesce(current_setting('epo.wakes', true), '');
  v_topic text;
begin
  foreach v_topic in array wake.topics loop
    if strpos(',' || v_wakes || ',', ',' || v_topic || ',') = 0 then
      v_wakes := v_wakes || case when v_wakes = '' then '' else ',' end || v_topic;
    end if;
  end loop;
  perform set_config('epo.wakes', v_wakes, true);
end
$$;
comment on function epo.wake(text[]) is
  'Says whom to wake after the commit: agents:<tenant>, run:<run> or tenant:<tenant>#<kind>. The server reads the setting epo.wakes; no NOTIFY here, which would serialise commits.';

create function epo.wake_agents() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform epo.wake('agents:' || epo.current_tenant_id());
end
$$;
comment on function epo.wake_agents() is 'Wakes the agents of the tenant: there may be work, or less of it.';

create function epo.wake_tenant(kind text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The system acts for all tenants and says itself for which.
  if epo.current_tenant_id() is not null then
    perform epo.wake('tenant:' || epo.current_tenant_id() || '#' || wake_tenant.kind);
  end if;
end
$$;
comment on function epo.wake_tenant(text) is
  'Wakes whoever looks at a list of the tenant: run, agent, script, inspection, target, pool or user. For changes of state, never for a line of log or a heartbeat.';

create function epo.wake_runs(run_ids uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(wake_runs.run_ids) > 0 then
    perform epo.wake(variadic array(select distinct 'run:' || u.id from unnest(wake_runs.run_ids) as u (id)));
    perform epo.wake_tenant('run');
  end if;
end
$$;
comment on function epo.wake_runs(uuid[]) is 'Wakes whoever follows these runs, or looks at lists of them: their state has changed.';

grant execute on function epo.wake(text[]), epo.wake_agents(), epo.wake_tenant(text), epo.wake_runs(uuid[])
  to epo_definer, epo_system;

reset role;
