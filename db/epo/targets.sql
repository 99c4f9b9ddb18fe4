set local role epo_owner;

-- Every option of every kind stands here once. A text must match its pattern
-- whole and is never longer than 1024 characters; what a number or a list holds
-- is said in epo.option_holds. Nothing that
-- could hold a secret is among them.
create function epo.target_options() returns table (kind text, key text, form text, pattern text, meaning text)
language sql immutable
begin atomic
  select k.kind, o.key, o.form, o.pattern, o.meaning
  from (values
    ('{local,ssh,winrm}', 'working_directory', 'text', '[^[:cntrl:]]+', 'a path of up to 1024 characters'),
    ('{local,ssh,winrm}', 'culture', 'text', '[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}', 'the name of a culture, as en-US'),
    ('{local,ssh,winrm}', 'ansi', 'text', 'strip|keep', 'strip or keep'),
    ('{local,ssh,winrm}', 'native_error', 'text', 'ignore|error', 'ignore or error'),
    ('{ssh,winrm}', 'address', 'text', '[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{0,40}:[0-9A-Fa-f.]{0,15}(%[A-Za-z0-9._-]{1,32})?',
      'a host name or an IP address, without port'),
    ('{ssh,winrm}', 'port', 'number', null, 'a whole number from 1 to 65535'),
    ('{ssh,winrm}', 'user', 'text', '[^[:cntrl:]:-][^[:cntrl:]:]{0,254}', 'a user name without a colon, of up to 255 characters'),
    ('{ssh,winrm}', 'identity', 'text', '[A-Za-z0-9][A-Za-z0-9._@+ -]{0,127}', 'the name of an entry in the identities.json of the agent'),
    ('{ssh,winrm}', 'configuration_name', 'text', '[A-Za-z0-9][A-Za-z0-9._ -]{0,127}', 'the name of a session configuration'),
    ('{ssh}', 'host_key', 'keys', null, 'a list of 1 to 16 public keys, each as "ssh-ed25519 AAAA..." or "SHA256:..."'),
    ('{ssh}', 'jump_host_key', 'keys', null, 'a list of 1 to 16 public keys, each as "ssh-ed25519 AAAA..." or "SHA256:..."'),
    ('{ssh}', 'jump', 'text',
      '[^[:cntrl:][:space:]:@-][^[:cntrl:][:space:]:@]{0,254}@([A-Za-z0-9][A-Za-z0-9._-]{0,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?',
      'user@host or user@host:port'),
    ('{ssh}', 'subsystem', 'text', '[A-Za-z0-9][A-Za-z0-9._-]{0,63}', 'the name of a subsystem of sshd'),
    ('{winrm}', 'scheme', 'text', 'https|http', 'https or http'),
    ('{winrm}', 'auth', 'text', 'basic|ntlm|certificate', 'basic, ntlm or certificate'),
    ('{winrm}', 'ca', 'certificates', null, 'certificates in PEM form, without a private key'),
    ('{winrm}', 'server_name', 'text', '[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?', 'a host name'),
    ('{winrm}', 'path', 'text', '/[A-Za-z0-9._~/-]{0,255}', 'a path that begins with a slash')
  ) as o (kinds, key, form, pattern, meaning)
  cross join lateral unnest(o.kinds::text[]) as k (kind);
end;
comment on function epo.target_options() is 'Which options targets of each kind have, and what an option must be.';

-- The Base64 text of a public key begins with the length of its type and the
-- type itself: a key that was cut or pasted together is seen here.
create function epo.is_host_key(line text) returns boolean
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[] := regexp_match(is_host_key.line,
    '^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp256|ecdsa-sha2-nistp384|ecdsa-sha2-nistp521) ([A-Za-z0-9+/]+={0,2})( [^[:cntrl:]]{0,255})?$');
  v_key bytea;
begin
  if is_host_key.line ~ '^SHA256:[A-Za-z0-9+/]{43}$' then
    return true;
  elsif v_parts is null or char_length(v_parts[2]) % 4 <> 0 or char_length(v_parts[2]) not between 40 and 4096 then
    return false;
  end if;
  v_key := decode(v_parts[2], 'base64');
  return substring(v_key from 1 for 4 + octet_length(v_parts[1]))
    = int4send(octet_length(v_parts[1])) || convert_to(v_parts[1], 'UTF8');
end
$$;
comment on function epo.is_host_key(text) is 'Whether a line is a public key of SSH, whole and of the type it says, or the fingerprint of one.';

create function epo.option_holds(form text, pattern text, value jsonb) returns boolean
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when jsonb_typeof(value) = 'string' and form = 'text' then
      char_length(value #>> '{}') <= 1024 and value #>> '{}' ~ ('^(' || pattern || ')$')
    when jsonb_typeof(value) = 'number' and form = 'number' then
      (value #>> '{}')::numeric between 1 and 65535 and (value #>> '{}')::numeric % 1 = 0
    when jsonb_typeof(value) = 'array' and form = 'keys' then
      jsonb_array_length(value) between 1 and 16
      and not exists (
        select
        from jsonb_array_elements(value) as e (item)
        where jsonb_typeof(e.item) <> 'string'
          or epo.is_host_key(e.item #>> '{}') is not true)
    when jsonb_typeof(value) = 'string' and form = 'certificates' then
      char_length(value #>> '{}') <= 65536
      and value #>> '{}' ~ '^\s*(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$'
    else false
  end;
end
$$;
comment on function epo.option_holds(text, text, jsonb) is 'Whether the value of an option is what it must be.';

create function epo.raise_option(key text, message text, hint text default null) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform epo.raise('invalid_argument', 400, 'options: ' || raise_option.message, raise_option.key, raise_option.hint);
end
$$;
comment on function epo.raise_option(text, text, text) is 'Refuses an option; the details name it.';

create function epo.require_target_options(kind text, options jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wrong record;
begin
  if require_target_options.kind is null or require_target_options.kind not in ('local', 'ssh', 'winrm') then
    perform epo.raise_invalid('kind must be local, ssh or winrm');
  end if;
  perform epo.require_object(require_target_options.options, 'options');

  select g.key, o.meaning, o.key is null as unknown into v_wrong
  from jsonb_each(require_target_options.options) as g (key, value)
  left join epo.target_options() as o on o.kind = require_target_options.kind and o.key = g.key
  where o.key is null
    or epo.option_holds(o.form, o.pattern, g.value) is not true
  order by g.key
  limit 1;
  if v_wrong.unknown then
    perform epo.raise_option(left(v_wrong.key, 64),
      format('a target of kind %s has no option %s', require_target_options.kind, left(v_wrong.key, 64)),
      case when v_wrong.key ~* 'passw|secret|passphrase|private|token' then
        'secrets do not belong here: name an identity, and keep its secret in the identities.json of the agent'
      end);
  elsif v_wrong.key is not null then
    perform epo.raise_option(v_wrong.key, v_wrong.key || ' must be ' || v_wrong.meaning);
  end if;
  perform epo.require_whole_options(require_target_options.kind, require_target_options.options);
end
$$;
comment on function epo.require_target_options(text, jsonb) is
  'Refuses options that a target of the kind does not have, or that cannot be used; details name the option.';

-- What must be there, and what only makes sense together.
create function epo.require_whole_options(kind text, options jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_auth text := coalesce(options ->> 'auth', 'ntlm');
begin
  if kind = 'local' then
    return;
  elsif options -> 'address' is null then
    perform epo.raise_option('address', 'address is missing: the host to reach');
  elsif options -> 'user' is null and (kind = 'ssh' or v_auth <> 'certificate') then
    perform epo.raise_option('user', 'user is missing: whom to sign in as on the host');
  elsif substring(options ->> 'jump' from ':([0-9]+)$')::integer not between 1 and 65535 then
    perform epo.raise_option('jump', 'jump names a port that does not exist');
  elsif kind = 'winrm' and options ->> 'scheme' = 'http' and v_auth <> 'ntlm' then
    perform epo.raise_option('auth', format('auth %s needs scheme https', v_auth), 'over http only ntlm encrypts');
  elsif options ->> 'scheme' = 'http' and options ?| array['ca', 'server_name'] then
    perform epo.raise_option('scheme', 'ca and server_name are for scheme https');
  end if;
end
$$;
comment on function epo.require_whole_options(text, jsonb) is 'Refuses options of which one is missing or two cannot be together.';

grant execute on function
  epo.target_options(), epo.is_host_key(text), epo.option_holds(text, text, jsonb), epo.raise_option(text, text, text),
  epo.require_target_options(text, jsonb), epo.require_whole_options(text, jsonb)
  to epo_definer, epo_system;

reset role;
