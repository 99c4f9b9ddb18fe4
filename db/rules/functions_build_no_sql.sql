-- No text of a caller becomes SQL, and nobody sets claims from inside: the
-- functions that others call have no dynamic SQL and no set_config, and speak
-- languages that cannot leave the database.
select p.oid::regprocedure::text as object, 'uses dynamic SQL, set_config, or another language' as problem
from pg_proc as p
join pg_language as l on l.oid = p.prolang
where p.pronamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
  and (
    l.lanname not in ('sql', 'plpgsql')
    or p.proleakproof
    or (p.prosrc ~* '\mset_config\M' and p.oid <> all (array['epo.wake(text[])', 'epo.act_as(text)']::regprocedure[]))
    or (p.prosrc ~* '\mexecute\M' and p.oid <> all (array[
      'epo.guard_table(regclass,text)', 'epo.audit_table(regclass,text)', 'epo.add_partition(regclass,text,text,text)',
      'epo.drop_log_partitions(integer)', 'audit.refuse_changes(regclass)']::regprocedure[])))
