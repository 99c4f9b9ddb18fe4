-- CONNECT and TEMPORARY go to PUBLIC by default; a temporary table is the first
-- step of most attacks on functions.
select 'database ' || d.datname as object, 'public has ' || g.privilege_type as problem
from pg_database as d
cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as g
where d.datname = current_database()
  and g.grantee = 0
