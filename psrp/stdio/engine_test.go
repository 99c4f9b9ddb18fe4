package stdio_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/epo-dev/epo/internal/runtime"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/stdio"
)

// TestMain runs the tests, or plays the engine: as a fake for tests that need a
// process that misbehaves, as a parent that dies for check 11.
func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
	case "parent":
		os.Exit(playParent())
	default:
		os.Exit(playEngine(os.Getenv(roleVariable)))
	}
	code := m.Run()
	engines.close()
	if err := goleak.Find(); err != nil && code == 0 {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		code = 1
	}
	os.Exit(code)
}

// findEngine gives the PowerShell to test with. Tests do not skip: without one
// they fail.
func findEngine() (path string, args []string) {
	engine, err := foundEngine()
	if err != nil {
		panic(err)
	}
	return engine.Path, engine.Args
}

var foundEngine = sync.OnceValues(func() (runtime.Engine, error) {
	return runtime.Find(context.Background())
})

// engineConfig is how tests start the real engine.
func engineConfig() stdio.Config {
	path, args := findEngine()
	home := os.TempDir()
	return stdio.Config{Path: path, Args: args, Env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8", "NO_COLOR=1", "TERM=dumb",
		"POWERSHELL_TELEMETRY_OPTOUT=1", "POWERSHELL_DIAGNOSTICS_OPTOUT=1", "DOTNET_EnableDiagnostics=0",
	}}
}

// engines keeps engine processes from one test for the next: re-opening a pool
// takes a fiftieth of a start.
var engines engineStore

type engineStore struct {
	mu   sync.Mutex
	free []*stdio.Process
}

func (s *engineStore) take() *stdio.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) == 0 {
		return nil
	}
	p := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	return p
}

func (s *engineStore) put(p *stdio.Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, p)
}

func (s *engineStore) close() {
	for p := s.take(); p != nil; p = s.take() {
		_ = p.Close(context.Background())
	}
}

// newEngine starts an engine for one test alone.
func newEngine(t testing.TB) *stdio.Process {
	t.Helper()
	p, err := stdio.Start(ctx(t), engineConfig())
	require.NoError(t, err)
	t.Cleanup(func() {
		p.Kill()
		_ = p.Wait()
	})
	return p
}

// enginePool opens a pool on an engine that no other test uses at the time.
func enginePool(t testing.TB, c psrp.Config) *psrp.Pool {
	t.Helper()
	p := engines.take()
	if p == nil {
		var err error
		p, err = stdio.Start(ctx(t), engineConfig())
		require.NoError(t, err)
	}
	pool, err := psrp.Open(ctx(t), p.Transport(), c)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := pool.Close(context.Background()); err != nil || t.Failed() {
			p.Kill()
			_ = p.Wait()
			return
		}
		engines.put(p)
	})
	return pool
}

// ctx is a context that ends a test which hangs.
func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return c
}

// result is what a pipeline gave.
type result struct {
	events []psrp.Event
	state  psrp.StateEvent
}

func invoke(t testing.TB, pool *psrp.Pool, p psrp.Pipeline) result {
	t.Helper()
	run, err := pool.Start(ctx(t), p)
	require.NoError(t, err)
	r := drain(t, run)
	require.NoError(t, run.Close(ctx(t)))
	return r
}

func script(t testing.TB, pool *psrp.Pool, text string, parameters ...psrp.Parameter) result {
	t.Helper()
	return invoke(t, pool, psrp.Script(text, parameters...))
}

func drain(t testing.TB, run *psrp.Run) result {
	t.Helper()
	var r result
	for event, err := range run.Events(ctx(t)) {
		require.NoError(t, err)
		if state, ok := event.(psrp.StateEvent); ok {
			r.state = state
			return r
		}
		r.events = append(r.events, event)
	}
	return r
}

func (r result) outputs() []any {
	values := []any{}
	for _, e := range r.events {
		if o, ok := e.(psrp.OutputEvent); ok {
			values = append(values, o.Value)
		}
	}
	return values
}

func (r result) errors() []*psrp.ErrorRecord {
	var records []*psrp.ErrorRecord
	for _, e := range r.events {
		if x, ok := e.(psrp.ErrorEvent); ok {
			records = append(records, x.ErrorRecord)
		}
	}
	return records
}

// exitCode is the argument of the last SetShouldExit.
func (r result) exitCode() (int32, bool) {
	code, ok := int32(0), false
	for _, e := range r.events {
		if h, is := e.(psrp.HostCallEvent); is && h.Method == psrp.HostSetShouldExit {
			code, ok = h.Args[0].(int32)
		}
	}
	return code, ok
}

// alive tells whether a process runs; a zombie does not.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func waitDead(t testing.TB, pid string, within time.Duration) {
	t.Helper()
	require.Eventually(t, func() bool { return !alive(pid) }, within, 20*time.Millisecond, "process %s lives on", pid)
}
