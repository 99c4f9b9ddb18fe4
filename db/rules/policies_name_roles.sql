-- A policy to PUBLIC admits, or shuts out, roles that nobody thought of.
select p.polrelid::regclass::text as object, 'policy ' || p.polname || ' is for ' || r.role_name as problem
from pg_policy as p
join pg_class as c on c.oid = p.polrelid
cross join lateral (
  select case when u.oid = 0 then 'public' else u.oid::regrole::text end as role_name
  from unnest(p.polroles) as u (oid)
) as r
where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and r.role_name <> all (array['app_anon', 'app_user', 'app_admin', 'app_agent', 'epo_definer', 'epo_system'])
