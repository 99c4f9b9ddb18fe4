-- A small schema with the roles and the frame of the real one, for tests of what carries it.
do $$
declare
  v_role text;
begin
  foreach v_role in array array['app_user', 'app_admin', 'app_agent'] loop
    begin
      execute format('create role %I nologin noinherit', v_role);
    exception when duplicate_object or unique_violation then null;
    end;
  end loop;
  foreach v_role in array array['epo_rest_user', 'epo_rest_admin', 'epo_rest_agent', 'epo_gateway', 'epo_migrator'] loop
    begin
      execute format('create role %I login noinherit', v_role);
    exception when duplicate_object or unique_violation then null;
    end;
  end loop;
  grant app_user to epo_rest_user with inherit false, set true;
  grant app_admin to epo_rest_admin with inherit false, set true;
  grant app_agent to epo_rest_agent with inherit false, set true;
end
$$;
