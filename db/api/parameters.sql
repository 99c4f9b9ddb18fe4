-- The check of parameters against what an inspection found, before a run is
-- queued. It refuses only what PowerShell's own binder would refuse as well: what
-- it does not know for certain it lets through, and the binder decides.
set local role epo_definer;

-- Names in PowerShell do not differ by case, whatever the language.
create function epo.fold(name text) returns text
language sql immutable parallel safe strict
return lower(name collate pg_catalog.pg_c_utf8);
comment on function epo.fold(text) is 'A name as PowerShell compares it.';

create function epo.reject_parameter(name text, problem text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform epo.raise('parameter_rejected', 400,
    format('parameter %s %s', reject_parameter.name, reject_parameter.problem), reject_parameter.name);
end
$$;
comment on function epo.reject_parameter(text, text) is 'Refuses a parameter by name; details is the name.';

create function epo.check_parameters(script_version_id uuid, parameters jsonb, complete boolean) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_document jsonb;
  v_given integer[];
begin
  select i.result -> 'document' into v_document
  from epo.inspections as i
  where i.tenant_id = epo.current_tenant_id()
    and i.script_version_id = check_parameters.script_version_id
    and i.state = 'done'
  order by i.requested_at desc, i.id desc
  limit 1;
  if jsonb_typeof(v_document) is distinct from 'object' then
    return false;
  end if;
  perform epo.require_syntax(v_document);
  v_given := epo.bind_parameters(v_document, check_parameters.parameters);
  if check_parameters.complete then
    perform epo.require_sets(v_document, v_given);
  end if;
  return true;
end
$$;
comment on function epo.check_parameters(uuid, jsonb, boolean) is
  'Refuses a version with syntax errors, and parameters that it would not take; where they are complete, also what is missing. False where it is not inspected and nothing is known.';

create function epo.require_syntax(document jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_error jsonb;
begin
  select e.item into v_error
  from jsonb_array_elements(require_syntax.document -> 'errors') with ordinality as e (item, position)
  where e.item -> 'environment' is distinct from 'true'
  order by e.position
  limit 1;
  if found then
    perform epo.raise('script_invalid', 409,
      format('the script has a syntax error in line %s: %s', v_error ->> 'line', v_error ->> 'message'),
      v_error ->> 'line', 'push a version without it');
  end if;
end
$$;
comment on function epo.require_syntax(jsonb) is 'Refuses a script with an error that another machine would find as well.';

create function epo.common_parameters(document jsonb) returns text[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if common_parameters.document -> 'advanced' is distinct from 'true' then
    return '{}';
  end if;
  return '{verbose,vb,debug,db,erroraction,ea,warningaction,wa,informationaction,infa,progressaction,proga,errorvariable,ev,
      warningvariable,wv,informationvariable,iv,outvariable,ov,outbuffer,ob,pipelinevariable,pv}'::text[]
    || case when common_parameters.document #> '{cmdlet_binding,SupportsShouldProcess}' = 'true' then '{whatif,wi,confirm,cf}'::text[] else '{}' end
    || case when common_parameters.document #> '{cmdlet_binding,SupportsPaging}' = 'true' then '{first,skip,includetotalcount}'::text[] else '{}' end;
end
$$;
comment on function epo.common_parameters(jsonb) is 'Names that every advanced script takes, in lower case.';

-- The binder: an exact name or alias, else the beginning of one name alone.
create function epo.find_parameter(document jsonb, name text) returns integer[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := epo.fold(ltrim(find_parameter.name, '-'));
  v_exact integer[];
  v_begun integer[];
begin
  select
    array_agg(distinct p.position) filter (where epo.fold(l.label) = v_name),
    array_agg(distinct p.position) filter (where starts_with(epo.fold(l.label), v_name))
  into v_exact, v_begun
  from jsonb_array_elements(find_parameter.document -> 'parameters') with ordinality as p (item, position)
  cross join lateral (
    select p.item ->> 'name'
    union all
    select a.alias #>> '{}'
    from jsonb_array_elements(case when jsonb_typeof(p.item -> 'aliases') = 'array' then p.item -> 'aliases' else '[]' end) as a (alias)
  ) as l (label);
  if v_exact is not null then
    return v_exact;
  elsif v_name = any(epo.common_parameters(find_parameter.document)) then
    return '{0}';
  elsif v_begun is not null then
    return v_begun;
  elsif exists (
    select
    from unnest(epo.common_parameters(find_parameter.document)) as c (label)
    where starts_with(c.label, v_name)
  ) then
    return '{0}';
  end if;
  return '{}';
end
$$;
comment on function epo.find_parameter(jsonb, text) is
  'Positions of the parameters that a name may mean: one where it is clear, {0} for a common parameter.';

create function epo.bind_parameters(document jsonb, parameters jsonb) returns integer[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_given integer[] := '{}';
  v_found integer[];
  v_entry record;
  v_open boolean := bind_parameters.document -> 'dynamic_param' = 'true'
    or bind_parameters.document -> 'parameters' @> '[{"remaining": true}]';
begin
  for v_entry in
    select e.key, e.value
    from jsonb_each(bind_parameters.parameters) as e
    order by e.key
  loop
    v_found := epo.find_parameter(bind_parameters.document, v_entry.key);
    if cardinality(v_found) = 0 and v_open is not true then
      perform epo.reject_parameter(v_entry.key, 'is unknown; ' || epo.list_parameters(bind_parameters.document));
    elsif cardinality(v_found) > 1 then
      perform epo.reject_parameter(v_entry.key, 'could be several; ' || epo.list_parameters(bind_parameters.document));
    elsif v_found[1] > 0 then
      if v_found[1] = any(v_given) then
        perform epo.reject_parameter(v_entry.key, 'is given twice, by another name or alias as well');
      end if;
      v_given := v_given || v_found;
      perform epo.require_value(bind_parameters.document #> array['parameters', (v_found[1] - 1)::text], v_entry.value);
    end if;
  end loop;
  return v_given;
end
$$;
comment on function epo.bind_parameters(jsonb, jsonb) is 'Finds each given parameter, refuses unknown ones and values that do not fit, and returns the positions of those given.';

create function epo.list_parameters(document jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    'the script has ' || (
      select string_agg(p.item ->> 'name', ', ' order by p.position)
      from jsonb_array_elements(list_parameters.document -> 'parameters') with ordinality as p (item, position)
      where p.position <= 50
        and p.item -> 'hidden' is distinct from 'true'),
    'the script has none');
end
$$;
comment on function epo.list_parameters(jsonb) is 'The parameters of a script for a message.';

-- Parameter sets: one of them must be able to take all that is given, and have
-- all that it must have.
create function epo.require_sets(document jsonb, given integer[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_default text := require_sets.document #>> '{cmdlet_binding,DefaultParameterSetName}';
  v_sets integer;
  v_missing text[];
begin
  with parts as (
    select p.position, p.item ->> 'name' as name, s.item ->> 'name' as set_name, s.item -> 'mandatory' = 'true' as mandatory
    from jsonb_array_elements(require_sets.document -> 'parameters') with ordinality as p (item, position)
    cross join lateral jsonb_array_elements(
      case when jsonb_typeof(p.item -> 'sets') = 'array' then p.item -> 'sets' else '[]' end) as s (item)
  ),
  named as (
    select distinct t.set_name
    from parts as t
    where t.set_name <> '__AllParameterSets'
  ),
  sets as (
    select n.set_name
    from named as n
    union all
    select '__AllParameterSets'
    where not exists (select from named)
  ),
  possible as (
    select s.set_name
    from sets as s
    where not exists (
      select
      from unnest(require_sets.given) as g (position)
      where exists (select from parts as t where t.position = g.position)
        and not exists (
          select
          from parts as t
          where t.position = g.position
            and t.set_name in (s.set_name, '__AllParameterSets')))
  ),
  -- What each possible set still lacks: its own word on a parameter stands over that for all sets.
  lacking as (
    select s.set_name, (
      select t.name
      from parts as t
      where t.mandatory
        and t.position <> all(require_sets.given)
        and (t.set_name = s.set_name
          or (t.set_name = '__AllParameterSets' and not exists (
            select from parts as o where o.position = t.position and o.set_name = s.set_name)))
      order by t.position
      limit 1) as name
    from possible as s
  )
  select count(*), array_agg(l.name order by (l.set_name = v_default) desc, l.name)
  into v_sets, v_missing
  from lacking as l;

  if v_sets = 0 and require_sets.document -> 'dynamic_param' is distinct from 'true' then
    perform epo.reject_parameter(
      (require_sets.document #>> array['parameters', (require_sets.given[cardinality(require_sets.given)] - 1)::text, 'name']),
      'cannot be given together with the others: no parameter set has all of them');
  elsif v_sets > 0 and array_position(v_missing, null) is null then
    perform epo.reject_parameter(v_missing[1], 'is mandatory' || coalesce(
      (select ', or instead ' || string_agg(distinct m.name, ' or ')
       from unnest(v_missing) as m (name)
       where m.name <> v_missing[1]), ''));
  end if;
end
$$;
comment on function epo.require_sets(jsonb, integer[]) is
  'Refuses a selection of parameters that no parameter set takes, or that leaves something mandatory out in each set that could apply.';

create function epo.require_value(parameter jsonb, value jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := require_value.parameter ->> 'name';
  v_list boolean := jsonb_typeof(require_value.value) = 'array';
  v_problem text;
begin
  v_problem := epo.find_emptiness(require_value.parameter, require_value.value);
  if v_problem is null and require_value.value <> 'null' then
    if v_list and require_value.parameter #> '{type,array}' is distinct from 'true'
      and require_value.parameter #> '{type,flags}' is distinct from 'true'
      and epo.find_kind(require_value.parameter -> 'type', '[]') is not null then
      v_problem := 'must be one value, not a list';
    else
      select coalesce(
        epo.find_kind(require_value.parameter -> 'type', e.item),
        epo.find_rule(require_value.parameter, e.item))
      into v_problem
      from jsonb_array_elements(case when v_list then require_value.value else jsonb_build_array(require_value.value) end)
        with ordinality as e (item, position)
      where e.item <> 'null'
        and coalesce(
          epo.find_kind(require_value.parameter -> 'type', e.item),
          epo.find_rule(require_value.parameter, e.item)) is not null
      order by e.position
      limit 1;
    end if;
  end if;
  if v_problem is null and (v_list or require_value.parameter #> '{type,array}' = 'true') then
    v_problem := epo.find_count(require_value.parameter, case when v_list then jsonb_array_length(require_value.value) else 1 end);
  end if;
  if v_problem is not null then
    perform epo.reject_parameter(v_name, v_problem);
  end if;
end
$$;
comment on function epo.require_value(jsonb, jsonb) is 'Refuses a value that a parameter would not take.';

create function epo.find_emptiness(parameter jsonb, value jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text boolean := find_emptiness.parameter #>> '{type,resolved}' = 'System.String';
  v_list boolean := find_emptiness.parameter #> '{type,array}' = 'true';
  v_allow jsonb := coalesce(find_emptiness.parameter -> 'allow', '[]');
begin
  if (v_text and find_emptiness.value = '""'
      and (find_emptiness.parameter -> 'validation' @> '[{"kind": "notNullOrEmpty"}]'
        or (find_emptiness.parameter -> 'mandatory' = 'true' and not v_allow ? 'AllowEmptyString')))
    or (v_list and find_emptiness.value = '[]'
      and (find_emptiness.parameter -> 'validation' @> '[{"kind": "notNullOrEmpty"}]'
        or (find_emptiness.parameter -> 'mandatory' = 'true' and not v_allow ? 'AllowEmptyCollection'))) then
    return 'must not be empty';
  end if;
  return null;
end
$$;
comment on function epo.find_emptiness(jsonb, jsonb) is 'What is wrong with an empty text or list.';

-- The JSON kinds that the engine can make the type of, for types that it is
-- certain for; null for all others.
create function epo.find_kind(type jsonb, item jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := find_kind.type ->> 'element';
  v_kind text := jsonb_typeof(find_kind.item);
  v_text text := find_kind.item #>> '{}';
  v_limits numeric[];
begin
  if jsonb_typeof(find_kind.type -> 'enum') = 'array' then
    return epo.find_enumerator(find_kind.type -> 'enum', find_kind.item);
  elsif v_type = 'System.String' then
    return case when v_kind not in ('string', 'number', 'boolean') then 'must be a text' end;
  elsif v_type = 'System.Boolean' or v_type = 'System.Management.Automation.SwitchParameter' then
    return case when v_kind not in ('boolean', 'number') then 'must be true or false' end;
  elsif v_type in ('System.Collections.Hashtable', 'System.Collections.IDictionary', 'System.Collections.Specialized.OrderedDictionary') then
    return case when v_kind <> 'object' then 'must be an object with keys and values' end;
  elsif v_type in ('System.DateTime', 'System.DateTimeOffset', 'System.TimeSpan', 'System.Guid') then
    return case when v_kind not in ('string', 'number') then
      case v_type when 'System.TimeSpan' then 'must be a duration, as 01:30:00' when 'System.Guid' then 'must be a GUID' else 'must be a date' end end;
  elsif v_type in ('System.Double', 'System.Single', 'System.Decimal') then
    return case when v_kind <> 'number' and not (v_kind = 'string' and epo.is_number(v_text)) then 'must be a number' end;
  end if;
  v_limits := case v_type
    when 'System.Byte' then '{0,255}'
    when 'System.SByte' then '{-128,127}'
    when 'System.Int16' then '{-32768,32767}'
    when 'System.UInt16' then '{0,65535}'
    when 'System.Int32' then '{-2147483648,2147483647}'
    when 'System.UInt32' then '{0,4294967295}'
    when 'System.Int64' then '{-9223372036854775808,9223372036854775807}'
    when 'System.UInt64' then '{0,18446744073709551615}'
  end;
  if v_limits is null then
    return null;
  elsif v_kind <> 'number' and not (v_kind = 'string' and epo.is_number(v_text)) then
    return 'must be a whole number';
  elsif v_kind = 'number' and v_text::numeric not between v_limits[1] - 0.5 and v_limits[2] + 0.5 then
    return format('must be a whole number from %s to %s', v_limits[1], v_limits[2]);
  end if;
  return null;
end
$$;
comment on function epo.find_kind(jsonb, jsonb) is 'What is wrong with the kind of a value for a type; null where nothing is, or nobody knows.';

create function epo.is_number(value text) returns boolean
language sql immutable parallel safe strict
return value ~* '^\s*[+-]?(0x[0-9a-f]+|0b[01]+|([0-9]+([.][0-9]*)?|[.][0-9]+)(e[+-]?[0-9]+)?|infinity|nan|∞)[a-z]{0,4}\s*$' or value ~ '^\s*$'
  or value ~ '^\s*[+-]?[0-9]{1,3}(,[0-9]+)+([.][0-9]*)?\s*$';
comment on function epo.is_number(text) is 'Whether PowerShell might make a number of a text.';

-- PowerShell takes a name, several with commas, the beginning of one, a number.
create function epo.find_enumerator(names jsonb, item jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(find_enumerator.item) = 'number' or (
    jsonb_typeof(find_enumerator.item) = 'string'
    and not exists (
      select
      from string_to_table(find_enumerator.item #>> '{}', ',') as w (word)
      where btrim(w.word) !~ '^[+-]?[0-9]+$'
        and not exists (
          select
          from jsonb_array_elements_text(find_enumerator.names) as n (name)
          where starts_with(epo.fold(n.name), epo.fold(btrim(w.word)))))
  ) then
    return null;
  end if;
  return 'must be one of ' || epo.list_values(find_enumerator.names);
end
$$;
comment on function epo.find_enumerator(jsonb, jsonb) is 'What is wrong with a value of an enumeration.';

create function epo.list_values(list jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select string_agg(v.item #>> '{}', ', ' order by v.position)
      || case when jsonb_array_length(list_values.list) > 50 then ' …' else '' end
    from jsonb_array_elements(list_values.list) with ordinality as v (item, position)
    where v.position <= 50);
end
$$;
comment on function epo.list_values(jsonb) is 'Allowed values for a message.';

create function epo.find_rule(parameter jsonb, item jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rule jsonb;
  v_problem text;
begin
  if jsonb_typeof(find_rule.parameter -> 'validation') is distinct from 'array' then
    return null;
  end if;
  for v_rule in
    select r.item
    from jsonb_array_elements(find_rule.parameter -> 'validation') as r (item)
  loop
    v_problem := case v_rule ->> 'kind'
      when 'set' then epo.find_in_set(find_rule.parameter -> 'type', v_rule, find_rule.item)
      when 'range' then epo.find_in_range(find_rule.parameter -> 'type', v_rule, find_rule.item)
      when 'length' then epo.find_length(find_rule.parameter -> 'type', v_rule, find_rule.item)
    end;
    if v_problem is not null then
      return v_problem;
    end if;
  end loop;
  return null;
end
$$;
comment on function epo.find_rule(jsonb, jsonb) is 'What is wrong with a value by ValidateSet, ValidateRange and ValidateLength with literal arguments.';

create function epo.find_in_set(type jsonb, rule jsonb, item jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := find_in_set.item #>> '{}';
  v_exact boolean := find_in_set.rule -> 'ignore_case' = 'false';
begin
  -- Only of texts and plain numbers is it known what the engine compares.
  if jsonb_typeof(find_in_set.rule -> 'values') is distinct from 'array'
    or jsonb_typeof(find_in_set.type -> 'enum') = 'array'
    or find_in_set.type ->> 'element' not in ('System.String', 'System.Object', 'System.Int32', 'System.Int64')
    or jsonb_typeof(find_in_set.item) not in ('string', 'number')
    or (find_in_set.type ->> 'element' in ('System.Int32', 'System.Int64') and v_text !~ '^-?[0-9]+$')
    or exists (
      select
      from jsonb_array_elements(find_in_set.rule -> 'values') as v (value)
      where coalesce(
        case when v_exact then v.value #>> '{}' = v_text else epo.fold(v.value #>> '{}') = epo.fold(v_text) end
          or (jsonb_typeof(v.value) = 'number' and jsonb_typeof(find_in_set.item) = 'number' and v.value = find_in_set.item)
          or jsonb_typeof(v.value) not in ('string', 'number'), true)) then
    return null;
  end if;
  return 'must be one of ' || epo.list_values(find_in_set.rule -> 'values');
end
$$;
comment on function epo.find_in_set(jsonb, jsonb, jsonb) is 'What is wrong with a value by a ValidateSet.';

create function epo.find_in_range(type jsonb, rule jsonb, item jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_number numeric;
  v_min numeric := case when jsonb_typeof(find_in_range.rule -> 'min') = 'number' then (find_in_range.rule ->> 'min')::numeric end;
  v_max numeric := case when jsonb_typeof(find_in_range.rule -> 'max') = 'number' then (find_in_range.rule ->> 'max')::numeric end;
  v_type text := find_in_range.type ->> 'element';
begin
  if v_type not in ('System.Byte', 'System.SByte', 'System.Int16', 'System.UInt16', 'System.Int32', 'System.UInt32',
      'System.Int64', 'System.UInt64', 'System.Double', 'System.Single', 'System.Decimal', 'System.Object')
    or (jsonb_typeof(find_in_range.item) <> 'number'
      and (v_type = 'System.Object' or find_in_range.item #>> '{}' !~ '^-?[0-9]{1,30}([.][0-9]{1,30})?$')) then
    return null;
  end if;
  v_number := (find_in_range.item #>> '{}')::numeric;
  -- The engine rounds first.
  if v_type !~ '(Double|Single|Decimal|Object)$' and v_number <> trunc(v_number) then
    return null;
  elsif v_min is not null and v_max is not null and v_number not between v_min and v_max then
    return format('must be from %s to %s', v_min, v_max);
  end if;
  return case find_in_range.rule ->> 'range_kind'
    when 'Positive' then case when v_number <= 0 then 'must be above 0' end
    when 'NonNegative' then case when v_number < 0 then 'must be 0 or more' end
    when 'Negative' then case when v_number >= 0 then 'must be below 0' end
    when 'NonPositive' then case when v_number > 0 then 'must be 0 or less' end
  end;
end
$$;
comment on function epo.find_in_range(jsonb, jsonb, jsonb) is 'What is wrong with a number by a ValidateRange.';

create function epo.find_length(type jsonb, rule jsonb, item jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := find_length.item #>> '{}';
begin
  if find_length.type ->> 'element' not in ('System.String', 'System.Object')
    or jsonb_typeof(find_length.item) <> 'string'
    or jsonb_typeof(find_length.rule -> 'min') is distinct from 'number'
    or jsonb_typeof(find_length.rule -> 'max') is distinct from 'number'
    -- .NET counts UTF-16 units: two for what lies above U+FFFF.
    or char_length(v_text) + char_length(regexp_replace(v_text, U&'[^\+010000-\+10FFFF]', '', 'g'))
      between (find_length.rule ->> 'min')::numeric and (find_length.rule ->> 'max')::numeric then
    return null;
  end if;
  return format('must have %s to %s characters', find_length.rule ->> 'min', find_length.rule ->> 'max');
end
$$;
comment on function epo.find_length(jsonb, jsonb, jsonb) is 'What is wrong with a text by a ValidateLength.';

create function epo.find_count(parameter jsonb, items integer) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select format('must have %s to %s values', r.item ->> 'min', r.item ->> 'max')
    from jsonb_array_elements(
      case when jsonb_typeof(find_count.parameter -> 'validation') = 'array' then find_count.parameter -> 'validation' else '[]' end) as r (item)
    where r.item ->> 'kind' = 'count'
      and jsonb_typeof(r.item -> 'min') = 'number'
      and jsonb_typeof(r.item -> 'max') = 'number'
      and find_count.items not between (r.item ->> 'min')::numeric and (r.item ->> 'max')::numeric
    limit 1);
end
$$;
comment on function epo.find_count(jsonb, integer) is 'What is wrong with the number of values by a ValidateCount.';

reset role;
