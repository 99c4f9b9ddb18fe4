set local role epo_owner;

create view api.pools with (security_invoker = true) as
select p.id, p.name, p.description, p.created_at
from epo.pools as p;
comment on view api.pools is 'Named sets of agents; targets belong to one.';

grant select on api.pools to app_user, app_admin;

reset role;
set local role epo_definer;

create function api.create_pool(name text, description text default null) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
begin
  perform epo.require_role('admin', 'operator');
  perform epo.require_name(create_pool.name);
  insert into epo.pools (tenant_id, name, description, created_by)
  values (epo.current_tenant_id(), create_pool.name, create_pool.description, epo.current_user_id())
  on conflict do nothing
  returning id into v_id;
  if v_id is null then
    perform epo.raise('conflict', 409, 'the name is taken');
  end if;
  perform epo.wake_tenant('pool');
  return jsonb_build_object('id', v_id, 'name', create_pool.name);
end
$$;
comment on function api.create_pool(text, text) is 'Makes a pool.';
grant execute on function api.create_pool(text, text) to app_user, app_admin;

reset role;
