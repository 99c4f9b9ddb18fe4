set local role epo_owner;

-- Chunks that are stored already keep null here: logs never change, not even by
-- a migration, and to rewrite all of them would take hours where there are many.
-- Whoever reads works it out for them; they go with their partitions.
alter table epo.job_run_logs add column streams text;

do $$
declare
  v_table regclass;
begin
  for v_table in
    select t.relid
    from pg_partition_tree('epo.job_run_logs') as t
  loop
    execute format('comment on column %s.streams is %L', v_table,
      'Stream of each record, a letter each, for filters that need not read the chunk; null in chunks from before there were letters.');
  end loop;
end
$$;

reset role;
