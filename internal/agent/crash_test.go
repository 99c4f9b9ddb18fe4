package agent

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/epo-dev/epo/internal/api"
)

// The crash tests kill a real process: this test binary, started again as an agent whose executor writes each start of a
// script into a ledger before anything else.
const (
	crashState  = "EPO_TEST_AGENT_STATE"
	crashLedger = "EPO_TEST_AGENT_LEDGER"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashState); dir != "" {
		crashAgent(dir, os.Getenv(crashLedger))
		return
	}
	goleak.VerifyTestMain(m)
}

// crashAgent runs until it is killed. Script "quick" says 300 lines; "hang" says one and waits for ever.
func crashAgent(dir, ledger string) {
	run := func(ctx context.Context, w Work, say func(string)) api.Result {
		f, err := os.OpenFile(ledger, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(f, w.AttemptID)
		f.Close()
		say("begin")
		if string(w.Script) == "hang" {
			<-ctx.Done()
		}
		for i := range 299 {
			say(fmt.Sprint(i))
		}
		return succeeded()
	}
	a, err := New(Config{
		StateDir: dir, Executor: &fakeExecutor{run: run}, Capacity: 2, Poll: 50 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), FlushInterval: 5 * time.Millisecond, FlushBytes: 2000,
	})
	if err == nil {
		err = a.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// victim is one such process.
type victim struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	once   sync.Once
}

func startVictim(t testing.TB, dir, ledger string) *victim {
	t.Helper()
	v := &victim{cmd: exec.Command(os.Args[0])}
	v.cmd.Env = append(os.Environ(), crashState+"="+dir, crashLedger+"="+ledger)
	v.cmd.Stderr = &v.stderr
	require.NoError(t, v.cmd.Start())
	t.Cleanup(func() {
		v.kill()
		if t.Failed() {
			t.Log(v.stderr.String())
		}
	})
	return v
}

// kill is kill -9.
func (v *victim) kill() {
	v.once.Do(func() {
		v.cmd.Process.Kill()
		v.cmd.Wait()
	})
}

func TestKilledAgentLosesNothingAndRunsNothingTwice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		script, call, when string
		nth                int
		want               []string // states that the target may end in
	}{
		{"quick", "claim_run_targets", "before", 1, []string{"succeeded"}},
		{"quick", "claim_run_targets", "after", 1, []string{"succeeded"}},
		{"quick", "start_attempts", "before", 1, []string{"succeeded"}},
		{"quick", "start_attempts", "after", 1, []string{"unknown"}}, // committed, and nobody can say more
		{"quick", "append_log", "before", 1, []string{"succeeded", "unknown"}},
		{"quick", "append_log", "after", 1, []string{"succeeded", "unknown"}},
		{"quick", "append_log", "after", 3, []string{"succeeded", "unknown"}},
		{"hang", "append_log", "before", 1, []string{"unknown"}},
		{"hang", "append_log", "after", 1, []string{"unknown"}},
		{"quick", "finish_attempts", "before", 1, []string{"succeeded"}},
		{"quick", "finish_attempts", "after", 1, []string{"succeeded"}},
	} {
		t.Run(fmt.Sprintf("%s/%s %s %d", c.script, c.call, c.when, c.nth), func(t *testing.T) {
			t.Parallel()
			s := newFakeServer(t)
			s.lease = 2 * time.Second
			dir, ledger := enrolled(t, s), filepath.Join(t.TempDir(), "ledger")
			target := s.queue(c.script, nil)
			killed := killAt(t, s, dir, ledger, "/api/rpc/"+c.call, c.when, c.nth)
			<-killed
			startVictim(t, dir, ledger)
			state, result, records := s.settled(target)
			require.Contains(t, c.want, state)
			requireLedger(t, ledger, target)
			for i, r := range records {
				require.Equal(t, int64(i+1), r.Seq)
			}
			if state == "succeeded" {
				require.Len(t, records, 300)
			}
			if c.script == "hang" {
				require.NotNil(t, result, "reported by the next process, not left to the lease")
				require.Equal(t, api.CodeAgentRestarted, result.Error.Code)
				require.Equal(t, api.StreamSystem, records[len(records)-1].Stream)
			}
		})
	}
}

// TestAgentOpensNoListeningSocket looks at the process from outside, as an attacker on the machine would.
func TestAgentOpensNoListeningSocket(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	s := newFakeServer(t)
	dir, ledger := enrolled(t, s), filepath.Join(t.TempDir(), "ledger")
	target := s.queue("hang", nil)
	v := startVictim(t, dir, ledger)
	require.Eventually(t, func() bool { _, _, r := s.state(target); return len(r) == 1 }, time.Minute, 5*time.Millisecond)
	own := map[string]bool{}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", v.cmd.Process.Pid))
	require.NoError(t, err)
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, "socket:[") {
			own[strings.Trim(to, "socket:[]")] = true
		}
	}
	require.NotEmpty(t, own, "its connections to the server are sockets")
	for _, table := range []string{"tcp", "tcp6", "unix"} {
		text, err := os.ReadFile("/proc/net/" + table)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			require.False(t, listens(table, strings.Fields(line), own), "%s: %s", table, line)
		}
	}
}

// listens reports whether a line of /proc/net shows one of these sockets, listening.
func listens(table string, f []string, own map[string]bool) bool {
	if table == "unix" {
		const acceptsConnections = "00010000"
		return len(f) > 6 && f[3] == acceptsConnections && own[f[6]]
	}
	const stateListen = "0A"
	return len(f) > 9 && f[3] == stateListen && own[f[9]]
}

// BenchmarkIdleMemory reports what an agent without PowerShell processes keeps resident while it waits.
func BenchmarkIdleMemory(b *testing.B) {
	s := newFakeServer(b)
	dir, ledger := enrolled(b, s), filepath.Join(b.TempDir(), "ledger")
	v := startVictim(b, dir, ledger)
	target := s.queue("quick", nil)
	s.settled(target)
	time.Sleep(2 * time.Second) // what is measured is the rest after work
	for range b.N {
	}
	b.ReportMetric(0, "ns/op")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.cmd.Process.Pid))
	require.NoError(b, err)
	for line := range strings.Lines(string(status)) {
		var kib float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kib); err == nil {
			b.ReportMetric(kib/1024, "MiB")
		}
	}
}

// killAt starts an agent that is killed around its nth call, and returns a channel that is closed once it is dead.
func killAt(t *testing.T, s *fakeServer, dir, ledger, path, when string, nth int) <-chan struct{} {
	t.Helper()
	killed, started := make(chan struct{}), make(chan *victim, 1)
	var mu sync.Mutex
	seen := 0
	hook := func(p string, _ []byte) bool {
		mu.Lock()
		defer mu.Unlock()
		if p != path || seen >= nth {
			return false
		}
		if seen++; seen == nth {
			v := <-started
			v.kill()
			close(killed)
		}
		return seen == nth
	}
	if when == "before" {
		s.intercept(hook, nil)
	} else {
		s.intercept(nil, hook)
	}
	started <- startVictim(t, dir, ledger)
	return killed
}

// requireLedger: no attempt started twice, and no target more than once.
func requireLedger(t *testing.T, ledger string, target *fakeTarget) {
	t.Helper()
	text, err := os.ReadFile(ledger)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	starts := strings.Fields(string(text))
	require.LessOrEqual(t, len(starts), 1, "started: %v, attempts: %d", starts, len(target.attempts))
}
