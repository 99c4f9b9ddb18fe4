package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/testkit"
)

// functionArguments gives arguments for a function in which every id is id. A function that stands nowhere here fails
// TestOtherTenantsAreNotFound.
func functionArguments(function, id string) map[string]any {
	switch function {
	case "push_script":
		return map[string]any{"name": "probe", "content": "J3gn"}
	case "create_pool":
		return map[string]any{"name": "probe-" + id}
	case "create_target":
		return map[string]any{"name": "probe", "kind": "local", "pool_id": id}
	case "create_job":
		return map[string]any{"name": "probe", "script_id": id, "target_ids": []string{id}}
	case "queue_run":
		return map[string]any{"script_id": id, "target_ids": []string{id}}
	case "cancel_run":
		return map[string]any{"run_id": id}
	case "create_enrollment_token":
		return map[string]any{"pool_id": id}
	case "revoke_agent":
		return map[string]any{"agent_id": id}
	case "disable_user":
		return map[string]any{"user_id": id, "disabled": true}
	case "set_user_roles":
		return map[string]any{"user_id": id, "roles": []string{"auditor"}}
	case "claim_run_targets":
		return map[string]any{"max_targets": 1}
	case "start_attempts":
		return map[string]any{"items": []any{map[string]any{"attempt_id": id, "fencing_token": 1, "isolation": "none", "engine_version": "7"}}}
	case "append_log":
		return map[string]any{"attempt_id": id, "fencing_token": 1, "first_seq": 1, "record_count": 1, "chunk": "{}\n"}
	case "renew_leases":
		return map[string]any{"leases": []any{map[string]any{"attempt_id": id, "fencing_token": 1}}, "agent": map[string]any{}}
	case "finish_attempts":
		return map[string]any{"results": []any{map[string]any{"attempt_id": id, "fencing_token": 1, "last_seq": 0, "state": "succeeded", "exit_code": 0, "error": nil}}}
	case "update_target":
		return map[string]any{"target_id": id, "pool_id": id}
	case "delete_target", "inspect_target":
		return map[string]any{"target_id": id}
	case "inspect_script":
		return map[string]any{"script_version_id": id}
	case "claim_inspections":
		return map[string]any{"max": 1}
	case "finish_inspection":
		return map[string]any{"inspection_id": id, "fencing_token": 1, "result": map[string]any{"ok": true}}
	case "search_log":
		return map[string]any{"attempt_id": id, "query": "x"}
	case "get_script_content":
		return map[string]any{"script_version_id": id}
	}
	return nil
}

// withoutObjects are the functions that name nothing of a tenant.
var withoutObjects = map[string]bool{"push_script": true, "create_pool": true, "claim_run_targets": true, "claim_inspections": true}

// TestOtherTenantsAreNotFound: for every function of api, the id of anything that another tenant has is answered with the
// same bytes as an id that nobody has, and changes nothing.
func TestOtherTenantsAreNotFound(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	mine, theirs := s.newTenant("mine"), s.newTenant("theirs")
	myMachine, theirMachine := s.newMachine(mine, "pool"), s.newMachine(theirs, "pool")
	script, target, run := s.newRun(theirs, theirMachine, "victim")
	s.do("POST", "/api/rpc/claim_run_targets", theirMachine.access, map[string]any{"max_targets": 1}, nil)
	foreign := []string{theirs.id, theirs.adminID, theirs.operatorID, theirMachine.id, theirMachine.pool, script, target, run}
	for _, view := range []string{"script_versions", "job_run_targets", "attempts", "jobs"} {
		foreign = append(foreign, s.ids(theirs.admin, view)...)
	}
	functions := testkit.Value[[]string](t, s.db, "select array_agg(distinct proname::text) from pg_proc where pronamespace = 'api'::regnamespace")
	before := s.fingerprint(theirs)
	for _, function := range functions {
		require.NotNil(t, functionArguments(function, "x"), "api.%s has no arguments in this test", function)
		if withoutObjects[function] {
			continue
		}
		for role, bearer := range map[string]string{"admin": mine.admin, "operator": mine.operator, "auditor": mine.auditor, "agent": myMachine.access} {
			random := s.probe(bearer, function, uuid.NewString())
			for _, id := range foreign {
				require.Equal(t, random, s.probe(bearer, function, id), "%s as %s", function, role)
			}
		}
	}
	require.Equal(t, before, s.fingerprint(theirs), "nothing of theirs has changed")
	require.Equal(t, http.StatusNotFound, s.do("GET", "/events?run="+uuid.NewString(), mine.admin, nil, nil).status)
	require.Equal(t, s.do("GET", "/events?run="+uuid.NewString(), mine.admin, nil, nil).body, s.do("GET", "/events?run="+run, mine.admin, nil, nil).body)
}

// probe calls a function with id and gives status and body, the id itself taken out.
func (s *stack) probe(bearer, function, id string) string {
	s.t.Helper()
	a := s.do("POST", "/api/rpc/"+function, bearer, functionArguments(function, id), nil)
	return http.StatusText(a.status) + " " + strings.ReplaceAll(a.body, id, "<id>")
}

// ids reads the ids of a view.
func (s *stack) ids(bearer, view string) []string {
	s.t.Helper()
	var rows []struct{ ID string }
	a := s.get(bearer, "/"+view+"?select=id")
	require.Equal(s.t, http.StatusOK, a.status, a.body)
	a.json(s.t, &rows)
	var list []string
	for _, r := range rows {
		list = append(list, r.ID)
	}
	return list
}

// fingerprint is the state of what a tenant has.
func (s *stack) fingerprint(tn tenant) string {
	s.t.Helper()
	var b strings.Builder
	for _, view := range []string{"users", "pools", "agents", "scripts", "targets", "jobs", "job_runs", "job_run_targets", "attempts"} {
		b.WriteString(s.get(tn.admin, "/"+view+"?order=id&select="+fingerprintColumns(view)).body)
	}
	return b.String()
}

// fingerprintColumns leaves out what changes by itself.
func fingerprintColumns(view string) string {
	switch view {
	case "agents":
		return "id,name,state"
	case "users":
		return "id,name,disabled,roles"
	}
	return "*"
}

// TestEveryViewShowsOneTenant: each view, with each tenant's token, gives rows of that tenant only, and asking by the id of
// another tenant's row gives the same bytes as by a random one.
func TestEveryViewShowsOneTenant(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	mine, theirs := s.newTenant("mine"), s.newTenant("theirs")
	for _, tn := range []tenant{mine, theirs} {
		m := s.newMachine(tn, "pool-"+tn.slug)
		script, target, _ := s.newRun(tn, m, "secret-of-"+tn.slug)
		s.call(tn.operator, "create_job", map[string]any{"name": "job-" + tn.slug, "script_id": script, "target_ids": []string{target}})
		s.call(tn.operator, "inspect_target", map[string]any{"target_id": target})
	}
	views := testkit.Value[[]string](t, s.db, "select array_agg(relname::text order by relname) from pg_class where relnamespace = 'api'::regnamespace and relkind = 'v'")
	require.NotEmpty(t, views)
	for _, view := range views {
		own := s.get(mine.admin, "/"+view)
		if view == "audit_log" {
			own = s.get(mine.auditor, "/"+view)
		}
		require.Equal(t, http.StatusOK, own.status, "%s: %s", view, own.body)
		require.NotContains(t, own.body, "theirs", view)
		require.NotContains(t, own.body, theirs.id, view)
		var rows []map[string]any
		own.json(t, &rows)
		empty := map[string]bool{"attempts": true, "job_run_logs": true}
		require.Equal(t, empty[view], len(rows) == 0, view)
	}
	for _, view := range views {
		column := "id"
		if !strings.Contains(" tenants users pools agents enrollment_tokens scripts script_versions targets jobs job_runs job_run_targets attempts ", " "+view+" ") {
			continue
		}
		random := s.get(mine.admin, "/"+view+"?"+column+"=eq."+uuid.NewString())
		for _, id := range s.ids(theirs.admin, view) {
			got := s.get(mine.admin, "/"+view+"?"+column+"=eq."+id)
			require.Equal(t, random.body, got.body, view)
			require.Equal(t, random.status, got.status, view)
		}
	}
}

// TestEveryColumnCanBeAskedFor: each column of each view can be selected, filtered by and, where its type has an order,
// sorted by.
func TestEveryColumnCanBeAskedFor(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	s.newRun(tn, m, "script")
	columns := testkit.Value[[]string](t, s.db, `select array_agg(c.relname || ' ' || a.attname || ' ' || (t.typname = 'json')::text order by c.relname, a.attnum)
		from pg_class as c join pg_attribute as a on a.attrelid = c.oid join pg_type as t on t.oid = a.atttypid
		where c.relnamespace = 'api'::regnamespace and c.relkind = 'v' and a.attnum > 0`)
	require.Greater(t, len(columns), 100)
	for _, line := range columns {
		part := strings.Fields(line)
		view, column, unordered := part[0], part[1], part[2] == "true"
		query := "/" + view + "?select=" + column + "&" + column + "=not.is.null&limit=3"
		if !unordered {
			query += "&order=" + column + ".desc.nullslast"
		}
		a := s.get(tn.auditor, query)
		require.Equal(t, http.StatusOK, a.status, "%s: %s", query, a.body)
		var rows []map[string]any
		a.json(t, &rows)
		for _, row := range rows {
			require.Contains(t, row, column)
			require.NotNil(t, row[column])
		}
	}
}

// TestViewsAnswerFilters runs each operator against a real view.
func TestViewsAnswerFilters(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	for _, name := range []string{"alpha", "beta", "gamma, delta", "50%_done"} {
		s.call(tn.admin, "create_pool", map[string]any{"name": name, "description": map[string]any{"alpha": "first"}[name]})
	}
	names := func(query string) []string {
		a := s.get(tn.operator, "/pools?select=name&order=name&"+query)
		require.Contains(t, []int{200, 206}, a.status, "%s: %s", query, a.body)
		var rows []struct{ Name string }
		a.json(t, &rows)
		list := []string{}
		for _, r := range rows {
			list = append(list, r.Name)
		}
		return list
	}
	all := []string{"50%_done", "alpha", "beta", "gamma, delta"}
	for query, want := range map[string][]string{
		"": all, "name=eq.alpha": {"alpha"}, "name=neq.alpha": {"50%_done", "beta", "gamma, delta"}, "name=gt.alpha": {"beta", "gamma, delta"}, "name=gte.beta": {"beta", "gamma, delta"},
		"name=lt.beta": {"50%_done", "alpha"}, "name=lte.alpha": {"50%_done", "alpha"}, "name=like.*a": {"alpha", "beta", "gamma, delta"}, "name=ilike.AL*": {"alpha"},
		`name=in.(alpha,"gamma, delta")`: {"alpha", "gamma, delta"}, "name=in.()": {}, "description=is.null": {"50%_done", "beta", "gamma, delta"}, "description=not.is.null": {"alpha"}, "description=is.not_null": {"alpha"},
		"name=not.eq.alpha": {"50%_done", "beta", "gamma, delta"}, "name=not.in.(alpha)": {"50%_done", "beta", "gamma, delta"}, "or=(name.eq.alpha,name.eq.beta)": {"alpha", "beta"},
		"and=(name.gt.a,or(name.eq.alpha,not.and(name.gt.b,name.lt.c)))": {"alpha", "gamma, delta"}, `or=(name.eq."gamma, delta")`: {"gamma, delta"},
		"limit=2": {"50%_done", "alpha"}, "limit=2&offset=1": {"alpha", "beta"}, "limit=0": {}, "id=not.is.null": all, "created_at=gt.2000-01-01": all, "created_at=lt.2000-01-01T00:00:00Z": {},
		"name=eq.' or '1'='1": {}, "name=eq.alpha'--": {},
	} {
		require.Equal(t, want, names(strings.NewReplacer(" ", "%20", `"`, "%22", "%_", "%25_").Replace(query)), query)
	}
	reversed := s.get(tn.operator, "/pools?select=n:name&order=description.desc.nullslast,name.desc&limit=2")
	require.JSONEq(t, `[{"n":"alpha"},{"n":"gamma, delta"}]`, reversed.body)
	require.Equal(t, "0-1/*", reversed.header.Get("Content-Range"))
}

func TestRangesCountsAndSingular(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	for _, name := range []string{"a", "b", "c"} {
		s.call(tn.admin, "create_pool", map[string]any{"name": name})
	}
	ask := func(method, query string, header http.Header) answer {
		return s.do(method, "/api/pools?select=name&order=name"+query, tn.operator, nil, header)
	}
	for _, tc := range []struct {
		query  string
		header http.Header
		status int
		window string
		body   string
	}{
		{"", http.Header{"Prefer": {"count=exact"}}, 200, "0-2/3", `[{"name":"a"},{"name":"b"},{"name":"c"}]`},
		{"&limit=2", http.Header{"Prefer": {"count=exact"}}, 206, "0-1/3", `[{"name":"a"},{"name":"b"}]`},
		{"", http.Header{"Prefer": {"count=exact"}, "Range": {"1-1"}}, 206, "1-1/3", `[{"name":"b"}]`},
		{"", http.Header{"Range": {"1-"}}, 200, "1-2/*", `[{"name":"b"},{"name":"c"}]`},
		{"&offset=3", http.Header{"Prefer": {"count=exact"}}, 206, "*/3", `[]`},
		{"&name=eq.b", http.Header{"Accept": {"application/vnd.pgrst.object+json"}}, 200, "0-0/*", `{"name":"b"}`},
	} {
		a := ask("GET", tc.query, tc.header)
		require.Equal(t, tc.status, a.status, a.body)
		require.Equal(t, tc.window, a.header.Get("Content-Range"))
		require.JSONEq(t, tc.body, a.body)
		head := ask("HEAD", tc.query, tc.header)
		require.Empty(t, head.body)
		if tc.header.Get("Range") == "" {
			require.Equal(t, tc.status, head.status)
			require.Equal(t, tc.window, head.header.Get("Content-Range"))
		}
	}
	behind := ask("GET", "&offset=4", http.Header{"Prefer": {"count=exact"}})
	require.Equal(t, []any{416, "PGRST103"}, []any{behind.status, behind.code()})
	many := ask("GET", "", http.Header{"Accept": {"application/vnd.pgrst.object+json"}})
	require.Equal(t, []any{406, "PGRST116"}, []any{many.status, many.code()})
}

// TestBadInputsReachTheTable: what the database refuses has PostgREST's status, its own code, and no data.
func TestBadInputsReachTheTable(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	for _, tc := range []struct {
		method, path string
		body         any
		status       int
		code         string
	}{
		{"GET", "/api/pools?id=eq.x", nil, 400, "22P02"},
		{"GET", "/api/pools?created_at=eq.294277-01-01", nil, 400, "22008"},
		{"GET", "/api/scripts?latest_version=eq.9223372036854775808", nil, 400, "22003"},
		{"GET", "/api/pools?id=like.x", nil, 404, "42883"},
		{"GET", "/api/rpc/create_pool?name=pool", nil, 405, "25006"},
		{"GET", "/api/nope", nil, 404, "PGRST205"},
		{"GET", "/api/pg_catalog.pg_authid", nil, 404, "PGRST205"},
		{"POST", "/api/rpc/nope", `{}`, 404, "PGRST202"},
		{"POST", "/api/rpc/cancel_run", `{"run_id":"x"}`, 400, "22P02"},
		{"POST", "/api/rpc/cancel_run", `{"run_id":["` + uuid.NewString() + `"]}`, 400, "22P02"},
		{"POST", "/api/rpc/cancel_run", `{"run_id":"` + uuid.NewString() + `","tenant_id":"x"}`, 404, "PGRST202"},
		{"POST", "/api/rpc/create_pool", `{"name":"\u0000"}`, 400, "22P05"},
		{"POST", "/api/rpc/create_pool", `{"name":"\ud800"}`, 400, "22P02"},
		{"POST", "/api/rpc/create_pool", "{\"name\":\"\xff\"}", 400, "PGRST102"},
		{"POST", "/api/rpc/create_pool", ``, 400, "PGRST102"},
		{"POST", "/api/rpc/create_pool", `{"name":"a","name":"b"}`, 400, "PGRST102"},
		{"DELETE", "/api/pools", nil, 405, "PGRST117"},
		{"PUT", "/api/rpc/create_pool", `{}`, 405, "PGRST101"},
		{"TRACE", "/api/pools", nil, 405, "PGRST117"},
	} {
		a := s.do(tc.method, tc.path, tn.admin, tc.body, nil)
		require.Equal(t, []any{tc.status, tc.code}, []any{a.status, a.code()}, "%s %s %v: %s", tc.method, tc.path, tc.body, a.body)
		var members map[string]json.RawMessage
		a.json(t, &members)
		require.Len(t, members, 4, a.body)
	}
	options := s.do("OPTIONS", "/api/rpc/create_pool", tn.admin, nil, nil)
	require.Equal(t, "OPTIONS,GET,HEAD,POST", options.header.Get("Allow"))
	large := s.do("POST", "/api/rpc/create_pool", tn.admin, `{"name":"`+strings.Repeat("a", 17<<20)+`"}`, nil)
	require.Equal(t, http.StatusRequestEntityTooLarge, large.status)
}
