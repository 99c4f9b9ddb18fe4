package db_test

import (
	"flag"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/testkit"
)

var alone = flag.Bool("alone", false, "apply every mutation in a transaction of its own")

// mutation is one way to break the database, for every object it fits: a query
// that returns the object as the rules name it, and the statement that breaks it.
type mutation struct {
	name, generate string
	alone          bool // the mutations of two objects get in each other's way
}

// ours limits a query to the objects of EPO.
const ours = `any ('{epo,auth,audit,api,hook}'::regnamespace[])`

// tables are those of EPO, partitions included, as c.
const tables = `from pg_class as c where c.relnamespace = ` + ours + ` and c.relkind in ('r', 'p')`

var mutations = []mutation{
	{name: "drop a policy", generate: `
		select p.polrelid::regclass::text, format('drop policy %I on %s', p.polname, p.polrelid::regclass)
		from pg_policy as p join pg_class as c on c.oid = p.polrelid where c.relnamespace = ` + ours},
	{name: "open a policy to everybody", generate: `
		select p.polrelid::regclass::text, format('alter policy %I on %s to public', p.polname, p.polrelid::regclass)
		from pg_policy as p join pg_class as c on c.oid = p.polrelid where c.relnamespace = ` + ours},
	{name: "forget the definer in the wall", generate: `
		select p.polrelid::regclass::text,
			format('alter policy %I on %s to app_anon, app_user, app_admin, app_agent', p.polname, p.polrelid::regclass)
		from pg_policy as p join pg_class as c on c.oid = p.polrelid where c.relnamespace = ` + ours + ` and not p.polpermissive`},
	{name: "shut the system out by the wall", generate: `
		select p.polrelid::regclass::text,
			format('alter policy %I on %s to app_anon, app_user, app_admin, app_agent, epo_definer, epo_system', p.polname, p.polrelid::regclass)
		from pg_policy as p join pg_class as c on c.oid = p.polrelid where c.relnamespace = ` + ours + ` and not p.polpermissive`},
	{name: "let the wall stand open", generate: `
		select p.polrelid::regclass::text, format('alter policy %I on %s using (true)', p.polname, p.polrelid::regclass)
		from pg_policy as p join pg_class as c on c.oid = p.polrelid where c.relnamespace = ` + ours + ` and not p.polpermissive`},
	{name: "let writes through the wall", generate: `
		select p.polrelid::regclass::text, format('alter policy %I on %s with check (true)', p.polname, p.polrelid::regclass)
		from pg_policy as p join pg_class as c on c.oid = p.polrelid where c.relnamespace = ` + ours + ` and not p.polpermissive`},
	{name: "ask for the tenant once per row", generate: `
		select p.polrelid::regclass::text,
			format('alter policy %I on %s using (tenant_id = epo.current_tenant_id())', p.polname, p.polrelid::regclass)
		from pg_policy as p join pg_class as c on c.oid = p.polrelid where c.relnamespace = ` + ours + ` and not p.polpermissive`},
	{name: "make the wall permissive", generate: `
		select c.oid::regclass::text, format(
			'drop policy %1$I on %2$s; create policy %1$I on %2$s to app_anon, app_user, app_admin, app_agent, epo_definer'
			' using (tenant_id = (select epo.current_tenant_id())) with check (tenant_id = (select epo.current_tenant_id()))',
			c.relname || '_all_tenant', c.oid::regclass) ` + tables},
	{name: "show rows to one reader more", generate: `
		select c.oid::regclass::text, format('create policy extra on %s for select to app_agent using (true)', c.oid::regclass) ` + tables},
	{name: "let a reader's policy write", generate: `
		select c.oid::regclass::text, format('create policy extra on %s for update to app_user using (true)', c.oid::regclass) ` + tables},
	{name: "show the audit to everybody in the tenant", generate: `
		select 'audit.audit_log', 'alter policy audit_log_select_user on audit.audit_log using (true)'`},
	{name: "drop FORCE", generate: `select c.oid::regclass::text, format('alter table %s no force row level security', c.oid::regclass) ` + tables},
	{name: "disable row-level security", generate: `select c.oid::regclass::text, format('alter table %s disable row level security', c.oid::regclass) ` + tables},
	{name: "let the tenant be null", alone: true, generate: `
		select c.oid::regclass::text, format('alter table %s drop constraint %I cascade; alter table %1$s alter tenant_id drop not null', c.oid::regclass, k.conname)
		from pg_class as c join pg_constraint as k on k.conrelid = c.oid and k.contype = 'p'
		where c.relnamespace = ` + ours + ` and not c.relispartition`},
	{name: "drop the tenant from a unique key", alone: true, generate: `
		select i.indexrelid::regclass::text, format('drop index %s; create unique index %I on %s (%s)%s',
			i.indexrelid::regclass, x.relname, i.indrelid::regclass, columns.list,
			' where ' || pg_get_expr(i.indpred, i.indrelid))
		from pg_index as i join pg_class as x on x.oid = i.indexrelid
		cross join lateral (
			select string_agg(quote_ident(a.attname), ', ' order by k.position) as list
			from unnest(i.indkey) with ordinality as k (attnum, position)
			join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
			where k.position > 1
		) as columns
		where x.relnamespace = ` + ours + ` and i.indisunique and i.indpred is not null`},
	{name: "drop the tenant from a key constraint", alone: true, generate: `
		select format('%s.%I', k.connamespace::regnamespace, k.conname),
			format('alter table %s drop constraint %I cascade; alter table %1$s add constraint %2$I %s (%s)',
				k.conrelid::regclass, k.conname, case k.contype when 'p' then 'primary key' else 'unique' end, columns.list)
		from pg_constraint as k join pg_class as c on c.oid = k.conrelid
		cross join lateral (
			select string_agg(quote_ident(a.attname), ', ' order by u.position) as list
			from unnest(k.conkey) with ordinality as u (attnum, position)
			join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = u.attnum
			where u.position > 1
		) as columns
		where c.relnamespace = ` + ours + ` and k.contype in ('p', 'u') and cardinality(k.conkey) > 1 and not c.relispartition`},
	{name: "drop the tenant from a foreign key", alone: true, generate: `
		select k.conrelid::regclass::text || ' ' || k.conname, format(
			'alter table %s add constraint extra_key unique (id); alter table %s drop constraint %I;'
			' alter table %2$s add constraint %3$I foreign key (%s) references %1$s (id)',
			k.confrelid::regclass, k.conrelid::regclass, k.conname, a.attname)
		from pg_constraint as k
		join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = k.conkey[2]
		where k.connamespace = ` + ours + ` and k.contype = 'f' and k.conparentid = 0`},
	{name: "let a foreign key cascade", generate: `
		select k.conrelid::regclass::text || ' ' || k.conname,
			format('alter table %s drop constraint %I; alter table %1$s add constraint %2$I %s on delete cascade',
				k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
		from pg_constraint as k where k.connamespace = ` + ours + ` and k.contype = 'f' and k.conparentid = 0`},
	{name: "drop a foreign key", generate: `
		select k.conrelid::regclass::text || '.' || a.attname, format('alter table %s drop constraint %I', k.conrelid::regclass, k.conname)
		from pg_constraint as k join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = k.conkey[cardinality(k.conkey)]
		where k.connamespace = ` + ours + ` and k.contype = 'f' and k.conparentid = 0`},
	{name: "add a table without a tenant", generate: `values ('epo.extra', 'create table epo.extra (id uuid primary key); alter table epo.extra owner to epo_owner')`},
	{name: "give a table to another owner", generate: `select c.oid::regclass::text, format('alter table %s owner to epo_definer', c.oid::regclass) ` + tables +
		` and c.relkind = 'r'`},
	{name: "grant a table to everybody", generate: `select c.oid::regclass::text, format('grant select on %s to public', c.oid::regclass) ` + tables},
	{name: "grant a column to everybody", generate: `
		select a.attrelid::regclass::text || '.' || a.attname, format('grant select (%I) on %s to public', a.attname, a.attrelid::regclass)
		from pg_attribute as a join pg_class as c on c.oid = a.attrelid
		where c.relnamespace = ` + ours + ` and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not c.relispartition`},
	{name: "grant a view to everybody", generate: `
		select c.oid::regclass::text, format('grant select on %s to public', c.oid::regclass)
		from pg_class as c where c.relnamespace = ` + ours + ` and c.relkind = 'v'`},
	{name: "grant a function to everybody", generate: `
		select p.oid::regprocedure::text, format('grant execute on function %s to public', p.oid::regprocedure)
		from pg_proc as p where p.pronamespace = ` + ours},
	{name: "grant a private function to people", generate: `
		select p.oid::regprocedure::text, format('grant execute on function %s to app_user', p.oid::regprocedure)
		from pg_proc as p where p.pronamespace = any ('{epo,auth,audit}'::regnamespace[])
			and not has_function_privilege('app_user', p.oid, 'execute')`},
	{name: "let agents call what is for people", generate: `
		select p.oid::regprocedure::text, format('grant execute on function %s to app_agent', p.oid::regprocedure)
		from pg_proc as p where p.pronamespace = 'api'::regnamespace and not has_function_privilege('app_agent', p.oid, 'execute')`},
	{name: "let people call what is for agents", generate: `
		select p.oid::regprocedure::text, format('grant execute on function %s to app_user', p.oid::regprocedure)
		from pg_proc as p where p.pronamespace = 'api'::regnamespace and has_function_privilege('app_agent', p.oid, 'execute')`},
	{name: "reset the search path", generate: `
		select p.oid::regprocedure::text, format('alter function %s reset search_path', p.oid::regprocedure)
		from pg_proc as p where p.pronamespace = ` + ours + ` and (p.prosecdef or p.prolang = (select oid from pg_language where lanname = 'plpgsql'))`},
	{name: "search the tables' schema first", generate: `
		select p.oid::regprocedure::text, format('alter function %s set search_path = epo', p.oid::regprocedure)
		from pg_proc as p where p.pronamespace = ` + ours + ` and p.prosecdef`},
	{name: "make a definer of the tables' owner", generate: `
		select p.oid::regprocedure::text, format('alter function %s owner to epo_owner', p.oid::regprocedure)
		from pg_proc as p where p.pronamespace = ` + ours + ` and p.prosecdef`},
	{name: "make an invoker of a definer", generate: `
		select p.oid::regprocedure::text, format('alter function %s security invoker', p.oid::regprocedure)
		from pg_proc as p where p.pronamespace = any ('{api,hook}'::regnamespace[])
			or exists (select from aclexplode(p.proacl) as g where g.grantee = 'epo_gateway'::regrole)`},
	{name: "make a definer of an owner's helper", generate: `
		select p.oid::regprocedure::text, format('alter function %s security definer', p.oid::regprocedure)
		from pg_proc as p where p.pronamespace = ` + ours + ` and p.proowner = 'epo_owner'::regrole and p.proname !~ '^audit_'`},
	{name: "make a definer of what the rules call", alone: true, generate: `
		select p.oid::regprocedure::text, format('alter function %s security definer', p.oid::regprocedure)
		from pg_proc as p where p.pronamespace = ` + ours + ` and p.proowner = 'epo_owner'::regrole and p.proname ~ '^audit_'`},
	{name: "write through a view", generate: `
		select c.oid::regclass::text, format('grant update on %s to app_user', c.oid::regclass)
		from pg_class as c where c.relnamespace = ` + ours + ` and c.relkind = 'v'`},
	{name: "drop security_invoker", generate: `
		select c.oid::regclass::text, format('alter view %s reset (security_invoker)', c.oid::regclass)
		from pg_class as c where c.relnamespace = ` + ours + ` and c.relkind = 'v'`},
	{name: "switch security_invoker off", generate: `
		select c.oid::regclass::text, format('alter view %s set (security_invoker = false)', c.oid::regclass)
		from pg_class as c where c.relnamespace = ` + ours + ` and c.relkind = 'v'`},
	{name: "grant a write", generate: `
		select c.oid::regclass::text, format('grant %s on %s to %I', w.privilege, c.oid::regclass, w.grantee)
		from pg_class as c
		cross join (values
			('insert', 'app_user'), ('update', 'app_user'), ('delete', 'app_user'), ('truncate', 'app_user'),
			('insert', 'app_admin'), ('update', 'app_agent'), ('update', 'app_anon'), ('select', 'app_agent'),
			('select', 'epo_gateway'), ('references', 'epo_definer'), ('truncate', 'epo_system'), ('trigger', 'epo_definer')
		) as w (privilege, grantee)
		where c.relnamespace = ` + ours + ` and c.relkind in ('r', 'p')`},
	{name: "grant a write to one column", generate: `
		select c.oid::regclass::text, format('grant update (tenant_id) on %s to app_user', c.oid::regclass) ` + tables},
	{name: "show a secret", generate: `
		select w.table_name || '.' || w.attribute, format('grant select (%I) on %s to app_admin', w.attribute, w.table_name)
		from (values ('auth.identities', 'password_hash'), ('auth.refresh_tokens', 'token_hash'), ('auth.enrollment_tokens', 'token_hash'))
			as w (table_name, attribute)`},
	{name: "let the definer change the audit", generate: `
		select c.oid::regclass::text, format('grant %s on %s to epo_system', w.privilege, c.oid::regclass)
		from pg_class as c cross join unnest('{update,delete,truncate}'::text[]) as w (privilege)
		where c.relnamespace = 'audit'::regnamespace and c.relkind in ('r', 'p')`},
	{name: "use a private schema", generate: `
		select 'schema ' || n.name, format('grant usage on schema %I to %I', n.name, r.name)
		from unnest('{epo,auth,audit}'::text[]) as n (name) cross join unnest('{app_anon,app_user,app_admin,app_agent,public}'::text[]) as r (name)
		where r.name <> 'public' union all
		select 'schema ' || n.name, format('grant usage on schema %I to public', n.name) from unnest('{epo,auth,audit,api,hook}'::text[]) as n (name)`},
	{name: "make objects in a schema", generate: `
		select 'schema ' || n.name, format('grant create on schema %I to %I', n.name, r.name)
		from unnest('{epo,auth,audit,api,hook}'::text[]) as n (name) cross join unnest('{app_user,epo_definer,epo_system,epo_migrator}'::text[]) as r (name)`},
	{name: "give a schema to another owner", generate: `
		select 'schema ' || n.name, format('alter schema %I owner to epo_definer', n.name) from unnest('{epo,auth,audit,api,hook}'::text[]) as n (name)`},
	{name: "drop a trigger", generate: `
		select t.tgrelid::regclass::text, format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass)
		from pg_trigger as t join pg_class as c on c.oid = t.tgrelid
		where c.relnamespace = ` + ours + ` and not t.tgisinternal and t.tgparentid = 0`},
	{name: "disable a trigger", generate: `
		select t.tgrelid::regclass::text, format('alter table %s disable trigger %I', t.tgrelid::regclass, t.tgname)
		from pg_trigger as t join pg_class as c on c.oid = t.tgrelid
		where c.relnamespace = ` + ours + ` and not t.tgisinternal and t.tgparentid = 0`},
	{name: "let a replica change the audit", generate: `
		select t.tgrelid::regclass::text, format('alter table %s enable trigger %I', t.tgrelid::regclass, t.tgname)
		from pg_trigger as t join pg_class as c on c.oid = t.tgrelid where c.relnamespace = 'audit'::regnamespace`},
	{name: "audit each row", generate: `
		select c.oid::regclass::text, format('create trigger t900_extra after insert on %s for each row execute function epo.tg_frozen()', c.oid::regclass) ` +
		tables + ` and not c.relispartition`},
	{name: "forget a column in the audit", generate: `
		select c.oid::regclass::text || '.extra', format('alter table %s add column extra text', c.oid::regclass) ` +
		tables + ` and not c.relispartition and c.relnamespace <> 'audit'::regnamespace`},
	{name: "record another thing than the marks say", generate: `
		select p.oid::regprocedure::text,
			format('create or replace function %s returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $b$ begin return null; end $b$', p.oid::regprocedure)
		from pg_proc as p where p.pronamespace = 'epo'::regnamespace and p.proname ~ '__audit_' and p.proname !~ 'job_run_logs'`},
	{name: "remove a comment", generate: `
		select c.oid::regclass::text, format('comment on %s %s is null', case c.relkind when 'v' then 'view' else 'table' end, c.oid::regclass)
		from pg_class as c where c.relnamespace = ` + ours + ` and c.relkind in ('r', 'p', 'v')
		union all
		select p.oid::regprocedure::text, format('comment on function %s is null', p.oid::regprocedure)
		from pg_proc as p where p.pronamespace = 'api'::regnamespace
		union all
		select a.attrelid::regclass::text || '.' || a.attname, format('comment on column %s.%I is null', a.attrelid::regclass, a.attname)
		from pg_attribute as a join pg_class as c on c.oid = a.attrelid where c.relnamespace = 'api'::regnamespace and a.attnum > 0`},
	{name: "give a role power", alone: true, generate: `
		select 'role ' || r.name, format('alter role %I %s', r.name, w.power)
		from unnest('{epo_owner,audit_owner,epo_definer,epo_system,app_anon,app_user,app_admin,app_agent,epo_rest_user,epo_rest_admin,epo_rest_agent,epo_gateway,epo_migrator}'::text[]) as r (name)
		cross join unnest('{superuser,bypassrls,createrole,createdb,replication,inherit}'::text[]) as w (power)`},
	{name: "let a role log in", generate: `
		select 'role ' || r.name, format('alter role %I login', r.name)
		from unnest('{epo_owner,audit_owner,epo_definer,epo_system,app_anon,app_user,app_admin,app_agent}'::text[]) as r (name)`},
	{name: "let one login reach another role", generate: `
		select 'role ' || w.member, format('grant %I to %I', w.role, w.member)
		from (values ('app_admin', 'epo_rest_user'), ('app_admin', 'epo_rest_agent'), ('epo_definer', 'epo_rest_admin'), ('epo_owner', 'epo_gateway'),
			('app_admin', 'app_user'), ('epo_system', 'epo_definer'), ('epo_owner', 'epo_definer'), ('pg_read_all_data', 'app_user'),
			('app_admin', 'epo_migrator')) as w (role, member)`},
	{name: "inherit what must be said", generate: `
		select 'role ' || m.member::regrole, format('grant %s to %s with inherit true', m.roleid::regrole, m.member::regrole)
		from pg_auth_members as m where m.member::regrole::text like 'epo\_rest\_%' or m.member = 'epo_migrator'::regrole`},
	{name: "grant functions to come", generate: `
		select 'role ' || r.name, format('alter default privileges for role %I grant execute on functions to public', r.name)
		from unnest('{epo_owner,audit_owner,epo_definer,epo_system}'::text[]) as r (name)`},
	{name: "grant tables to come", generate: `
		select 'role ' || r.name, format('alter default privileges for role %I grant select on tables to app_user', r.name)
		from unnest('{epo_owner,audit_owner,epo_definer,epo_system}'::text[]) as r (name)`},
	{name: "publish", generate: `values ('publication extra', 'create publication extra for all tables')`},
	{name: "open the database", generate: `select 'database ' || current_database(), format('grant temporary on database %I to public', current_database())`},
	{name: "materialise", generate: `values ('api.extra', 'create materialized view api.extra as select 1 as one')`},
	{name: "put a table into api", generate: `values ('api.extra', 'create table api.extra (tenant_id uuid not null primary key)')`},
	{name: "build SQL from text", generate: `values ('api.extra(text)',
		'create function api.extra(sql text) returns void language plpgsql as $b$ begin execute extra.sql; end $b$')`},
	{name: "set claims from inside", generate: `values ('api.extra(text)',
		'create function api.extra(claims text) returns void language plpgsql as $b$ begin perform set_config(''request.jwt.claims'', claims, true); end $b$')`},
	{name: "act without asking for the role", generate: `
		select p.oid::regprocedure::text, format(
			'create or replace function api.%I(%s) returns %s language plpgsql security definer set search_path = pg_catalog, pg_temp as $b$ begin return null; end $b$',
			p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid))
		from pg_proc as p where p.pronamespace = 'api'::regnamespace and has_function_privilege('app_admin', p.oid, 'execute')`},
	{name: "act for a person without asking who it is", generate: `
		select p.oid::regprocedure::text, regexp_replace(pg_get_functiondef(p.oid), 'perform auth.require_actor\([^)]*\);', '')
		from pg_proc as p where p.pronamespace = 'auth'::regnamespace and p.prosrc ~ 'perform auth.require_actor'`},
}

// Each broken rule is found, and the rule names the object that breaks it. What
// does not get in each other's way is broken together, one mutation an object at
// a time; -alone takes every mutation for itself, which takes minutes.
func TestEveryMutationIsCaught(t *testing.T) {
	t.Parallel()
	conn := superuser(t, testkit.DB(t))
	total := 0
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			mutants := generate(t, conn, m)
			total += len(mutants)
			for _, round := range rounds(mutants, m.alone || *alone) {
				found := round.apply(t, conn)
				for _, c := range round {
					require.Contains(t, found, c.object, "%s\nfound: %v", c.sql, found)
				}
			}
		})
	}
	t.Logf("%d mutations of %d kinds", total, len(mutations))
}

// mutant is one mutation of one object, mutants those of one transaction.
type (
	mutant  struct{ object, sql string }
	mutants []mutant
)

func generate(t *testing.T, conn *pgx.Conn, m mutation) mutants {
	t.Helper()
	rows, err := conn.Query(t.Context(), m.generate)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (mutant, error) {
		var c mutant
		return c, row.Scan(&c.object, &c.sql)
	})
	require.NoError(t, err)
	require.NotEmpty(t, all, "the mutation fits nothing")
	return all
}

// rounds puts the first mutation of every object into the first round, the
// second into the second; with alone each has a round of its own.
func rounds(all mutants, alone bool) []mutants {
	var out []mutants
	next := make(map[string]int)
	for _, m := range all {
		i := next[m.object]
		if alone {
			i = len(out)
		}
		if i == len(out) {
			out = append(out, nil)
		}
		out[i] = append(out[i], m)
		next[m.object]++
	}
	return out
}

// apply breaks the database in a transaction that is rolled back, and returns
// the objects that the rules name, each with what they say.
func (m mutants) apply(t *testing.T, conn *pgx.Conn) map[string]string {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
	for _, c := range m {
		_, err = tx.Exec(t.Context(), c.sql, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err, c.sql)
	}
	violations, err := broken(t.Context(), conn)
	require.NoError(t, err)
	objects := make(map[string]string)
	for _, v := range violations {
		objects[v.object] = v.String()
	}
	return objects
}
