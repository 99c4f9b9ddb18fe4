set local role epo_system;

create function epo.purge_expired_tokens(max_rows integer default 10000) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_refresh bigint;
  v_assertions bigint;
begin
  perform epo.act_as('system:purge');
  delete from auth.refresh_tokens as r
  where (r.tenant_id, r.id) in (
    select e.tenant_id, e.id
    from auth.refresh_tokens as e
    where e.expires_at < now() - interval '1 day'
    limit purge_expired_tokens.max_rows
    for update skip locked);
  get diagnostics v_refresh = row_count;

  delete from auth.used_assertions as u
  where (u.tenant_id, u.agent_id, u.jti) in (
    select e.tenant_id, e.agent_id, e.jti
    from auth.used_assertions as e
    where e.expires_at < now() - interval '5 minutes'
    limit purge_expired_tokens.max_rows
    for update skip locked);
  get diagnostics v_assertions = row_count;
  return jsonb_build_object('refresh_tokens', v_refresh, 'assertions', v_assertions);
end
$$;
comment on function epo.purge_expired_tokens(integer) is 'Removes refresh tokens and assertions that have expired.';
grant execute on function epo.purge_expired_tokens(integer) to epo_migrator;

reset role;
set local role epo_owner;

-- A partition is complete, its wall included, before the parent knows it.
create function epo.add_partition(parent regclass, partition_name text, from_value text, to_value text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema text := (select c.relnamespace::regnamespace from pg_class as c where c.oid = parent);
  v_partition text := format('%s.%I', v_schema, partition_name);
begin
  execute format('create table %s (like %s including all excluding identity)', v_partition, parent);
  execute format('comment on table %s is %L', v_partition,
    format('Partition of %s from %s up to %s.', parent, from_value, to_value));
  perform epo.guard_table(v_partition::regclass, '');
  execute format('alter table %s attach partition %s for values from (%L) to (%L)',
    parent, v_partition, from_value, to_value);
end
$$;
comment on function epo.add_partition(regclass, text, text, text) is 'Makes a guarded partition and attaches it.';
grant execute on function epo.add_partition(regclass, text, text, text) to audit_owner;

create function epo.add_log_partitions(days_ahead integer) returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
set role = 'epo_owner'
as $$
declare
  v_day timestamptz;
  v_name text;
  v_made text[] := '{}';
begin
  for v_day in
    select generate_series(
      date_trunc('day', now(), 'UTC') - interval '1 day',
      date_trunc('day', now(), 'UTC') + make_interval(days => add_log_partitions.days_ahead),
      interval '1 day', 'UTC')
  loop
    v_name := 'job_run_logs_' || to_char(v_day at time zone 'UTC', 'YYYYMMDD');
    if to_regclass('epo.' || v_name) is null then
      perform epo.add_partition('epo.job_run_logs', v_name,
        epo.first_id(v_day)::text, epo.first_id(v_day + interval '24 hours')::text);
      v_made := v_made || ('epo.' || v_name);
    end if;
  end loop;
  return v_made;
end
$$;
comment on function epo.add_log_partitions(integer) is 'Makes the days of job_run_logs, from yesterday on.';

create function epo.drop_log_partitions(keep_days integer) returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
set role = 'epo_owner'
as $$
declare
  v_name text;
  v_dropped text[] := '{}';
begin
  for v_name in
    select c.relname
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhrelid
    where i.inhparent = 'epo.job_run_logs'::regclass
      and c.relname < 'job_run_logs_'
        || to_char(now() at time zone 'UTC' - make_interval(days => drop_log_partitions.keep_days), 'YYYYMMDD')
  loop
    execute format('drop table epo.%I', v_name);
    v_dropped := v_dropped || ('epo.' || v_name);
  end loop;
  return v_dropped;
end
$$;
comment on function epo.drop_log_partitions(integer) is 'Drops the days of job_run_logs that are older than the retention.';

reset role;
set local role audit_owner;

create or replace function audit.add_audit_partitions(days_ahead integer) returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
set role = 'audit_owner'
as $$
declare
  v_month timestamptz;
  v_name text;
  v_made text[] := '{}';
begin
  for v_month in
    select generate_series(
      date_trunc('month', now(), 'UTC'),
      date_trunc('month', now() + make_interval(days => add_audit_partitions.days_ahead), 'UTC'),
      interval '1 month', 'UTC')
  loop
    v_name := 'audit_log_' || to_char(v_month at time zone 'UTC', 'YYYYMM');
    if to_regclass('audit.' || v_name) is null then
      perform epo.add_partition('audit.audit_log', v_name,
        v_month::text, date_add(v_month, interval '1 month', 'UTC')::text);
      perform audit.refuse_changes(format('audit.%I', v_name)::regclass);
      v_made := v_made || ('audit.' || v_name);
    end if;
  end loop;
  return v_made;
end
$$;
comment on function audit.add_audit_partitions(integer) is 'Makes the months of audit_log, from this one on.';

create or replace function audit.refuse_changes(guarded regclass) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format(
    'create trigger t500_refuse before update or delete or truncate on %s'
    ' for each statement execute function audit.tg_audit_log__refuse()', guarded);
  execute format('alter table %s enable always trigger t500_refuse', guarded);
  execute format('comment on trigger t500_refuse on %s is %L', guarded, 'Append-only, also under session_replication_role.');
end
$$;
comment on function audit.refuse_changes(regclass) is 'Makes a partition of the audit as unchangeable as its parent.';

revoke all on function audit.add_audit_partitions(integer), audit.refuse_changes(regclass) from public;
grant execute on function audit.add_audit_partitions(integer) to epo_migrator;

reset role;
set local role epo_owner;

-- Not a definer function: it runs as the login of the server's loops, and each
-- step becomes the owner of what it touches. A lock that is not to be had within
-- two seconds ends it; the next round tries again.
create function epo.maintain_partitions(days_ahead integer default 8, keep_log_days integer default 90) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'created', to_jsonb(epo.add_log_partitions(maintain_partitions.days_ahead)
      || audit.add_audit_partitions(maintain_partitions.days_ahead)),
    'dropped', to_jsonb(epo.drop_log_partitions(maintain_partitions.keep_log_days)));
end
$$;
comment on function epo.maintain_partitions(integer, integer) is
  'Makes partitions of logs and audit ahead of time and drops logs past their retention; the audit is kept.';
grant execute on function epo.add_log_partitions(integer), epo.drop_log_partitions(integer),
  epo.maintain_partitions(integer, integer) to epo_migrator;

reset role;
