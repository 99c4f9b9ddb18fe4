package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

// now is the time of every golden file.
func now() time.Time { return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) }

type row = map[string]any

// fakeServer speaks EPO's HTTP interface over rows in memory: enough of PostgREST's notation for this client, and functions
// that tests replace.
type fakeServer struct {
	*httptest.Server
	t testing.TB

	mu        sync.Mutex
	views     map[string][]row
	functions map[string]func(args row) (int, any)
	access    string // the token that is good
	refresh   string
	refreshes int
	events    chan struct{} // each receive is one event
	requests  []string
	away      bool
	onRead    func(view string) // called before a view is read
}

func newFakeServer(t testing.TB) *fakeServer {
	t.Helper()
	s := &fakeServer{t: t, views: map[string][]row{}, functions: map[string]func(row) (int, any){}, events: make(chan struct{}, 100)}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func refuse(status int, code, message string) (int, any) {
	return status, row{"code": code, "message": message, "details": nil, "hint": nil}
}

func (s *fakeServer) serve(w http.ResponseWriter, r *http.Request) {
	var args row
	_ = json.NewDecoder(r.Body).Decode(&args)
	s.mu.Lock()
	away := s.away
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	if away {
		panic(http.ErrAbortHandler)
	}
	if r.URL.Path == "/events" {
		s.stream(w, r)
		return
	}
	status, answer := s.route(r, args)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *fakeServer) route(r *http.Request, args row) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case "/auth/sign-in":
		if args["user"] != "jo" || args["password"] != "right" || args["client"] != "cli" {
			return refuse(401, api.CodeSignInFailed, "user name or password is wrong")
		}
		return 200, s.grant()
	case "/auth/refresh":
		if args["refresh_token"] != s.refresh {
			return refuse(401, api.CodeRefreshReused, "the session was ended")
		}
		s.refreshes++
		return 200, s.grant()
	case "/auth/sign-out":
		s.refresh, s.access = "", ""
		return 200, row{}
	case "/version":
		return 200, row{"version": "1.2.3"}
	}
	if r.Header.Get("Authorization") != "Bearer "+s.access || s.access == "" {
		return refuse(401, "PGRST301", "JWT invalid")
	}
	if r.URL.Path == "/auth/whoami" {
		return 200, s.user()
	}
	if f := s.functions[strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/api/rpc/"), "/auth/")]; f != nil {
		return f(args)
	}
	if s.onRead != nil {
		s.onRead(strings.TrimPrefix(r.URL.Path, "/api/"))
	}
	rows, known := s.views[strings.TrimPrefix(r.URL.Path, "/api/")]
	if !known {
		return refuse(404, "PGRST205", "no such view: "+r.URL.Path)
	}
	return 200, selectRows(s.t, rows, r.URL.Query())
}

func (s *fakeServer) user() row {
	return row{"id": id(1), "name": "jo", "display_name": "Jo Doe", "roles": []string{"operator"}, "tenant_id": id(2), "tenant": "acme"}
}

func (s *fakeServer) grant() row {
	n := len(s.requests)
	s.access, s.refresh = fmt.Sprint("access-", n), fmt.Sprint("refresh-", n)
	return row{"access_token": s.access, "token_type": "Bearer", "expires_in": 600, "refresh_token": s.refresh, "user": s.user()}
}

func (s *fakeServer) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		fmt.Fprintf(w, ": hello\nevent: wake\ndata: {\"run_id\":%q}\n\n", r.URL.Query().Get("run"))
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-s.events:
		}
	}
}

// set changes the server's rows under its lock and sends an event.
func (s *fakeServer) set(change func()) {
	s.mu.Lock()
	change()
	s.mu.Unlock()
	s.events <- struct{}{}
}

// id is a readable UUID.
func id(n int) string { return fmt.Sprintf("01900000-0000-7000-8000-%012d", n) }

// selectRows does what the client's notation asks for.
func selectRows(t testing.TB, rows []row, q url.Values) []row {
	out := []row{}
	for _, r := range rows {
		if slices.ContainsFunc(keys(q), func(column string) bool { return !keep(t, r[column], q.Get(column)) }) {
			continue
		}
		out = append(out, r)
	}
	if order := q.Get("order"); order != "" {
		slices.SortStableFunc(out, func(a, b row) int { return compare(a, b, strings.Split(order, ",")) })
	}
	if n, err := strconv.Atoi(q.Get("offset")); err == nil {
		out = out[min(n, len(out)):]
	}
	if n, err := strconv.Atoi(q.Get("limit")); err == nil {
		out = out[:min(n, len(out))]
	}
	return out
}

func keys(q url.Values) []string {
	var out []string
	for k := range q {
		if !slices.Contains([]string{"select", "order", "limit", "offset"}, k) {
			out = append(out, k)
		}
	}
	return out
}

func keep(t testing.TB, value any, condition string) bool {
	operator, want, _ := strings.Cut(condition, ".")
	have := fmt.Sprint(value)
	switch operator {
	case "eq":
		return have == want
	case "gte":
		a, _ := strconv.ParseFloat(have, 64)
		b, err := strconv.ParseFloat(want, 64)
		return err == nil && a >= b
	case "in":
		return strings.Contains(want, `"`+have+`"`)
	case "ilike":
		return strings.HasPrefix(strings.ToLower(have), strings.ToLower(strings.TrimSuffix(want, "*")))
	}
	t.Errorf("condition %q is not known", condition)
	return false
}

func compare(a, b row, columns []string) int {
	for _, column := range columns {
		column, descending := strings.CutSuffix(column, ".desc")
		x, y := a[column], b[column]
		c := strings.Compare(fmt.Sprint(x), fmt.Sprint(y))
		if i, ok := x.(int); ok {
			c = i - y.(int)
		}
		if descending {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// world fills the server with a small tenant.
func (s *fakeServer) world() {
	minute := func(n int) time.Time { return now().Add(-time.Duration(n) * time.Minute) }
	s.views[api.ViewPools] = []row{{"id": id(10), "name": "default", "description": "all of them", "created_at": minute(90)}}
	s.views[api.ViewAgents] = []row{
		{"id": id(11), "name": "web-01", "pool_id": id(10), "pool_name": "default", "state": "active", "version": "1.2.3", "hostname": "web-01.example", "isolation": "account", "engine_version": "7.6.9", "warm": 2, "capacity": 4, "last_seen_at": minute(0), "online": true, "created_at": minute(80)},
		{"id": id(12), "name": "web-02", "pool_id": id(10), "pool_name": "default", "state": "revoked", "version": nil, "hostname": nil, "isolation": nil, "engine_version": nil, "last_seen_at": nil, "online": false, "created_at": minute(80)},
	}
	s.views[api.ViewTargets] = []row{
		{"id": id(20), "name": "local", "kind": "local", "pool_id": id(10), "pool_name": "default", "disabled": false, "created_at": minute(70)},
		{"id": id(21), "name": "web-01", "kind": "local", "pool_id": id(10), "pool_name": "default", "disabled": true, "created_at": minute(69)},
		{"id": id(22), "name": "db-01", "kind": "ssh", "pool_id": id(10), "pool_name": "default", "agent_id": id(11), "disabled": false, "created_at": minute(68),
			"options": row{"address": "db-01.example", "user": "epo", "port": 2222, "host_key": []string{"ssh-ed25519 AAAAC3Nz", "SHA256:abc"}}},
		{"id": id(23), "name": "dc-01", "kind": "winrm", "pool_id": id(10), "pool_name": "default", "agent_id": nil, "disabled": false, "created_at": minute(67),
			"options": row{"address": "fe80::1", "user": `ACME\svc`, "ca": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"}},
	}
	s.views[api.ViewScripts] = []row{
		{"id": id(30), "name": "hello", "description": "says hello", "latest_version": 2, "latest_version_id": id(32), "created_at": minute(60), "updated_at": minute(30)},
		{"id": id(33), "name": "evil \x1b]0;title\a\u202ename", "description": nil, "latest_version": 1, "latest_version_id": id(34), "created_at": minute(60), "updated_at": minute(2000)},
	}
	s.views[api.ViewScriptVersions] = []row{
		{"id": id(31), "script_id": id(30), "script_name": "hello", "version": 1, "sha256": strings.Repeat("ab", 32), "size_bytes": 12, "notes": nil, "created_by_name": "jo", "created_at": minute(60)},
		{"id": id(32), "script_id": id(30), "script_name": "hello", "version": 2, "sha256": strings.Repeat("cd", 32), "size_bytes": 15, "notes": "says more", "created_by_name": "jo", "created_at": minute(30)},
	}
	s.views[api.ViewScriptInspections] = []row{{
		"script_version_id": id(32), "state": "done", "engine_version": "7.6.9", "engine_edition": "Core", "ok": true, "requested_at": minute(30), "finished_at": minute(30),
		"document": row{"ok": true, "errors": []row{}, "parameters": []row{
			{"name": "ComputerName", "type": row{"name": "string[]"}, "mandatory": true, "aliases": []string{"cn"}, "help": "Where to say it.\nAnd more.",
				"default": row{"kind": "none"}, "validation": []row{{"kind": "count", "min": 1, "max": 3}}},
			{"name": "Level", "type": row{"name": "string"}, "default": row{"kind": "value", "value": "Info", "text": "'Info'"},
				"sets": []row{{"name": "ByLevel", "mandatory": true}, {"name": "Other"}}, "validation": []row{{"kind": "set", "values": []any{"Info", "Error", 5}}}},
			{"name": "Count", "type": row{"name": "int"}, "help": "evil \x1b[31m\u202e", "default": row{"kind": "expression", "text": "(Get-Random)"},
				"validation": []row{{"kind": "range", "min": 1, "max": 5}, {"kind": "script", "text": "{ $_ }"}}},
		}},
	}}
	s.views[api.ViewScriptContents] = []row{{"script_version_id": id(31), "content": []byte("'hello'\r\n")}, {"script_version_id": id(32), "content": []byte("\xef\xbb\xbf'hello!'\r\n")}}
	s.views[api.ViewJobs] = []row{{"id": id(40), "name": "nightly", "script_id": id(30), "script_name": "hello", "script_version_id": nil, "parameters": row{"Name": "EPO"}, "timeout_seconds": 600, "retryable": true, "max_attempts": 3, "created_at": minute(50)}}
	s.views[api.ViewJobTargets] = []row{{"job_id": id(40), "target_id": id(20), "target_name": "local"}, {"job_id": id(40), "target_id": id(21), "target_name": "web-01"}}
	s.run(50, "failed", 40, run{targets: []runTarget{{"local", "succeeded", 0, nil}, {"web-01", "failed", 3, &api.ErrorInfo{Code: api.CodeScriptExit, Message: "the script ended with exit code 3"}}}})
	s.run(60, "succeeded", 10, run{targets: []runTarget{{"local", "succeeded", 0, nil}}})
	s.views[api.ViewAttempts], s.views[api.ViewRunLogs] = []row{}, []row{}
	s.views[api.ViewUsers] = []row{
		{"id": id(1), "name": "jo", "display_name": "Jo Doe", "disabled": false, "roles": []string{"operator"}, "created_at": minute(3000), "last_sign_in_at": minute(5)},
		{"id": id(3), "name": "olga", "display_name": "Olga \u202eÖ", "disabled": true, "roles": []string{"admin", "auditor"}, "created_at": minute(100), "last_sign_in_at": nil},
	}
}

type run struct{ targets []runTarget }

type runTarget struct {
	name, state string
	exit        int
	err         *api.ErrorInfo
}

// run adds a run whose targets have ids n+1, n+2, …
func (s *fakeServer) run(n int, state string, minutesAgo int, r run) {
	created := now().Add(-time.Duration(minutesAgo) * time.Minute)
	finished := created.Add(1500 * time.Millisecond)
	succeeded := 0
	for i, t := range r.targets {
		if t.state == "succeeded" {
			succeeded++
		}
		s.views[api.ViewRunTargets] = append(s.views[api.ViewRunTargets], row{
			"id": id(n + 1 + i), "run_id": id(n), "target_id": id(20 + i), "target_name": t.name, "state": t.state, "exit_code": t.exit, "error": t.err,
			"attempts": 1, "agent_name": "web-01", "started_at": created, "finished_at": finished,
		})
	}
	s.views[api.ViewRuns] = append(s.views[api.ViewRuns], row{
		"id": id(n), "job_id": nil, "job_name": nil, "script_id": id(30), "script_name": "hello", "script_version_id": id(32), "script_version": 2,
		"script_sha256": strings.Repeat("cd", 32), "parameters": row{"Name": "EPO"}, "state": state, "trigger": "manual", "requested_by_name": "jo",
		"created_at": created, "started_at": created, "finished_at": finished,
		"targets_total": len(r.targets), "targets_succeeded": succeeded, "targets_failed": len(r.targets) - succeeded,
	})
}

// log adds records to an attempt of a run target, as one chunk.
func (s *fakeServer) log(runN, targetN, attemptN, number int, records ...api.Record) {
	var attempt row
	for _, a := range s.views[api.ViewAttempts] {
		if a["id"] == id(attemptN) {
			attempt = a
		}
	}
	if attempt == nil {
		attempt = row{"id": id(attemptN), "run_id": id(runN), "run_target_id": id(targetN), "number": number, "state": "running", "next_seq": 1}
		s.views[api.ViewAttempts] = append(s.views[api.ViewAttempts], attempt)
	}
	var chunk strings.Builder
	firstSeq := attempt["next_seq"].(int)
	for i, r := range records {
		r.Seq = int64(firstSeq + i)
		r.Time = now()
		line, err := json.Marshal(r)
		require.NoError(s.t, err)
		chunk.Write(append(line, '\n'))
	}
	attempt["next_seq"] = firstSeq + len(records)
	s.views[api.ViewRunLogs] = append(s.views[api.ViewRunLogs], row{
		"run_id": id(runN), "attempt_id": id(attemptN), "run_target_id": id(targetN), "first_seq": firstSeq, "last_seq": firstSeq + len(records) - 1, "chunk": chunk.String(),
	})
}
