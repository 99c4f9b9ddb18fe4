package db_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/testkit"
)

// What a caller may come back with, besides the code of an error.
const (
	ok        = "ok"
	noGrant   = "42501"     // PostgreSQL refuses before a line runs
	forbidden = "forbidden" // the function refuses, in its first line
	notFound  = "not_found"
)

// callers are the kinds of principals of a tenant.
var callers = []string{"anon", "operator", "auditor", "admin", "agent"}

// access is what each kind of caller gets, in the order of callers.
type access [5]string

var (
	readers    = access{noGrant, ok, ok, ok, noGrant}
	auditors   = access{noGrant, "empty", ok, ok, noGrant}
	operators  = access{noGrant, ok, forbidden, ok, noGrant}
	admins     = access{noGrant, noGrant, noGrant, ok, noGrant}
	agentsOnly = access{noGrant, noGrant, noGrant, noGrant, ok}
)

// views says who sees rows of each view of api.
var views = map[string]access{
	"agents": readers, "attempts": readers, "audit_log": auditors, "enrollment_tokens": readers, "job_run_logs": readers,
	"job_run_targets": readers, "job_runs": readers, "job_targets": readers, "jobs": readers, "pools": readers,
	"script_contents": readers, "script_inspections": readers, "script_versions": readers, "scripts": readers,
	"target_inspections": readers, "targets": readers, "tenants": readers, "users": readers,
}

// function says who may call a function of api, with which arguments of a
// tenant, and what a caller gets for the arguments of another tenant.
type function struct {
	access  access
	args    func(things) testkit.Args
	foreign string // code, "items" where each item is refused, "" where nothing names a row
}

// things are rows of a tenant that arguments can name.
type things struct {
	tenant, user, agent, pool, target, spare, script, version, job, run, attempt, inspection string
}

// random names rows that exist nowhere.
func random() things {
	id := uuid.NewString
	return things{id(), id(), id(), id(), id(), id(), id(), id(), id(), id(), id(), id()}
}

func (x things) items(more string) any {
	return json.RawMessage(fmt.Sprintf(`[{"attempt_id":%q,"fencing_token":1%s}]`, x.attempt, more))
}

var functions = map[string]function{
	"append_log": {agentsOnly, func(x things) testkit.Args {
		return testkit.Args{"attempt_id": x.attempt, "fencing_token": 1, "first_seq": 2, "record_count": 1, "chunk": "{}"}
	}, "lease_lost"},
	"cancel_run":              {operators, func(x things) testkit.Args { return testkit.Args{"run_id": x.run} }, notFound},
	"claim_inspections":       {agentsOnly, func(things) testkit.Args { return testkit.Args{"max": 1} }, ""},
	"claim_run_targets":       {agentsOnly, func(things) testkit.Args { return testkit.Args{"max_targets": 1} }, ""},
	"create_enrollment_token": {admins, func(x things) testkit.Args { return testkit.Args{"pool_id": x.pool} }, notFound},
	"create_job": {operators, func(x things) testkit.Args {
		return testkit.Args{"name": "new", "script_id": x.script, "script_version_id": x.version, "target_ids": []string{x.target}}
	}, notFound},
	"create_pool": {operators, func(things) testkit.Args { return testkit.Args{"name": "new"} }, ""},
	"create_target": {operators, func(x things) testkit.Args {
		return testkit.Args{"name": "new", "kind": "local", "pool_id": x.pool, "agent_id": x.agent}
	}, notFound},
	"delete_target": {operators, func(x things) testkit.Args { return testkit.Args{"target_id": x.spare} }, notFound},
	"disable_user":  {admins, func(x things) testkit.Args { return testkit.Args{"user_id": x.user} }, notFound},
	"finish_attempts": {agentsOnly, func(x things) testkit.Args {
		return testkit.Args{"results": x.items(`,"last_seq":1,"state":"succeeded","exit_code":0`)}
	}, "items"},
	"finish_inspection": {agentsOnly, func(x things) testkit.Args {
		return testkit.Args{"inspection_id": x.inspection, "fencing_token": 1, "result": json.RawMessage(`{"ok":true}`)}
	}, "lease_lost"},
	"get_script_content": {agentsOnly, func(x things) testkit.Args { return testkit.Args{"script_version_id": x.version} }, notFound},
	"inspect_script":     {operators, func(x things) testkit.Args { return testkit.Args{"script_version_id": x.version} }, notFound},
	"inspect_target":     {operators, func(x things) testkit.Args { return testkit.Args{"target_id": x.target} }, notFound},
	"push_script":        {operators, func(things) testkit.Args { return testkit.Args{"name": "hello", "content": "MQ=="} }, ""},
	"queue_run": {operators, func(x things) testkit.Args {
		return testkit.Args{"script_id": x.script, "target_ids": []string{x.target}}
	}, notFound},
	"renew_leases":   {agentsOnly, func(x things) testkit.Args { return testkit.Args{"leases": x.items("")} }, "items"},
	"revoke_agent":   {admins, func(x things) testkit.Args { return testkit.Args{"agent_id": x.agent} }, notFound},
	"search_log":     {readers, func(x things) testkit.Args { return testkit.Args{"attempt_id": x.attempt, "query": "line"} }, notFound},
	"set_user_roles": {admins, func(x things) testkit.Args { return testkit.Args{"user_id": x.user, "roles": []string{"auditor"}} }, notFound},
	"update_target": {operators, func(x things) testkit.Args {
		return testkit.Args{"target_id": x.target, "pool_id": x.pool, "agent_id": x.agent}
	}, notFound},
	"start_attempts": {agentsOnly, func(x things) testkit.Args { return testkit.Args{"items": x.items("")} }, "items"},
}

// foreignArguments are calls that mix rows of the own tenant with one of another.
var foreignArguments = map[string]func(own, other things) testkit.Args{
	"create_job": func(own, other things) testkit.Args {
		return testkit.Args{"name": "new", "script_id": own.script, "target_ids": []string{own.target, other.target}}
	},
	"create_job with a foreign version": func(own, other things) testkit.Args {
		return testkit.Args{"name": "new", "script_id": own.script, "script_version_id": other.version, "target_ids": []string{own.target}}
	},
	"create_target": func(own, other things) testkit.Args {
		return testkit.Args{"name": "new", "kind": "local", "pool_id": own.pool, "agent_id": other.agent}
	},
	"update_target with a foreign pool": func(own, other things) testkit.Args {
		return testkit.Args{"target_id": own.target, "pool_id": other.pool}
	},
	"update_target with a foreign agent": func(own, other things) testkit.Args {
		return testkit.Args{"target_id": own.target, "agent_id": other.agent}
	},
	"queue_run with a foreign target": func(own, other things) testkit.Args {
		return testkit.Args{"script_id": own.script, "target_ids": []string{other.target}}
	},
	"queue_run with a foreign version": func(own, other things) testkit.Args {
		return testkit.Args{"script_id": own.script, "script_version_id": other.version, "target_ids": []string{own.target}}
	},
	"queue_run with nothing but a foreign version": func(own, other things) testkit.Args {
		return testkit.Args{"script_version_id": other.version, "target_ids": []string{own.target}}
	},
	"queue_run with a foreign job": func(_, other things) testkit.Args { return testkit.Args{"job_id": other.job} },
}

// world is a database with two tenants that have something of everything.
type world struct {
	conn       *pgx.Conn
	own, other things
	who        map[string]string // claims of each kind of caller of the own tenant
}

func newWorld(t *testing.T) world {
	t.Helper()
	d := testkit.DB(t)
	acme, rival := newBundle(t, d, "acme"), newBundle(t, d, "rival")
	w := world{conn: superuser(t, d), own: fill(t, acme), other: fill(t, rival)}
	w.who = map[string]string{
		"anon": `{"role":"app_anon"}`, "operator": acme.Operator.Claims(), "auditor": acme.Auditor.Claims(),
		"admin": acme.Admin.Claims(), "agent": acme.agent.Claims(),
	}
	return w
}

// fill leaves a finished and a running attempt, logs, a job and a token behind.
func fill(t *testing.T, b bundle) things {
	t.Helper()
	b.QueueRun(t, b.scriptID)
	done := b.claim(t, 1)[0]
	b.start(t, done)
	b.append(t, done, 1, 1)
	b.finish(t, done, 1, "succeeded")
	job := b.Call(t, b.Operator, "create_job", testkit.Args{"name": "nightly", "script_id": b.scriptID, "target_ids": []string{b.TargetID}})["id"].(string)
	run := b.Call(t, b.Operator, "queue_run", testkit.Args{"job_id": job, "idempotency_key": "key"})["run_id"].(string)
	c := b.claim(t, 1)[0]
	b.start(t, c)
	b.append(t, c, 1, 1)
	b.QueueRun(t, b.scriptID)
	b.Call(t, b.Operator, "inspect_target", testkit.Args{"target_id": b.TargetID})
	inspection := b.claimInspections(t, "target")[0].ID
	return things{
		b.ID, b.Operator.ID, b.agent.ID, b.PoolID, b.TargetID, b.CreateTarget(t, "spare", b.PoolID), b.scriptID, b.versionID, job, run, c.AttemptID, inspection,
	}
}

// do runs one statement in the name of a caller, as the facade would, and takes
// it back. It returns what came, or the body of the error.
func (w world) do(t *testing.T, caller, sql string, args ...any) (value, code string) {
	t.Helper()
	tx, err := w.conn.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(context.Background())) }()
	var claims struct{ Role string }
	require.NoError(t, json.Unmarshal([]byte(w.who[caller]), &claims))
	_, err = tx.Exec(t.Context(), "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", claims.Role, w.who[caller])
	require.NoError(t, err)
	var out *string
	err = tx.QueryRow(t.Context(), sql, args...).Scan(&out)
	var pg *pgconn.PgError
	switch {
	case err == nil && out == nil:
		return "", ok
	case err == nil:
		return *out, ok
	case errors.As(err, &pg) && pg.Code == "PGRST":
		var body struct{ Code string }
		require.NoError(t, json.Unmarshal([]byte(pg.Message), &body))
		return pg.Message + pg.Detail, body.Code
	case errors.As(err, &pg):
		return pg.Message, pg.Code
	}
	require.NoError(t, err)
	return "", ""
}

// call calls a function of api with named arguments.
func (w world) call(t *testing.T, caller, function string, args testkit.Args) (value, code string) {
	t.Helper()
	name, _, _ := strings.Cut(function, " ")
	var list []string
	var values []any
	for _, key := range slices.Sorted(maps.Keys(args)) {
		values = append(values, args[key])
		list = append(list, fmt.Sprintf("%s => $%d", key, len(values)))
	}
	return w.do(t, caller, "select api."+name+"("+strings.Join(list, ", ")+")::text", values...)
}

// names returns the objects of api of one kind.
func (w world) names(t *testing.T, sql string) []string {
	t.Helper()
	rows, err := w.conn.Query(t.Context(), sql)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return names
}

func TestEveryViewIsAccountedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := w.names(t, "select relname::text from pg_class where relnamespace = 'api'::regnamespace and relkind = 'v' order by 1")
	require.Equal(t, all, slices.Sorted(maps.Keys(views)), "each view needs a row in views")
	foreign := w.ids(t, w.other.tenant)
	for name, want := range views {
		for i, caller := range callers {
			t.Run(name+" "+caller, func(t *testing.T) {
				rows, code := w.do(t, caller, "select json_agg(to_jsonb(v))::text from api."+name+" as v")
				if want[i] == "empty" {
					require.Equal(t, ok, code)
					require.Empty(t, rows)
					return
				}
				require.Equal(t, want[i], code, rows)
				if code == ok {
					require.NotEmpty(t, rows)
				}
				for _, id := range foreign {
					require.NotContains(t, rows, id, "a row of another tenant")
				}
			})
		}
	}
}

// ids are all identifiers that stand in rows of a tenant and are its own.
func (w world) ids(t *testing.T, tenant string) []string {
	t.Helper()
	tables := w.names(t, `select format('select id::text from %s where tenant_id = %L', c.oid::regclass, '`+tenant+`')
		from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attname = 'id'
		where c.relnamespace = any ('{epo,auth,audit}'::regnamespace[]) and c.relkind in ('r', 'p') and not c.relispartition`)
	ids := w.names(t, strings.Join(tables, " union all "))
	require.Greater(t, len(ids), 20)
	return append(ids, tenant)
}

func TestEveryFunctionIsAccountedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := w.names(t, "select proname::text from pg_proc where pronamespace = 'api'::regnamespace order by 1")
	require.Equal(t, all, slices.Sorted(maps.Keys(functions)), "each function needs a row in functions")
	for name, f := range functions {
		for i, caller := range callers {
			t.Run(name+" "+caller, func(t *testing.T) {
				value, code := w.call(t, caller, name, f.args(w.own))
				require.Equal(t, f.access[i], code, value)
			})
		}
	}
}

// What another tenant has is answered as what does not exist, to the byte.
func TestRowsOfAnotherTenantDoNotExist(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.digest(t)
	for name, f := range functions {
		for i, caller := range callers {
			if f.access[i] != ok || f.foreign == "" {
				continue
			}
			t.Run(name+" "+caller, func(t *testing.T) {
				nowhere := random()
				foreign, code := w.call(t, caller, name, f.args(w.other))
				absent, _ := w.call(t, caller, name, f.args(nowhere))
				require.Equal(t, strings.ReplaceAll(absent, nowhere.attempt, w.other.attempt), foreign)
				if f.foreign == "items" {
					require.Equal(t, ok, code)
					require.Contains(t, foreign, `"ok": false`)
					return
				}
				require.Equal(t, f.foreign, code, foreign)
			})
		}
	}
	for name, args := range foreignArguments {
		t.Run("mixed "+name, func(t *testing.T) {
			foreign, code := w.call(t, "admin", name, args(w.own, w.other))
			absent, _ := w.call(t, "admin", name, args(w.own, random()))
			require.Equal(t, notFound, code, foreign)
			require.Equal(t, absent, foreign)
		})
	}
	require.Equal(t, before, w.digest(t))
}

// digest is over all rows of the other tenant.
func (w world) digest(t *testing.T) string {
	t.Helper()
	tables := w.names(t, `select format('select md5(coalesce(string_agg(x::text, '','' order by x::text), '''')) from %s as x where tenant_id = %L',
			c.oid::regclass, '`+w.other.tenant+`')
		from pg_class as c where c.relnamespace = any ('{epo,auth,audit}'::regnamespace[]) and c.relkind in ('r', 'p') and not c.relispartition
		order by c.oid`)
	var all []string
	for _, sql := range tables {
		all = append(all, w.names(t, sql)...)
	}
	return strings.Join(all, " ")
}

// A filter by the id of another tenant's row finds what a random id finds, and
// so does the name of a row that only the other tenant has.
func TestFiltersFindNothingOfAnotherTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for view, id := range map[string]string{
		"agents": w.other.agent, "attempts": w.other.attempt, "job_runs": w.other.run, "jobs": w.other.job, "pools": w.other.pool,
		"script_versions": w.other.version, "scripts": w.other.script, "targets": w.other.target, "tenants": w.other.tenant, "users": w.other.user,
	} {
		value, code := w.do(t, "admin", "select count(*)::text from api."+view+" where id = $1", id)
		require.Equal(t, "0", value, view)
		require.Equal(t, ok, code)
	}
}

// The tables themselves are out of reach, and so are the private functions.
func TestCallersNameNothingButTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, caller := range callers {
		for _, sql := range []string{
			"select count(*)::text from epo.job_runs", "select count(*)::text from auth.users", "select count(*)::text from audit.audit_log",
			"select epo.new_id()::text", "select epo.claim_run_targets(1)::text", "select auth.agent_key(null)::text",
			"select epo.reap_leases()::text", "select epo.maintain_partitions()::text",
			"insert into api.pools (id) values (gen_random_uuid()) returning 'x'", "update api.users set name = 'x' returning 'x'",
			"delete from api.job_run_logs returning 'x'", "create table api.x (i int)", "create temporary table x (i int)",
		} {
			_, code := w.do(t, caller, sql)
			require.Equal(t, noGrant, code, "%s: %s", caller, sql)
		}
	}
}

// Without claims, or with those of nobody, there are no rows.
func TestWithoutClaimsNothingIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, claims := range []string{`{"role":"app_admin"}`, `{"role":"app_admin","tenant_id":null,"app_roles":["admin"]}`,
		`{"role":"app_admin","tenant_id":"` + uuid.NewString() + `","app_roles":["admin","auditor"]}`} {
		w.who["nobody"] = claims
		for view := range views {
			rows, code := w.do(t, "nobody", "select json_agg(to_jsonb(v))::text from api."+view+" as v")
			require.Equal(t, ok, code)
			require.Empty(t, rows, view)
		}
	}
}
