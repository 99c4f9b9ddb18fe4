set local role epo_definer;

create function epo.count_records(chunk text) returns bigint
language sql immutable
return case
  when chunk = '' then 0
  else octet_length(chunk) - octet_length(replace(chunk, E'\n', '')) + case when chunk like E'%\n' then 0 else 1 end
end;
comment on function epo.count_records(text) is 'Number of lines of a chunk.';

create function epo.skip_records(chunk text, skipped bigint) returns text
language sql immutable
return array_to_string((string_to_array(chunk, E'\n'))[skipped + 1:], E'\n');
comment on function epo.skip_records(text, bigint) is 'A chunk without its first lines.';

-- The letters of streams, in one place: what append_log keeps and filters ask for.
create function epo.stream_letter(stream text) returns text
language sql immutable
return case stream
  when 'output' then 'o'
  when 'object' then 'b'
  when 'error' then 'e'
  when 'warning' then 'w'
  when 'verbose' then 'v'
  when 'debug' then 'd'
  when 'information' then 'i'
  when 'progress' then 'p'
  when 'host' then 'h'
  else 's'
end;
comment on function epo.stream_letter(text) is 'Letter that stands for a stream; one that nobody knows counts as system.';

-- Write-Host gives a line of the host and an information record that says the
-- same: the latter gets a letter of its own, I.
create function epo.line_letter(line text) returns text
language sql immutable
return case
  when line ~ '^\{[^{]*?"stream":"information"' and strpos(line, '"tags":["PSHOST"') > 0 then 'I'
  else epo.stream_letter(substring(line from '^\{[^{]*?"stream":"([a-z]+)"'))
end;
comment on function epo.line_letter(text) is 'Letter of the stream of one record; s for a line that is no record.';

create function epo.record_streams(chunk text, record_count bigint) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[] := string_to_array(record_streams.chunk, '"stream":"');
  v_letters text;
begin
  -- As agents write it: once in each line, before anything nested. Inside a JSON
  -- string the quotes would be escaped. Rows of unnest come in their order.
  if cardinality(v_parts) = record_streams.record_count + 1
    and v_parts[1] like '{%' and v_parts[1] not like '_%{%' and strpos(v_parts[1], E'\n') = 0
  then
    select
      case
        when bool_and(p.n = record_streams.record_count
          or (split_part(p.part, E'\n', 2) like '{%' and split_part(p.part, E'\n', 2) not like '_%{%'))
        then string_agg(
          case
            when p.part like 'information"%' and strpos(p.part, '"tags":["PSHOST"') > 0 then 'I'
            else epo.stream_letter(split_part(p.part, '"', 1))
          end, '')
      end
    into v_letters
    from unnest(v_parts[2:]) with ordinality as p (part, n);
  end if;
  if v_letters is null then
    select string_agg(epo.line_letter(l.line), '') into v_letters
    from string_to_table(record_streams.chunk, E'\n') with ordinality as l (line, n)
    where l.n <= record_streams.record_count;
  end if;
  return v_letters;
end
$$;
comment on function epo.record_streams(text, bigint) is 'Letters of the streams of a chunk, one for each record.';

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
  v_chunk text := append_log.chunk;
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

  if append_log.first_seq < v_attempt.next_seq then
    v_chunk := epo.skip_records(v_chunk, v_attempt.next_seq - append_log.first_seq);
  end if;
  insert into epo.job_run_logs (
    tenant_id, run_id, attempt_id, run_target_id, first_seq, last_seq, chunk, streams)
  values (
    v_tenant, v_attempt.run_id, append_log.attempt_id, v_attempt.run_target_id, v_attempt.next_seq, v_last,
    v_chunk, epo.record_streams(v_chunk, v_last - v_attempt.next_seq + 1));
  update epo.attempts as a
  set next_seq = v_last + 1
  where a.tenant_id = v_tenant
    and a.id = append_log.attempt_id
    and a.next_seq = v_attempt.next_seq;
  perform epo.wake('run:' || v_attempt.run_id);
  return jsonb_build_object('next_seq', v_last + 1);
end
$$;
comment on function api.append_log(uuid, bigint, bigint, integer, text) is
  'Appends records to the log of an attempt at its next_seq. A repeat changes nothing, an overlap is trimmed, a gap is 409 log_gap with the expected number in details.';
grant execute on function api.append_log(uuid, bigint, bigint, integer, text) to app_agent;

reset role;
