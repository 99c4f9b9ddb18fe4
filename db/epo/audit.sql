set local role epo_owner;

-- Every column of every table stands here once: track records its values,
-- ignore never mentions it (tenants and times are columns of the audit itself),
-- secret says only that it changed. A column that stands nowhere is a broken
-- rule. Heartbeats are not audited, log appends by count and digest. Rows that
-- follow from another one, as the column of the mark chain says, are left out: a
-- session renews its token every few minutes, and its first one stands for it.
create function epo.audit_marks() returns table (table_name text, mark text, columns text[])
language sql immutable
begin atomic
  select m.table_name, m.mark, m.columns::text[]
  from (values
    ('epo.tenants', 'track', '{slug,name,disabled_at}'),
    ('epo.tenants', 'ignore', '{tenant_id,created_at}'),
    ('epo.tenant_policies', 'track', '{lease_seconds,queue_ttl_seconds}'),
    ('epo.tenant_policies', 'ignore', '{tenant_id}'),
    ('auth.users', 'track', '{id,name,display_name,disabled_at}'),
    ('auth.users', 'ignore', '{tenant_id,created_at,last_sign_in_at}'),
    ('auth.identities', 'track', '{user_id,provider,subject}'),
    ('auth.identities', 'secret', '{password_hash}'),
    ('auth.identities', 'ignore', '{tenant_id,created_at,updated_at}'),
    ('auth.user_roles', 'track', '{user_id,role_name}'),
    ('auth.user_roles', 'ignore', '{tenant_id,created_at}'),
    ('auth.refresh_tokens', 'track', '{id,user_id,family_id,client,expires_at,revoked_at}'),
    ('auth.refresh_tokens', 'chain', '{parent_id}'),
    ('auth.refresh_tokens', 'secret', '{token_hash}'),
    ('auth.refresh_tokens', 'ignore', '{tenant_id,created_at,used_at}'),
    ('auth.bootstraps', 'track', '{first_tenant_id,first_user_id}'),
    ('auth.bootstraps', 'ignore', '{tenant_id,created_at}'),
    ('auth.enrollment_tokens', 'track', '{id,pool_id,created_by,expires_at,used_at,agent_id}'),
    ('auth.enrollment_tokens', 'secret', '{token_hash}'),
    ('auth.enrollment_tokens', 'ignore', '{tenant_id,created_at}'),
    ('auth.used_assertions', 'ignore', '{tenant_id,agent_id,jti,expires_at}'),
    ('epo.pools', 'track', '{id,name,description,created_by}'),
    ('epo.pools', 'ignore', '{tenant_id,created_at}'),
    ('epo.agents', 'track', '{id,name,pool_id,state}'),
    ('epo.agents', 'ignore', '{tenant_id,created_at}'),
    ('epo.agent_status', 'ignore',
      '{tenant_id,agent_id,version,hostname,os,arch,isolation,engine_version,warm,capacity,last_seen_at}'),
    ('epo.agent_keys', 'track', '{id,agent_id,purpose,algorithm,thumbprint,revoked_at}'),
    ('epo.agent_keys', 'ignore', '{tenant_id,spki,created_at}'),
    ('epo.scripts', 'track', '{id,name,description,created_by}'),
    ('epo.scripts', 'ignore', '{tenant_id,created_at,updated_at}'),
    ('epo.script_versions', 'track', '{id,script_id,version,sha256,size_bytes,notes,created_by}'),
    ('epo.script_versions', 'ignore', '{tenant_id,content,created_at}'),
    ('epo.targets', 'track', '{id,name,kind,pool_id,agent_id,options,disabled_at,created_by}'),
    ('epo.targets', 'ignore', '{tenant_id,created_at}'),
    ('epo.jobs', 'track',
      '{id,name,script_id,script_version_id,parameters,timeout_seconds,retryable,max_attempts,created_by}'),
    ('epo.jobs', 'ignore', '{tenant_id,created_at}'),
    ('epo.job_targets', 'track', '{job_id,target_id}'),
    ('epo.job_targets', 'ignore', '{tenant_id}'),
    ('epo.job_runs', 'track',
      '{id,job_id,script_version_id,parameters,timeout_seconds,retryable,max_attempts,state,trigger,requested_by,idempotency_key,checked,expires_at,cancel_requested_by,targets_total,targets_succeeded,targets_failed}'),
    ('epo.job_runs', 'ignore',
      '{tenant_id,request_digest,created_at,started_at,finished_at,cancel_requested_at,targets_timed_out,targets_expired}'),
    ('epo.job_run_targets', 'track', '{id,run_id,target_id,state,attempt_id,exit_code,error}'),
    ('epo.job_run_targets', 'ignore', '{tenant_id,lane_id,attempts,starts,ready_at,expires_at,finished_at}'),
    ('epo.attempts', 'track',
      '{id,run_id,run_target_id,number,agent_id,state,isolation,engine_version,exit_code,error}'),
    ('epo.attempts', 'ignore',
      '{tenant_id,fencing_token,next_seq,claimed_at,started_at,finished_at,lease_expires_at}'),
    ('epo.inspections', 'track', '{id,kind,script_version_id,target_id,state,agent_id,ok,error,requested_by}'),
    ('epo.inspections', 'ignore', '{tenant_id,lane_id,attempts,result,requested_at,expires_at,lease_expires_at,finished_at}'),
    ('epo.job_run_logs', 'append',
      '{tenant_id,run_id,attempt_id,run_target_id,first_seq,last_seq,chunk,created_at,streams}')
  ) as m (table_name, mark, columns);
end;
comment on function epo.audit_marks() is 'What the audit records of each column: track, ignore, secret, append or chain.';

create function epo.audit_value(alias text, column_name text, mark text) returns text
language sql immutable
return case
  when mark = 'secret' then format('%L', '"changed"')
  else format('coalesce(to_json(%s.%I)::text, %L)', alias, column_name, 'null')
end;
comment on function epo.audit_value(text, text, text) is 'SQL that gives the JSON text of one column, or only that it changed.';

create function epo.audit_row(alias text, marked regclass, changed_only boolean) returns text
language sql stable
return (
  select '(''{'' || concat_ws('','', ' || string_agg(
    case when changed_only
      then format('case when o.%1$I is distinct from n.%1$I then %2$L || %3$s end',
        c.name, to_json(c.name)::text || ':', epo.audit_value(alias, c.name, m.mark))
      else format('%L || %s', to_json(c.name)::text || ':', epo.audit_value(alias, c.name, m.mark))
    end, ', ' order by a.attnum) || ') || ''}'')::jsonb'
  from epo.audit_marks() as m
  cross join lateral unnest(m.columns) as c (name)
  join pg_catalog.pg_attribute as a on a.attrelid = marked and a.attname = c.name
  where m.table_name::regclass = marked
    and m.mark in ('track', 'secret'));
comment on function epo.audit_row(text, regclass, boolean) is 'SQL that gives the recorded columns of a row, all or the changed ones.';

create function epo.audit_key(alias text, marked regclass) returns text
language sql stable
return (
  select 'jsonb_build_object(' || string_agg(
    format('%L, ', a.attname) || case
      when alias = 'both' then format('coalesce(n.%1$I, o.%1$I)', a.attname)
      else format('%s.%I', alias, a.attname)
    end,
    ', ' order by k.position) || ')'
  from pg_catalog.pg_constraint as c
  cross join lateral unnest(c.conkey) with ordinality as k (attnum, position)
  join pg_catalog.pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.attnum
  where c.conrelid = marked
    and c.contype = 'p'
    and (a.attname <> 'tenant_id' or cardinality(c.conkey) = 1));
comment on function epo.audit_key(text, regclass) is 'SQL that gives the primary key of a row, or of both rows of an update, without its tenant.';

create function epo.audit_join(marked regclass) returns text
language sql stable
return (
  select string_agg(format('o.%1$I = n.%1$I', a.attname), ' and ')
  from pg_catalog.pg_constraint as c
  join pg_catalog.pg_attribute as a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)
  where c.conrelid = marked
    and c.contype = 'p');
comment on function epo.audit_join(regclass) is 'SQL that pairs old and new rows by their primary key.';

create function epo.audit_changed(marked regclass) returns text
language sql stable
return (
  select format('(%s) is distinct from (%s)',
    string_agg(format('o.%I', c.name), ', ' order by a.attnum), string_agg(format('n.%I', c.name), ', ' order by a.attnum))
  from epo.audit_marks() as m
  cross join lateral unnest(m.columns) as c (name)
  join pg_catalog.pg_attribute as a on a.attrelid = marked and a.attname = c.name
  where m.table_name::regclass = marked
    and m.mark in ('track', 'secret'));
comment on function epo.audit_changed(regclass) is 'SQL that tells whether an update changed a recorded column.';

create function epo.audit_filter(marked regclass, variadic aliases text[]) returns text
language sql stable
return coalesce((
  select string_agg(format('%s.%I is null', a.alias, c.name), ' and ' order by a.alias)
  from epo.audit_marks() as m
  cross join lateral unnest(m.columns) as c (name)
  cross join unnest(aliases) as a (alias)
  where m.table_name::regclass = marked
    and m.mark = 'chain'), 'true');
comment on function epo.audit_filter(regclass, text[]) is 'SQL that tells whether a row is recorded: it follows from no other.';

create function epo.audit_query(marked regclass, event text) returns text
language sql stable
return case event
  when 'insert' then format(
    'select n.tenant_id, v_actor, v_request, %L, %L, %s, null, %s from new_rows as n where %s',
    event, marked::text, epo.audit_key('n', marked), epo.audit_row('n', marked, false), epo.audit_filter(marked, 'n'))
  when 'delete' then format(
    'select o.tenant_id, v_actor, v_request, %L, %L, %s, %s, null from old_rows as o where %s',
    event, marked::text, epo.audit_key('o', marked), epo.audit_row('o', marked, false), epo.audit_filter(marked, 'o'))
  -- A row whose key itself was changed has no partner, and is recorded all the same.
  else format(
    'select coalesce(n.tenant_id, o.tenant_id), v_actor, v_request, %L, %L, %s, %s, %s'
    ' from old_rows as o full join new_rows as n on %s where (%s) and %s',
    event, marked::text, epo.audit_key('both', marked), epo.audit_row('o', marked, true), epo.audit_row('n', marked, true),
    epo.audit_join(marked), epo.audit_changed(marked), epo.audit_filter(marked, 'n', 'o'))
end;
comment on function epo.audit_query(regclass, text) is 'SQL that gives the audit rows of one statement.';

-- One trigger function for each table and event, written from the marks, so
-- that no statement pays for columns that it did not change: whole rows as JSON
-- halve the rate of the queue and triple its WAL.
create function epo.audit_table(marked regclass, event text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_function text := format('tg_%s__audit_%s', (select relname from pg_class where oid = marked), event);
  v_trigger text := format('t900_audit_%s', event);
  v_referencing text := case event
    when 'insert' then 'new table as new_rows'
    when 'delete' then 'old table as old_rows'
    else 'old table as old_rows new table as new_rows'
  end;
begin
  -- The number of rows differs from statement to statement, the cached plan does
  -- not: a nested loop planned for one row would be quadratic for a thousand.
  execute format(
    $f$
      create or replace function epo.%I() returns trigger
      language plpgsql
      set search_path = pg_catalog, pg_temp
      set enable_nestloop = off
      as %L
    $f$,
    v_function,
    format(
      $b$
declare
  v_actor text;
  v_request text;
begin
  if not exists (select from %s) then
    return null;
  end if;
  v_actor := epo.current_actor();
  v_request := nullif(current_setting('request.id', true), '');
  insert into audit.audit_log (tenant_id, actor, request_id, action, table_name, row_key, before, after)
  %s;
  return null;
end
$b$,
      case event when 'insert' then 'new_rows' else 'old_rows' end, epo.audit_query(marked, event)));
  execute format('comment on function epo.%I() is %L', v_function,
    format('Records each %s of %s; written by epo.audit_table from epo.audit_marks.', event, marked));
  execute format('create or replace trigger %I after %s on %s referencing %s for each statement execute function epo.%I()',
    v_trigger, event, marked, v_referencing, v_function);
  execute format('comment on trigger %I on %s is %L', v_trigger, marked, format('Records each %s.', event));
end
$$;
comment on function epo.audit_table(regclass, text) is 'Writes the audit trigger of one table and event from the marks.';

create or replace function epo.tg_job_run_logs__audit_insert() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_actor text := epo.current_actor();
  v_request text := nullif(current_setting('request.id', true), '');
begin
  insert into audit.audit_log (tenant_id, actor, request_id, action, table_name, row_key, after)
  select
    n.tenant_id, v_actor, v_request, 'append', 'epo.job_run_logs',
    jsonb_build_object('run_id', n.run_id, 'attempt_id', n.attempt_id),
    jsonb_build_object(
      'first_seq', min(n.first_seq),
      'records', sum(n.last_seq - n.first_seq + 1),
      'sha256', encode(sha256(string_agg(convert_to(n.chunk, 'UTF8'), '' order by n.first_seq)), 'hex'))
  from new_rows as n
  group by n.tenant_id, n.run_id, n.attempt_id;
  return null;
end
$$;
comment on function epo.tg_job_run_logs__audit_insert() is 'Records appended logs by count and digest.';

create or replace trigger t900_audit_insert
  after insert on epo.job_run_logs
  referencing new table as new_rows
  for each statement
  execute function epo.tg_job_run_logs__audit_insert();
comment on trigger t900_audit_insert on epo.job_run_logs is 'Records each append.';

do $$
begin
  perform epo.audit_table(m.table_name::regclass, e.event)
  from (
    select distinct table_name
    from epo.audit_marks()
    where mark in ('track', 'secret')
  ) as m
  cross join unnest(array['insert', 'update', 'delete']) as e (event);
end
$$;

-- The rules of the catalogue compare the triggers with the marks.
grant execute on function
  epo.audit_marks(), epo.audit_value(text, text, text), epo.audit_row(text, regclass, boolean),
  epo.audit_key(text, regclass), epo.audit_join(regclass),
  epo.audit_changed(regclass), epo.audit_filter(regclass, text[]), epo.audit_query(regclass, text)
  to epo_migrator;

reset role;
