-- The statements of EPO are short. Compiling them, which a server with LLVM does
-- once a plan looks expensive, costs more than all of their work.
do $$
declare
  v_role text;
begin
  foreach v_role in array array[
    'epo_rest_user', 'epo_rest_admin', 'epo_rest_agent', 'epo_gateway', 'epo_migrator'
  ] loop
    if not exists (
      select
      from pg_catalog.pg_db_role_setting as s
      where s.setrole = v_role::regrole
        and s.setdatabase = 0
        and 'jit=off' = any (s.setconfig)
    ) then
      execute format('alter role %I set jit = off', v_role);
    end if;
  end loop;
end
$$;
