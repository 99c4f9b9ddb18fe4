set local role epo_definer;

create function epo.count_records(chunk text) returns bigint
language sql immutable
return case
  when chunk = '' then 0
  else length(chunk) - length(replace(chunk, E'\n', '')) + case when right(chunk, 1) = E'\n' then 0 else 1 end
end;
comment on function epo.count_records(text) is 'Number of lines of a chunk.';

create function epo.skip_records(chunk text, skipped bigint) returns text
language sql immutable
return array_to_string((string_to_array(chunk, E'\n'))[skipped + 1:], E'\n');
comment on function epo.skip_records(text, bigint) is 'A chunk without its first lines.';

create function api.append_log(
  attempt_id uuid, fencing_token bigint, first_seq bigint, record_count integer, chunk text)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_tenant uuid := epo.current_tenant_id();
  v_agent uuid := epo.current_agent_id();
  v_attempt record;
  v_last bigint := append_log.first_seq + append_log.record_count - 1;
begin
  if append_log.first_seq is null or append_log.first_seq < 1
    or append_log.record_count is null or append_log.record_count < 1 then
    perform epo.raise_invalid('first_seq and record_count count from 1');
  elsif octet_length(append_log.chunk) > 8388608 then
    perform epo.raise('chunk_too_large', 413, 'a chunk has at most 8 MiB');
  elsif epo.count_records(append_log.chunk) is distinct from append_log.record_count then
    perform epo.raise_invalid('chunk must have record_count lines');
  end if;

  -- The row lock puts overlapping appends of one attempt in an order.
  select a.run_id, a.run_target_id, a.state, a.next_seq into v_attempt
  from epo.attempts as a
  where a.tenant_id = v_tenant
    and a.id = append_log.attempt_id
    and a.agent_id = v_agent
    and a.fencing_token = append_log.fencing_token
  for no key update;
  if not found then
    perform epo.raise('lease_lost', 409, 'another attempt owns the run target now');
  elsif v_last < v_attempt.next_seq then
    return jsonb_build_object('next_seq', v_attempt.next_seq);
  elsif v_attempt.state not in ('claimed', 'running') then
    perform epo.raise('lease_lost', 409, 'another attempt owns the run target now');
  elsif append_log.first_seq > v_attempt.next_seq then
    perform epo.raise('log_gap', 409, 'records are missing before these', v_attempt.next_seq::text);
  end if;

  insert into epo.job_run_logs (tenant_id, run_id, attempt_id, run_target_id, first_seq, last_seq, chunk)
  values (
    v_tenant, v_attempt.run_id, append_log.attempt_id, v_attempt.run_target_id, v_attempt.next_seq, v_last,
    case when append_log.first_seq = v_attempt.next_seq then append_log.chunk
      else epo.skip_records(append_log.chunk, v_attempt.next_seq - append_log.first_seq)
    end);
  update epo.attempts as a
  set next_seq = v_last + 1
  where a.tenant_id = v_tenant
    and a.id = append_log.attempt_id
    and a.next_seq = v_attempt.next_seq;
  perform epo.wake_runs(array[v_attempt.run_id]);
  return jsonb_build_object('next_seq', v_last + 1);
end
$$;
comment on function api.append_log(uuid, bigint, bigint, integer, text) is
  'Appends records to the log of an attempt at its next_seq. A repeat changes nothing, an overlap is trimmed, a gap is 409 log_gap with the expected number in details.';
grant execute on function api.append_log(uuid, bigint, bigint, integer, text) to app_agent;

reset role;
