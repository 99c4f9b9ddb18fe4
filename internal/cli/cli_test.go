package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/epo-dev/epo/internal/api"
)

var update = flag.Bool("update", false, "write the golden files again")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer is a bytes.Buffer that may be read while a command writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// person is somebody at a terminal or a pipe.
type person struct {
	t        testing.TB
	server   *fakeServer
	config   string
	terminal bool
	password string
	typed    func(prompt string) (string, error) // nil: nobody can be asked
}

func newPerson(t testing.TB) *person {
	t.Helper()
	s := newFakeServer(t)
	s.world()
	p := &person{t: t, server: s, config: t.TempDir(), password: "right"}
	require.Equal(t, 0, p.do("right\n", "login", "--user", "jo", "--password-stdin").code)
	return p
}

type outcome struct {
	out, err string
	code     int
}

func (p *person) env(stdin string, out, errs *buffer) Env {
	return Env{
		In: strings.NewReader(stdin), Out: out, Err: errs, Now: now, ConfigDir: p.config, OutTerminal: p.terminal, ErrTerminal: p.terminal, ReadPassword: p.typed,
		Getenv: func(name string) string {
			if name == "EPO_SERVER" {
				return p.server.URL
			}
			return ""
		},
	}
}

func (p *person) do(stdin string, args ...string) outcome {
	p.t.Helper()
	var out, errs buffer
	code := Run(p.t.Context(), NewRoot(p.env(stdin, &out, &errs)), args)
	return outcome{out.String(), errs.String(), code}
}

func (p *person) ok(args ...string) string {
	p.t.Helper()
	o := p.do("", args...)
	require.Equal(p.t, 0, o.code, "%s%s", o.out, o.err)
	return o.out
}

// golden compares with a file of testdata; addresses of the test's server are made equal first.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestGoldenOutput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		args     []string
		terminal bool
	}{
		{"help", []string{"--help"}, false},
		{"whoami", []string{"whoami"}, false},
		{"whoami-json", []string{"whoami", "-o", "json"}, false},
		{"version", []string{"version"}, false},
		{"script-list", []string{"script", "list"}, false},
		{"script-list-terminal", []string{"script", "list"}, true},
		{"script-list-json", []string{"script", "list", "--output", "json"}, false},
		{"script-show", []string{"script", "show", "hello"}, false},
		{"script-show-id", []string{"script", "show", id(30), "--version", "1"}, false},
		{"script-show-json", []string{"script", "show", "hello", "-o", "json"}, false},
		{"script-unknown", []string{"script", "show", "helo"}, false},
		{"script-version-unknown", []string{"script", "show", "hello", "--version", "9"}, false},
		{"target-list", []string{"target", "list"}, false},
		{"target-show", []string{"target", "show", "db-01"}, false},
		{"target-show-winrm", []string{"target", "show", "dc-01"}, false},
		{"target-show-json", []string{"target", "show", "db-01", "-o", "json"}, false},
		{"target-create-help", []string{"target", "create", "--help"}, false},
		{"target-unknown", []string{"target", "show", "db-1"}, false},
		{"user-list", []string{"user", "list"}, false},
		{"user-list-terminal", []string{"user", "list"}, true},
		{"user-unknown", []string{"user", "disable", "olgaa"}, false},
		{"user-help", []string{"user", "--help"}, false},
		{"pool-list", []string{"pool", "list"}, false},
		{"agent-list", []string{"agent", "list"}, false},
		{"agent-list-terminal", []string{"agent", "list"}, true},
		{"job-list", []string{"job", "list"}, false},
		{"job-show", []string{"job", "show", "nightly"}, false},
		{"run-list", []string{"run", "list"}, false},
		{"run-list-terminal", []string{"run", "list"}, true},
		{"run-list-none", []string{"run", "list", "--state", "queued"}, false},
		{"run-show", []string{"run", "show", id(50)}, false},
		{"run-show-last", []string{"run", "show", "last"}, false},
		{"run-show-unknown", []string{"run", "show", id(99)}, false},
		{"run-show-bad-id", []string{"run", "show", "50"}, false},
		{"unknown-command", []string{"scrpt"}, false},
		{"unknown-verb", []string{"script", "lst"}, false},
		{"unknown-flag", []string{"script", "list", "--nope"}, false},
		{"bad-output", []string{"script", "list", "-o", "xml"}, false},
		{"start-nothing", []string{"run", "start"}, false},
		{"start-both", []string{"run", "start", "nightly", "--script", "hello"}, false},
		{"start-job-version", []string{"run", "start", "nightly", "--version", "1"}, false},
		{"start-no-target", []string{"run", "start", "--script", "hello"}, false},
		{"start-bad-param", []string{"run", "start", "nightly", "--param", "=x"}, false},
		{"job-create-nothing", []string{"job", "create", "x"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPerson(t)
			p.terminal = c.terminal
			o := p.do("", c.args...)
			text := fmt.Sprintf("$ epo %s\n%s", strings.Join(c.args, " "), o.out)
			if o.err != "" {
				text += "-- standard error\n" + o.err
			}
			text += fmt.Sprintf("-- exit code %d\n", o.code)
			golden(t, c.name, strings.ReplaceAll(text, p.server.URL, "http://SERVER"))
		})
	}
}

func TestScriptContentIsExact(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	require.Equal(t, "\xef\xbb\xbf'hello!'\r\n", p.ok("script", "show", "hello", "--content"))
	require.Equal(t, "'hello'\r\n", p.ok("script", "show", "hello", "--content", "--version", "1"))
}

func TestPushSendsExactBytes(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	content := "\xef\xbb\xbfparam($x)\r\n\x00$x"
	file := filepath.Join(t.TempDir(), "Hello World.PS1")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	var got row
	p.server.functions["push_script"] = func(args row) (int, any) {
		got = args
		return 200, row{"script_id": id(1), "script_version_id": id(2), "version": 3, "sha256": "abc", "size_bytes": len(content), "created": got["notes"] != nil}
	}
	require.Equal(t, "Pushed Hello World version 3, 17 bytes, sha256 abc\n", p.ok("script", "push", file, "--notes", "n"))
	require.Equal(t, row{"name": "Hello World", "content": "77u/cGFyYW0oJHgpDQoAJHg=", "notes": "n"}, got)
	require.Equal(t, "Unchanged: x version 3, 17 bytes, sha256 abc\n", p.ok("script", "push", file, "--name", "x"))

	// What the inspection says comes behind, and does not make the push a failure.
	p.server.views[api.ViewScriptInspections] = []row{{"script_version_id": id(2), "state": "pending"}}
	for _, agent := range p.server.views[api.ViewAgents] {
		agent["online"] = false
	}
	o := p.do("", "script", "push", file)
	require.Equal(t, outcome{"Unchanged: Hello World version 3, 17 bytes, sha256 abc\n", "Not inspected yet; it can run, and its parameters are not checked before\n", 0}, o)
	require.Empty(t, p.do("", "script", "push", file, "--no-wait").err)
	p.server.views[api.ViewAgents][0]["online"] = true
	asked := 0
	p.server.onRead = func(view string) {
		if asked++; view == api.ViewScriptInspections && asked > 3 {
			p.server.views[view] = []row{{"script_version_id": id(2), "state": "done", "engine_version": "7.6.9", "engine_edition": "Core", "ok": false, "document": row{
				"parameters": []row{{"name": "x"}}, "errors": []row{
					{"id": "MissingEndCurlyBrace", "message": "Missing closing '}'\n\x1b[2J in block.", "line": 3, "column": 7},
					{"id": "TypeNotFound", "message": "Unable to find type [X].", "line": 4, "column": 1, "environment": true}}}}}
		}
	}
	o = p.do("", "script", "push", file)
	require.Equal(t, 0, o.code)
	require.Equal(t, "Inspected by PowerShell 7.6.9 (Core): 1 parameter, 2 syntax errors\n"+
		file+":3:7: Missing closing '}' ␛[2J in block. [MissingEndCurlyBrace]\n"+
		file+":4:1: Unable to find type [X]. [TypeNotFound] (on the agent's machine; another may have it)\n", o.err)
	require.Contains(t, p.ok("script", "push", file, "-o", "json"), `"inspection": {`)
	p.server.onRead = nil
	p.server.views[api.ViewScriptInspections] = []row{{"script_version_id": id(2), "state": "done", "not_inspected_reason": "configuration", "finished_at": now()}}
	require.Equal(t, "Not inspected: it has a configuration, which PowerShell's parser would act on\n", p.do("", "script", "push", file).err)

	large := filepath.Join(t.TempDir(), "large.ps1")
	require.NoError(t, os.WriteFile(large, make([]byte, 5<<20+1), 0o600))
	o = p.do("", "script", "push", large)
	require.Equal(t, 1, o.code)
	require.Contains(t, o.err, "5 MiB")
	o = p.do("x", "script", "push", "-")
	require.Contains(t, o.err, "--name")
}

func TestCreateCommandsSendIds(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	sent := map[string]row{}
	for _, f := range []string{"create_target", "create_job", "create_pool", "create_enrollment_token", "revoke_agent"} {
		p.server.functions[f] = func(args row) (int, any) {
			sent[f] = args
			return 200, row{"id": id(99), "token": "epe_secret", "expires_at": "2026-11-26T13:00:00Z"}
		}
	}
	p.ok("target", "create", "db-01", "--agent", "web-01")
	require.Equal(t, row{"name": "db-01", "kind": "local", "pool_id": id(10), "agent_id": id(11)}, sent["create_target"])
	p.ok("job", "create", "j", "--script", "hello", "--version", "1", "--target", "local", "--target", id(21), "--param", "n=5", "--timeout", "90s", "--retryable", "--max-attempts", "2")
	require.Equal(t, row{
		"name": "j", "script_id": id(30), "script_version_id": id(31), "target_ids": []any{id(20), id(21)}, "parameters": row{"n": 5.0},
		"timeout_seconds": 90.0, "retryable": true, "max_attempts": 2.0,
	}, sent["create_job"])
	p.ok("pool", "create", "edge", "--description", "d")
	require.Equal(t, row{"name": "edge", "description": "d"}, sent["create_pool"])
	text := p.ok("agent", "enroll-token", "--ttl", "10m")
	require.Equal(t, row{"pool_id": id(10), "ttl_seconds": 600.0}, sent["create_enrollment_token"])
	require.Contains(t, text, "epo-agent enroll --server "+p.server.URL+" --token epe_secret")
	p.ok("agent", "revoke", "web-02")
	require.Equal(t, row{"agent_id": id(12)}, sent["revoke_agent"])
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	o := p.do("wrong\n", "login", "--user", "jo", "--password-stdin")
	require.Equal(t, 1, o.code)
	require.Contains(t, o.err, "sign_in_failed")
	require.Contains(t, o.err, "epo admin user reset-password")
	p.ok("logout")
	o = p.do("", "script", "list")
	require.Contains(t, o.err, "epo login")
	p.server.away = true
	p.server.CloseClientConnections()
	o = p.do("", "version")
	require.Equal(t, 1, o.code)
	require.Contains(t, o.err, "is the server running")
}

func TestSessionIsRefreshedAndPrivate(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	files, err := filepath.Glob(filepath.Join(p.config, "sessions", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	info, err := os.Stat(files[0])
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	p.server.access = "rotated" // the server takes the old one no more
	p.ok("whoami")
	require.Equal(t, 1, p.server.refreshes)
}

// TestTwoCommandsThatRefreshAtOnce: the refresh token works once, and still every command succeeds.
func TestTwoCommandsThatRefreshAtOnce(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.server.set(func() { p.server.access = "rotated" })
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if o := p.do("", "whoami"); o.code != 0 {
				t.Error(o.err)
			}
		})
	}
	group.Wait()
	require.Equal(t, 1, p.server.refreshes)
}

func TestCompletionOffersNames(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	require.Contains(t, p.ok("__complete", "script", "show", "HEL"), "hello\n")
	require.Contains(t, p.ok("__complete", "run", "start", "--script", ""), "hello\n")
	require.Contains(t, p.ok("__complete", "run", "start", "--target", "lo"), "local\n")
	require.Contains(t, p.ok("__complete", "run", "logs", ""), id(60))
	require.Contains(t, p.ok("__complete", "run", "logs", "la"), "last\t")
	p.ok("logout")
	require.NotContains(t, p.ok("__complete", "script", "show", ""), "hello")
}

func output(texts ...string) []api.Record {
	var records []api.Record
	for _, t := range texts {
		records = append(records, api.Record{Stream: api.StreamOutput, Text: t})
	}
	return records
}

// queueing makes the server answer queue_run by a run that is queued.
func (p *person) queueing(sent *row) {
	p.server.functions["queue_run"] = func(args row) (int, any) {
		if sent != nil {
			*sent = args
		}
		p.server.run(70, "queued", 0, run{targets: []runTarget{{"local", "pending", 0, nil}}})
		return 200, row{"run_id": id(70), "state": "queued", "created": true}
	}
}

// finish ends the run with the given result.
func (s *fakeServer) finish(n int, state string, exit int, e *api.ErrorInfo) {
	for _, r := range s.views[api.ViewRuns] {
		if r["id"] == id(n) {
			r["state"] = state
		}
	}
	for _, r := range s.views[api.ViewRunTargets] {
		if r["run_id"] == id(n) {
			r["state"], r["exit_code"], r["error"] = state, exit, e
		}
	}
}

func TestStartWithoutWaitPrintsTheId(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	var sent row
	p.queueing(&sent)
	require.Equal(t, id(70)+"\n", p.ok("run", "start", "--script", "hello", "--target", "local", "--param", "Name=EPO", "--param", "Times=3", "--param", "Force", "--timeout", "2m"))
	require.NotEmpty(t, sent["idempotency_key"])
	delete(sent, "idempotency_key")
	require.Equal(t, row{"script_id": id(30), "target_ids": []any{id(20)}, "parameters": row{"Name": "EPO", "Times": 3.0, "Force": true}, "timeout_seconds": 120.0}, sent)
	p.ok("run", "start", "nightly", "--idempotency-key", "k")
	require.Equal(t, row{"job_id": id(40), "idempotency_key": "k"}, sent)
	p.ok("run", "start", "--script", "hello", "--version", "1", "--target", "local")
	require.Equal(t, id(31), sent["script_version_id"])
	p.server.functions["queue_run"] = func(row) (int, any) { return 200, row{"run_id": id(70), "state": "queued", "checked": false} }
	require.Contains(t, p.do("", "run", "start", "nightly", "--param", "a=1").err, "not inspected")
	require.Empty(t, p.do("", "run", "start", "nightly").err, "nothing was to be checked")
}

func TestWaitShowsRecordsLiveAndEndsWithTheScriptsCode(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.queueing(nil)
	var out, errs buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Run(t.Context(), NewRoot(p.env("", &out, &errs)), []string{"run", "start", "--script", "hello", "--target", "local", "--wait"})
	}()
	require.Eventually(t, func() bool {
		p.server.mu.Lock()
		defer p.server.mu.Unlock()
		return len(p.server.views[api.ViewRuns]) == 3
	}, time.Minute, time.Millisecond)
	p.server.set(func() { p.server.log(70, 71, 80, 1, output("one", "two")...) })
	require.Eventually(t, func() bool { return out.String() == "one\ntwo\n" }, time.Minute, time.Millisecond, "live, long before the run ends and without polling")
	p.server.set(func() {
		p.server.log(70, 71, 80, 1, api.Record{Stream: api.StreamObject, Object: []byte(`{"type":"x"}`)}, api.Record{Stream: api.StreamWarning, Text: "careful"},
			api.Record{Stream: api.StreamError, Text: "bad\nworse"}, api.Record{Stream: api.StreamInformation, Text: "twice"}, api.Record{Stream: api.StreamHost, Text: "host"})
		p.server.finish(70, "failed", 5, &api.ErrorInfo{Code: api.CodeScriptExit, Message: "the script ended with exit code 5"})
	})
	require.Equal(t, 5, <-ended)
	require.Equal(t, "one\ntwo\nWARNING: careful\nhost\n", out.String())
	require.Equal(t, "bad\nworse\nrun "+id(70)+" failed\n  local: failed, script_exit: the script ended with exit code 5\n", errs.String())
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	code := func(n int) *int { return &n }
	for _, c := range []struct {
		state   string
		targets []api.RunTarget
		want    int
	}{
		{"succeeded", []api.RunTarget{{ExitCode: code(0)}}, 0},
		{"failed", []api.RunTarget{{ExitCode: code(3)}}, 3},
		{"failed", []api.RunTarget{{ExitCode: code(0)}}, 1},
		{"failed", []api.RunTarget{{ExitCode: code(256)}}, 1},
		{"failed", []api.RunTarget{{ExitCode: code(-1)}}, 255},
		{"failed", []api.RunTarget{{}}, 1},
		{"partially_failed", []api.RunTarget{{ExitCode: code(3)}, {ExitCode: code(0)}}, 1},
		{"cancelled", []api.RunTarget{{}}, 1},
	} {
		got := 0
		if e, ok := errors.AsType[exitError](exitCode(api.Run{State: c.state}, c.targets)); ok {
			got = int(e)
		}
		require.Equal(t, c.want, got, "%v", c)
	}
}

func TestInterruptStopsWatchingOnly(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.queueing(nil)
	ctx, interrupt := context.WithCancel(t.Context())
	var out, errs buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, NewRoot(p.env("", &out, &errs)), []string{"run", "start", "--script", "hello", "--target", "local", "--wait"})
	}()
	require.Eventually(t, func() bool {
		p.server.mu.Lock()
		defer p.server.mu.Unlock()
		return len(p.server.views[api.ViewRuns]) == 3
	}, time.Minute, time.Millisecond)
	p.server.set(func() { p.server.log(70, 71, 80, 1, output("one")...) })
	require.Eventually(t, func() bool { return out.String() == "one\n" }, time.Minute, time.Millisecond)
	interrupt()
	require.Equal(t, 130, <-ended)
	require.Contains(t, errs.String(), "epo run logs -f "+id(70))
	require.Contains(t, errs.String(), "epo run cancel "+id(70))
	require.NotContains(t, p.server.requests, "POST /api/rpc/cancel_run")
}

func TestFollowerOutlivesAServerThatIsAway(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.server.run(70, "running", 0, run{targets: []runTarget{{"local", "running", 0, nil}}})
	p.server.log(70, 71, 80, 1, output("one")...)
	var out, errs buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Run(t.Context(), NewRoot(p.env("", &out, &errs)), []string{"run", "logs", "-f", id(70)})
	}()
	require.Eventually(t, func() bool { return out.String() == "one\n" }, time.Minute, time.Millisecond)
	p.server.set(func() { p.server.away = true })
	p.server.CloseClientConnections()
	require.Eventually(t, func() bool { return strings.Contains(errs.String(), "does not answer") }, time.Minute, 5*time.Millisecond)
	p.server.set(func() {
		p.server.away = false
		p.server.log(70, 71, 80, 1, output("two")...)
		p.server.finish(70, "succeeded", 0, nil)
	})
	require.Equal(t, 0, <-ended)
	require.Equal(t, "one\ntwo\n", out.String())
}

func TestLogsShowEachRecordOnceWhateverTheChunks(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.server.run(70, "running", 0, run{targets: []runTarget{{"local", "running", 0, nil}, {"web-01", "running", 0, nil}}})
	want := ""
	for i := range 200 { // more chunks than one page has
		p.server.log(70, 71, 80, 1, output(fmt.Sprint("a", i), fmt.Sprint("b", i))...)
		want += fmt.Sprintf("[local] a%d\n[local] b%d\n", i, i)
	}
	p.server.log(70, 72, 81, 2, output("again")...)
	require.Equal(t, want+"[web-01] again\n", p.ok("run", "logs", id(70)))
	require.Equal(t, "[web-01] again\n", p.ok("run", "logs", id(70), "--target", "web-01"))
	require.Contains(t, p.do("", "run", "logs", id(70)).err, "target web-01: attempt 2")
	require.Contains(t, p.ok("run", "logs", id(70), "--target", "web-01", "-o", "json"),
		`{"target_name":"web-01","attempt_id":"`+id(81)+`","attempt_number":2,"seq":1,"time":"2026-11-26T12:00:00Z","stream":"output","text":"again"}`)
	p.server.views[api.ViewRunLogs] = p.server.views[api.ViewRunLogs][2:]
	require.Contains(t, p.do("", "run", "logs", id(70)).err, "records 1 to 4 are no longer kept")
}

func TestTerminalIsNotTakenOverByOutput(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.server.run(70, "running", 0, run{targets: []runTarget{{"local", "running", 0, nil}}})
	nasty := "a\x1b]52;c;ZXZpbA==\x07b\rc\u202ed\x00\u009b31m"
	p.server.log(70, 71, 80, 1, output(nasty)...)
	require.Equal(t, nasty+"\n", p.ok("run", "logs", id(70)), "a file gets what the script wrote")
	p.terminal = true
	require.Equal(t, "a␛]52;c;ZXZpbA==␇b␍c<U+202E>d␀<U+009B>31m\n", p.ok("run", "logs", id(70)))
}

func TestProgressIsALineThatGoes(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.terminal = true
	p.server.run(70, "running", 0, run{targets: []runTarget{{"local", "running", 0, nil}}})
	p.server.log(70, 71, 80, 1, api.Record{Stream: api.StreamProgress, Object: []byte(`{"activity":"Copying","status":"a.txt","percent":40}`)}, output("x")[0])
	o := p.do("", "run", "logs", id(70))
	require.Equal(t, "x\n", o.out)
	require.Equal(t, "\r\x1b[K\x1b[36m 40% Copying: a.txt\x1b[0m\r\x1b[K", o.err)
	p.terminal = false
	require.Empty(t, p.do("", "run", "logs", id(70)).err)
}

func TestWaitReason(t *testing.T) {
	t.Parallel()
	agentID := id(12)
	targets := []api.Target{{Name: "local", PoolID: id(10), PoolName: "default"}}
	online := api.Agent{ID: id(11), PoolID: id(10), State: "active", Online: true}
	require.Equal(t, "waiting: no agent of pool default is online (`epo agent list`)", waitReason(targets, nil))
	require.Equal(t, "waiting: no agent of pool default is online (`epo agent list`)", waitReason(targets, []api.Agent{{ID: id(11), PoolID: id(10), State: "revoked", Online: true}}))
	require.Equal(t, "waiting: the agents are busy", waitReason(targets, []api.Agent{online}))
	targets[0].AgentID = &agentID
	require.Equal(t, "waiting: the agent of target local is not online (`epo agent list`)", waitReason(targets, []api.Agent{online}))
}

func TestCancel(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	answer := func(state string) {
		p.server.functions["cancel_run"] = func(args row) (int, any) {
			require.Equal(t, id(60), args["run_id"])
			return 200, row{"run_id": id(60), "state": state}
		}
	}
	answer("cancelled")
	require.Equal(t, "Run "+id(60)+" is cancelled\n", p.ok("run", "cancel", "last"))
	answer("running")
	require.Contains(t, p.ok("run", "cancel", id(60)), "asked to end")
	p.server.functions["cancel_run"] = func(row) (int, any) { return refuse(409, api.CodeRunFinished, "the run has ended") }
	o := p.do("", "run", "cancel", id(60))
	require.Equal(t, 1, o.code)
	require.Contains(t, o.err, "run_finished")
}

func FuzzPlainText(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[2J\u202e\x00\r\n")
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, -1, strings.IndexFunc(plainText(s), dangerous))
	})
}
