set local role epo_definer;

-- PostgreSQL gives no text that holds NUL or half of a surrogate pair. JSON may
-- say both, and means a sign that cannot be shown.
create function epo.without_broken_escapes(line text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if without_broken_escapes.line !~ '\\u(0000|[dD][89a-fA-F])' then
    return without_broken_escapes.line;
  end if;
  return (
    select string_agg(
      case
        when t.token = '\u0000'
          or (t.token ~ '^\\u[dD][89abAB]' and coalesce(t.following, '') !~ '^\\u[dD][c-fC-F]')
          or (t.token ~ '^\\u[dD][c-fC-F]' and coalesce(t.previous, '') !~ '^\\u[dD][89abAB]')
          then '\ufffd'
        else t.token
      end, '' order by t.n)
    from (
      select m.n, m.found[1] as token,
        lag(m.found[1]) over (order by m.n) as previous,
        lead(m.found[1]) over (order by m.n) as following
      from regexp_matches(without_broken_escapes.line, '\\u[0-9a-fA-F]{4}|\\.|[^\\]+', 'g') with ordinality as m (found, n)
    ) as t);
end
$$;
comment on function epo.without_broken_escapes(text) is 'A line of JSON in which NUL and lone surrogates are U+FFFD.';

create function epo.record_text(line text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_record json;
  v_object json;
begin
  if record_text.line is not json object then
    return record_text.line;
  end if;
  v_record := epo.without_broken_escapes(record_text.line)::json;
  if v_record ->> 'text' is not null then
    return v_record ->> 'text';
  end if;
  v_object := v_record -> 'object';
  return case
    when json_typeof(v_object) is distinct from 'object' then v_object::text
    when v_record ->> 'stream' = 'progress' then
      concat_ws(E'\x1f', v_object ->> 'activity', v_object ->> 'status', v_object ->> 'operation')
    else concat_ws(E'\x1f', v_object ->> 'type', v_object ->> 'string')
  end;
end
$$;
comment on function epo.record_text(text) is
  'Text of a record as a person reads it: its own, else the parts of its object, with a unit separator between; a line that is no record as it is.';

-- Upper and lower case alike. For an ASCII query the letters of ASCII are
-- enough, and that takes a fifth of the time.
create function epo.fold_case(content text, is_ascii boolean) returns text
language sql immutable
return case
  when is_ascii then lower(content collate "C") collate "default"
  else lower(content collate "pg_c_utf8") collate "default"
end;
comment on function epo.fold_case(text, boolean) is 'Lower case, character by character.';

-- In a chunk without escapes the text of a record is what stands between the
-- quotes, so the chunk is put into lower case once and no line is decoded.
create function epo.search_plain_chunk(folded text, streams text, query text, letters text, from_position integer, is_ascii boolean)
returns integer[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  if strpos(search_plain_chunk.folded, search_plain_chunk.query) = 0 then
    return '{}';
  end if;
  return array(
    select l.n::integer
    from rows from (
      string_to_table(search_plain_chunk.folded, E'\n'), string_to_table(search_plain_chunk.streams, null)
    ) with ordinality as l (line, letter, n)
    where l.n >= search_plain_chunk.from_position
      and l.letter is not null
      and case
        when strpos(search_plain_chunk.letters, l.letter) = 0 or strpos(l.line, search_plain_chunk.query) = 0 then false
        when left(l.line, 7) = '{"seq":' and split_part(l.line, '"', 8) = 'stream' and split_part(l.line, '"', 12) = 'text'
          then strpos(split_part(l.line, '"', 14), search_plain_chunk.query) > 0
        else strpos(epo.fold_case(epo.record_text(l.line), search_plain_chunk.is_ascii), search_plain_chunk.query) > 0
      end);
end
$$;
comment on function epo.search_plain_chunk(text, text, text, text, integer, boolean) is
  'Positions in a chunk without a backslash; chunk and query are in lower case already.';

-- Three sieves, each finer and dearer than the one before: the chunk as it is
-- stored, the line as it is stored, the text that the line means. The first two
-- look for the query as agents write it in JSON, or as it is for lines that are
-- no records, and let pass what has escapes of another kind, which may hide it.
create function epo.search_chunk(chunk text, streams text, query text, letters text, from_position integer) returns integer[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_ascii boolean := search_chunk.query ~ '^[\x01-\x7f]*$';
  v_query text := epo.fold_case(search_chunk.query, v_ascii);
  v_stored text := substr(to_json(v_query)::text, 2, length(to_json(v_query)::text) - 2);
  v_odd boolean;
begin
  if strpos(search_chunk.chunk, '\') = 0 then
    return epo.search_plain_chunk(epo.fold_case(search_chunk.chunk, v_ascii), search_chunk.streams, v_query, search_chunk.letters,
      search_chunk.from_position, v_ascii);
  end if;
  v_odd := (strpos(search_chunk.chunk, '\u') > 0 or strpos(search_chunk.chunk, '\/') > 0)
    and (search_chunk.query ~ '[\x01-\x1f\x7f\u2028\u2029\ufffd]'
      or search_chunk.chunk ~ '\\/|\\u(?!00[01]|202[89]|fffd)[0-9a-fA-F]{4}');
  if not v_odd
    and strpos(epo.fold_case(search_chunk.chunk, v_ascii), v_stored) = 0
    and (v_stored = v_query or strpos(epo.fold_case(search_chunk.chunk, v_ascii), v_query) = 0)
  then
    return '{}';
  end if;
  return array(
    select l.n::integer
    from rows from (
      string_to_table(search_chunk.chunk, E'\n'), string_to_table(search_chunk.streams, null)
    ) with ordinality as l (line, letter, n)
    where l.n >= search_chunk.from_position
      and l.letter is not null
      and case
        when strpos(search_chunk.letters, l.letter) = 0 then false
        when strpos(epo.fold_case(l.line, v_ascii), v_stored) = 0
          and (v_stored = v_query or strpos(epo.fold_case(l.line, v_ascii), v_query) = 0)
          and (not v_odd or (strpos(l.line, '\u') = 0 and strpos(l.line, '\/') = 0)) then false
        when strpos(l.line, '\') = 0 and left(l.line, 7) = '{"seq":'
          and split_part(l.line, '"', 8) = 'stream' and split_part(l.line, '"', 12) = 'text'
          then strpos(epo.fold_case(split_part(l.line, '"', 14), v_ascii), v_query) > 0
        else strpos(epo.fold_case(epo.record_text(l.line), v_ascii), v_query) > 0
      end);
end
$$;
comment on function epo.search_chunk(text, text, text, text, integer) is
  'Positions in a chunk, from 1, of the records of these streams whose text has the query.';

create function epo.wanted_letters(streams text[]) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if wanted_letters.streams is null then
    return 'obewvdiIphs';
  elsif not wanted_letters.streams <@ array[
    'output', 'object', 'error', 'warning', 'verbose', 'debug', 'information', 'progress', 'host', 'system']
  then
    perform epo.raise_invalid('streams must be names of streams');
  end if;
  return (
    select coalesce(string_agg(epo.stream_letter(s.name), ''), '')
    from unnest(wanted_letters.streams) as s (name))
    || case when 'information' = any (wanted_letters.streams) and 'host' <> all (wanted_letters.streams) then 'I' else '' end;
end
$$;
comment on function epo.wanted_letters(text[]) is
  'Letters of the streams asked for. An information record that repeats a line of the host is left out where the host is asked for.';

create function epo.find_in_chunk(
  chunk text, streams text, record_count bigint, query text, letters text, from_position integer)
returns integer[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_chunk text;
  v_streams text := find_in_chunk.streams;
begin
  -- The chunk is stored compressed, elsewhere: it is fetched once, and only when it has to be.
  if v_streams is null or find_in_chunk.query <> '' then
    v_chunk := find_in_chunk.chunk || '';
  end if;
  if v_streams is null then
    v_streams := epo.record_streams(v_chunk, find_in_chunk.record_count);
  end if;
  if translate(v_streams, find_in_chunk.letters, '') = v_streams then
    return '{}';
  elsif find_in_chunk.query <> '' then
    return epo.search_chunk(v_chunk, v_streams, find_in_chunk.query, find_in_chunk.letters, find_in_chunk.from_position);
  end if;
  return array(
    select l.n::integer
    from string_to_table(v_streams, null) with ordinality as l (letter, n)
    where l.n >= find_in_chunk.from_position
      and strpos(find_in_chunk.letters, l.letter) > 0);
end
$$;
comment on function epo.find_in_chunk(text, text, bigint, text, text, integer) is
  'Positions in a chunk, from 1, of the records of these streams; of those with the query where there is one.';

create function api.search_log(
  attempt_id uuid, query text default '', streams text[] default null, after_seq bigint default 0, max_hits integer default 10000)
returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_tenant uuid := epo.current_tenant_id();
  v_letters text;
  v_attempt record;
  v_chunk record;
  v_text text;
  v_from integer;
  v_found integer[];
  v_hits bigint[] := '{}';
  v_room integer := least(greatest(search_log.max_hits, 1), 100000);
  v_next bigint := greatest(search_log.after_seq, 0);
  v_deadline timestamptz := clock_timestamp() + interval '400 milliseconds';
begin
  perform epo.require_role('operator', 'auditor', 'admin');
  v_letters := epo.wanted_letters(search_log.streams);
  if length(search_log.query) > 1000 then
    perform epo.raise_invalid('query has at most 1000 characters');
  end if;
  select a.run_id, a.next_seq into v_attempt
  from epo.attempts as a
  where a.tenant_id = v_tenant
    and a.id = search_log.attempt_id;
  if not found then
    perform epo.raise_not_found();
  end if;

  for v_chunk in
    select l.first_seq, l.last_seq, l.streams, l.chunk
    from epo.job_run_logs as l
    where l.tenant_id = v_tenant
      and l.run_id = v_attempt.run_id
      and l.attempt_id = search_log.attempt_id
      and l.first_seq >= coalesce((
        select max(e.first_seq)
        from epo.job_run_logs as e
        where e.tenant_id = v_tenant
          and e.run_id = v_attempt.run_id
          and e.attempt_id = search_log.attempt_id
          and e.first_seq <= v_next + 1), 0)
    order by l.first_seq
  loop
    continue when v_chunk.last_seq <= v_next;
    if clock_timestamp() > v_deadline or v_room = 0 then
      return jsonb_build_object('hits', to_jsonb(v_hits), 'next_after', v_next, 'complete', false);
    end if;
    v_from := greatest(v_next + 1 - v_chunk.first_seq, 0) + 1;
    v_found := epo.find_in_chunk(v_chunk.chunk, v_chunk.streams, v_chunk.last_seq - v_chunk.first_seq + 1,
      coalesce(search_log.query, ''), v_letters, v_from);
    v_hits := v_hits || array(select v_chunk.first_seq + f.n - 1 from unnest(v_found[1:v_room]) as f (n));
    if cardinality(v_found) > v_room then
      return jsonb_build_object('hits', to_jsonb(v_hits), 'next_after', v_hits[cardinality(v_hits)], 'complete', false);
    end if;
    v_room := v_room - cardinality(v_found);
    v_next := v_chunk.last_seq;
  end loop;
  return jsonb_build_object('hits', to_jsonb(v_hits), 'next_after', greatest(v_next, v_attempt.next_seq - 1), 'complete', true);
end
$$;
comment on function api.search_log(uuid, text, text[], bigint, integer) is
  'Numbers of the records of an attempt after after_seq whose text has the query, upper and lower case alike, in these streams. A call takes half a second at most: while complete is false, go on with next_after as after_seq; later, to hear what was added.';
grant execute on function api.search_log(uuid, text, text[], bigint, integer) to app_user, app_admin;

reset role;
