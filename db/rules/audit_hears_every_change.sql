-- Each table has a trigger for each of insert, update and delete: after the
-- statement, with its rows, written for that table. Logs are only inserted.
-- Two tables say nothing worth keeping: heartbeats, and assertions used up.
select c.oid::regclass::text as object, 'does not record ' || e.event as problem
from pg_class as c
cross join (values ('insert', 4), ('update', 16), ('delete', 8)) as e (event, bit)
where c.relnamespace = any ('{epo,auth,api,hook}'::regnamespace[])
  and c.relkind in ('r', 'p')
  and not c.relispartition
  and c.oid <> all (array['epo.agent_status', 'auth.used_assertions']::regclass[])
  and (c.oid <> 'epo.job_run_logs'::regclass or e.event = 'insert')
  and not exists (
    select
    from pg_trigger as t
    join pg_proc as p on p.oid = t.tgfoid
    where t.tgrelid = c.oid
      and t.tgenabled = 'O'
      and t.tgname = 't900_audit_' || e.event
      and p.proname = 'tg_' || c.relname || '__audit_' || e.event
      and p.pronamespace = 'epo'::regnamespace
      -- after (neither before nor instead), statement, this event alone
      and t.tgtype & (1 | 2 | 4 | 8 | 16 | 32 | 64) = e.bit
      and t.tgqual is null
      and (e.event = 'delete') = (t.tgnewtable is null)
      and (e.event = 'insert') = (t.tgoldtable is null))
