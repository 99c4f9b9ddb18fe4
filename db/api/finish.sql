-- Last of the rebuild. A column of a view that is a column of a table below it
-- is commented there; only what the view makes of several has a comment of its own.
set local role epo_owner;

do $$
declare
  v_column record;
begin
  for v_column in
    select distinct on (v.oid, a.attnum)
      v.relname, a.attname, col_description(t.oid, ta.attnum) as comment
    from pg_catalog.pg_class as v
    join pg_catalog.pg_attribute as a on a.attrelid = v.oid and a.attnum > 0
    join pg_catalog.pg_rewrite as w on w.ev_class = v.oid
    join pg_catalog.pg_depend as d
      on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
    join pg_catalog.pg_class as t on t.oid = d.refobjid and t.oid <> v.oid
    join pg_catalog.pg_attribute as ta on ta.attrelid = t.oid and ta.attnum = d.refobjsubid and ta.attname = a.attname
    where v.relnamespace = 'api'::regnamespace
      and v.relkind = 'v'
      and col_description(v.oid, a.attnum) is null
      and col_description(t.oid, ta.attnum) is not null
    order by v.oid, a.attnum, (t.relname = v.relname) desc, t.relname
  loop
    execute format('comment on column api.%I.%I is %L', v_column.relname, v_column.attname, v_column.comment);
  end loop;
end
$$;

revoke create on schema api from epo_definer;
revoke create on schema epo from epo_definer, epo_system;
revoke create on schema auth from epo_system;
revoke create on schema hook from epo_definer;

reset role;

-- A database can be used as soon as it is built; the loop of the server goes on from here.
select epo.maintain_partitions();
