package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

// TestRuns groups the tests that share one stack; it ends with the last of them.
func TestRuns(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for name, test := range map[string]func(*testing.T, *stack){
		"result and exit code":             testResults,
		"parameters":                       testParameters,
		"inspection":                       testInspection,
		"output that is hard to carry":     testOddOutput,
		"flood":                            testFlood,
		"cancel":                           testCancel,
		"time-out":                         testTimeout,
		"process that kills itself":        testKillsItself,
		"children left behind":             testChildren,
		"scripts that are refused":         testRefusedScripts,
		"start twice with one key":         testIdempotencyKey,
		"CLI follows and returns the code": testFollow,
		"script cannot read agent's keys":  testIsolation,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, &stack{t: t, data: s.data, upInfo: s.upInfo})
		})
	}
}

func testResults(t *testing.T, s *stack) {
	p := s.adminPerson()
	for name, c := range map[string]struct {
		script, state string
		exit          int
		code          string
	}{
		"end":         {"'fine'", "succeeded", 0, ""},
		"exit 0":      {"exit", "succeeded", 0, ""},
		"exit 3":      {"'before'; exit 3", "failed", 3, ""},
		"exit 300":    {"exit 300", "failed", 300, ""},
		"throw":       {"'before'; throw 'no good'", "failed", 1, "script_error"},
		"write-error": {"Write-Error 'a little wrong'; 'after'", "succeeded", 0, ""},
		"native 7":    {"sh -c 'exit 7'", "succeeded", 0, ""},
	} {
		id := p.start(p.push("result "+name, c.script), nil)
		run := p.finished(id)
		target := p.theTarget(id)
		require.Equal(t, c.state, run.State, name)
		require.Equal(t, c.state, target.State, name)
		require.NotNil(t, target.ExitCode, name)
		require.Equal(t, c.exit, *target.ExitCode, name)
		if c.code != "" {
			require.NotNil(t, target.Error, name)
			require.Equal(t, c.code, target.Error.Code, name)
		}
		if strings.Contains(c.script, "'before'") {
			require.Equal(t, []string{"before"}, texts(p.records(id), "output"), name)
		}
	}
}

func testParameters(t *testing.T, s *stack) {
	p := s.adminPerson()
	script := p.push("parameters", `param([Parameter(Mandatory)][int]$Count, [string[]]$Names, [hashtable]$Map, [switch]$Loud)
"$($Count.GetType().Name) $Count"; "$($Names.Count) $Names"; "$($Map['k'])"; "$Loud"`)
	ok := p.start(script, map[string]any{"Count": 5, "Names": []string{"a b", "c;'d"}, "Map": map[string]any{"k": "$(throw 1)"}, "Loud": true})
	require.Equal(t, "succeeded", p.finished(ok).State)
	require.Equal(t, []string{"Int32 5", "2 a b c;'d", "$(throw 1)", "True"}, texts(p.records(ok), "output"))
	// The server knows what the parser said, and refuses most mistakes itself.
	p.inspected(script)
	target := p.target("local")
	for name, c := range map[string]struct {
		given   string
		culprit string
	}{
		"missing":    {`{}`, "Count"},
		"unknown":    {`{"Count":1,"Nope":2}`, "Nope"},
		"wrong type": {`{"Count":"many"}`, "Count"},
	} {
		_, err := p.QueueRun(t.Context(), api.QueueRun{ScriptID: script, TargetIDs: []string{target}, Parameters: []byte(c.given)})
		require.Equal(t, api.CodeParameterRejected, api.CodeOf(err), name)
		require.ErrorContains(t, err, c.culprit, name)
	}
	// The engine's own binder has the last word.
	id := p.start(script, map[string]any{"Count": "9,9,9,9,9,9,9,9,9,9,9"})
	require.Equal(t, "failed", p.finished(id).State)
	refused := p.theTarget(id)
	require.NotNil(t, refused.Error)
	require.Equal(t, api.CodeParameterRejected, refused.Error.Code)
	require.Contains(t, refused.Error.Message, "Count")
	require.Empty(t, texts(p.records(id), "output"))
}

func testOddOutput(t *testing.T, s *stack) {
	p := s.adminPerson()
	id := p.start(p.push("odd output", "\"a`0b\"; [string][char]0xD800; 'é 😀 <b>&amp;</b>'; [Console]::OpenStandardOutput().Write([byte[]](0x61,0xff,0xfe,0x0a),0,4); 'end'"), nil)
	require.Equal(t, "succeeded", p.finished(id).State)
	lines := texts(p.records(id), "output")
	require.Contains(t, lines, "a\x00b")
	require.Contains(t, lines, "é 😀 <b>&amp;</b>")
	require.Equal(t, "end", lines[len(lines)-1])
}

func testFlood(t *testing.T, s *stack) {
	p := s.adminPerson()
	id := p.start(p.push("flood", "1..20000"), nil)
	require.Equal(t, "succeeded", p.finished(id).State)
	lines := texts(p.records(id), "output")
	require.Len(t, lines, 20000)
	require.Equal(t, "20000", lines[len(lines)-1])
}

func testCancel(t *testing.T, s *stack) {
	p := s.adminPerson()
	script := p.push("sleeper", "'going'; Start-Sleep 600; 'never'")
	id := p.start(script, nil)
	p.started(id, "going")
	_, err := p.CancelRun(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "cancelled", p.finished(id).State)
	require.Equal(t, []string{"going"}, texts(p.records(id), "output"))
	_, err = p.CancelRun(t.Context(), id)
	require.Equal(t, api.CodeRunFinished, api.CodeOf(err))

	// Before a claim: a target whose pool has no agent.
	pool, err := p.CreatePool(t.Context(), "empty", "")
	require.NoError(t, err)
	far, err := p.CreateTarget(t.Context(), api.NewTarget{Name: "far", Kind: "local", PoolID: pool.ID})
	require.NoError(t, err)
	waiting := p.start(script, nil, func(q *api.QueueRun) { q.TargetIDs = []string{far.ID} })
	_, err = p.CancelRun(t.Context(), waiting)
	require.NoError(t, err)
	require.Equal(t, "cancelled", p.finished(waiting).State)
	require.Equal(t, "cancelled", p.theTarget(waiting).State)
}

func testTimeout(t *testing.T, s *stack) {
	p := s.adminPerson()
	id := p.start(p.push("endless", "'on and on'; while ($true) { }"), nil, func(q *api.QueueRun) { q.TimeoutSeconds = 8 })
	run := p.finished(id)
	target := p.theTarget(id)
	require.Equal(t, "timed_out", target.State)
	require.Equal(t, "timed_out", run.State)
	require.Equal(t, []string{"on and on"}, texts(p.records(id), "output"))
}

func testKillsItself(t *testing.T, s *stack) {
	p := s.adminPerson()
	id := p.start(p.push("suicide", "'last words'; Stop-Process -Id $PID -Force; Start-Sleep 60"), nil)
	require.Equal(t, "failed", p.finished(id).State)
	target := p.theTarget(id)
	require.NotNil(t, target.Error)
	require.Equal(t, "engine_died", target.Error.Code)
}

func testChildren(t *testing.T, s *stack) {
	p := s.adminPerson()
	mark := "90211" + strings.Repeat("0", 3)
	id := p.start(p.push("children", "Start-Process sleep "+mark+"; sh -c 'nohup setsid sleep "+mark+" >/dev/null 2>&1 &'; 'left'"), nil)
	require.Equal(t, "succeeded", p.finished(id).State)
	until(t, "the script's children to be gone", func() bool { return !processWith("sleep\x00" + mark) })
}

// processWith reports whether a process runs whose command line, with NUL between the arguments, starts with text.
func processWith(text string) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		if line, err := os.ReadFile(f); err == nil && strings.HasPrefix(string(line), text) {
			return true
		}
	}
	return false
}

func testRefusedScripts(t *testing.T, s *stack) {
	p := s.adminPerson()
	for code, content := range map[string][]byte{
		api.CodeScriptEmpty:    {},
		api.CodeScriptTooLarge: make([]byte, 5<<20+1),
		api.CodeScriptNotText:  {'a', 0xff, 0xfe, 'b'},
	} {
		if code == api.CodeScriptTooLarge {
			for i := range content {
				content[i] = '#'
			}
		}
		_, err := p.PushScript(t.Context(), api.PushScript{Name: "refused", Content: content})
		require.Equal(t, code, api.CodeOf(err), "%v", err)
	}
	_, err := p.QueueRun(t.Context(), api.QueueRun{ScriptID: p.push("fine", "1"), TargetIDs: []string{"018f0000-0000-7000-8000-000000000000"}})
	require.Equal(t, api.CodeNotFound, api.CodeOf(err), "unknown target")
}

func testIdempotencyKey(t *testing.T, s *stack) {
	p := s.adminPerson()
	script := p.push("once", "'once'")
	withKey := func(q *api.QueueRun) { q.IdempotencyKey = "the same" }
	first := p.start(script, nil, withKey)
	require.Equal(t, first, p.start(script, nil, withKey))
	require.Equal(t, "succeeded", p.finished(first).State)
	require.Equal(t, []string{"once"}, texts(p.records(first), "output"))
}

func testFollow(t *testing.T, s *stack) {
	u := s.admin()
	u.push("counted", "param([int]$Code) 1..3; Write-Warning 'nearly'; exit $Code")
	r := u.run("run", "start", "--script", "counted", "--target", "local", "--param", "Code=5", "--wait")
	require.Equal(t, 5, r.code, "%s", r)
	require.Contains(t, r.stdout, "1\n2\n3\n")
	require.Contains(t, r.stdout+r.stderr, "WARNING: nearly")
	var runs []api.Run
	u.json(&runs, "run", "list")
	require.NotEmpty(t, runs)
}

func testIsolation(t *testing.T, s *stack) {
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user cannot change accounts; the agent then says isolation: none")
	}
	p := s.adminPerson()
	id := p.start(p.push("snoop", `(id -un); try { Get-ChildItem -Recurse -Force '`+filepath.Join(s.data, "agent")+`' -ErrorAction Stop | Get-Content -Raw -ErrorAction Stop } catch { 'refused' }`), nil)
	require.Equal(t, "succeeded", p.finished(id).State)
	require.Equal(t, []string{"epo-run", "refused"}, texts(p.records(id), "output"))
	var agents []json.RawMessage
	s.admin().json(&agents, "agent", "list")
	require.Contains(t, string(agents[0]), `"account"`)
}
