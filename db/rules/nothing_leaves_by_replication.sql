-- Replication takes rows past row-level security.
select 'publication ' || p.pubname as object, 'publishes tables' as problem
from pg_publication as p
