-- Definer and system each have one permissive policy of their own for all
-- commands and rows: without it their work finds no rows and says nothing.
select c.oid::regclass::text as object, 'has no policy, or not one, that admits ' || w.role_name as problem
from pg_class as c
cross join unnest(array['epo_definer', 'epo_system']) as w (role_name)
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and c.relkind in ('r', 'p')
  and (
    select array_agg(
      p.polcmd = '*'
      and p.polroles = array[w.role_name::regrole::oid]
      and pg_get_expr(p.polqual, p.polrelid) = 'true'
      and pg_get_expr(p.polwithcheck, p.polrelid) = 'true')
    from pg_policy as p
    where p.polrelid = c.oid
      and p.polpermissive
      and w.role_name::regrole::oid = any (p.polroles)
  ) is distinct from '{t}'::boolean[]
