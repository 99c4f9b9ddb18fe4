package executor

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 90*time.Second, 5*time.Millisecond, what)
}

func TestWarmPoolRefills(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{WarmMin: 1})
	for range 3 {
		eventually(t, "a process is ready", func() bool { return e.Warm() == 1 })
		require.Equal(t, []string{"1"}, runScript(t, e, "1", Request{}).strings())
	}
}

// TestWarmPoolReplacesTheDead: a spare that dies is not handed out.
func TestWarmPoolReplacesTheDead(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{WarmMin: 1})
	eventually(t, "a process is ready", func() bool { return e.Warm() == 1 })
	e.warm.mu.Lock()
	dead := e.warm.idle[0]
	e.warm.mu.Unlock()
	dead.process.Kill()
	eventually(t, "another process is ready", func() bool {
		e.warm.mu.Lock()
		defer e.warm.mu.Unlock()
		return len(e.warm.idle) == 1 && e.warm.idle[0] != dead
	})
	require.Equal(t, []string{"1"}, runScript(t, e, "1", Request{}).strings())
}

// TestWarmPoolFollowsDemand grows with runs at the same time, no further than
// WarmMax, and shrinks again.
func TestWarmPoolFollowsDemand(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{WarmMax: 2, WarmIdle: time.Hour})
	require.Equal(t, 0, e.Warm())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { runScript(t, e, "Start-Sleep 1", Request{}) })
	}
	wg.Wait()
	eventually(t, "two are kept", func() bool { return e.Warm() == 2 })
	e.warm.mu.Lock()
	require.Equal(t, 2, e.warm.want)
	e.warm.missed = e.warm.missed.Add(-2 * time.Hour)
	e.warm.mu.Unlock()
	e.warm.shrinkOne()
	require.Equal(t, 1, e.Warm())
	e.warm.shrinkOne()
	e.warm.shrinkOne()
	require.Equal(t, 0, e.Warm())
	require.Equal(t, []string{"1"}, runScript(t, e, "1", Request{}).strings())
}

func TestWarmProcessesAreSealedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{WarmMin: 1})
	eventually(t, "a process is ready", func() bool { return e.Warm() == 1 })
	e.warm.mu.Lock()
	pid := e.warm.idle[0].process.Pid()
	e.warm.mu.Unlock()
	in, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/0", pid))
	require.NoError(t, err)
	require.Equal(t, "/dev/null", in)
	out, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/1", pid))
	require.NoError(t, err)
	errOut, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/2", pid))
	require.NoError(t, err)
	require.Equal(t, errOut, out)
}

// TestAgentIsKilled: after kill -9 of the agent the engine ends by itself, and
// the next executor removes what it left.
func TestAgentIsKilled(t *testing.T) {
	t.Parallel()
	_, dir, err := testConfig(Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	work := filepath.Join(dir, "work")
	mark := fmt.Sprintf("86397.%d", randomNumber())

	cmd := exec.Command(os.Args[0], mark)
	cmd.Env = append(os.Environ(), helperName+"="+work)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "go", strings.TrimSpace(line))
	require.NotEmpty(t, processesWith(mark))
	require.NoError(t, cmd.Process.Kill())
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()

	e := newTestExecutor(t, Config{WorkDir: work})
	eventually(t, "the child is gone", func() bool { return len(processesWith(mark)) == 0 })
	entries, err := os.ReadDir(work)
	require.NoError(t, err)
	for _, entry := range entries {
		require.Contains(t, []string{e.name, e.name + ".lock"}, entry.Name())
	}
}

// TestExecClearsAway: what a killed `epo-agent exec` left is removed by the next.
func TestExecClearsAway(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	left := filepath.Join(temp, execPrefix+"123")
	require.NoError(t, os.MkdirAll(filepath.Join(left, "x-0000", "a-1"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(left, "x-0000.lock"), nil, 0o600))
	used, err := New(Config{WorkDir: filepath.Join(temp, execPrefix+"456")})
	require.NoError(t, err)
	defer used.Close()
	removeStaleExecs(temp)
	require.NoDirExists(t, left)
	require.DirExists(t, used.dir)
}

// TestTwoExecutorsShareADirectory: the second does not take the first for dead.
func TestTwoExecutorsShareADirectory(t *testing.T) {
	t.Parallel()
	first := newTestExecutor(t, Config{})
	second := newTestExecutor(t, Config{WorkDir: first.config.WorkDir})
	require.Equal(t, []string{"1"}, runScript(t, first, "1", Request{}).strings())
	second.Close()
	require.Equal(t, []string{"2"}, runScript(t, first, "2", Request{}).strings())
}

// TestEngineOutOfReach stages an engine that lies where the account cannot go.
func TestEngineOutOfReach(t *testing.T) {
	t.Parallel()
	c, dir, err := testConfig(Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	if c.Account == nil {
		return // an account of its own takes root
	}
	closed := filepath.Join(dir, "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	require.NoError(t, os.Symlink(c.Engine.Home, filepath.Join(closed, "engine")))
	c.Engine.Home = filepath.Join(closed, "engine") + "/"
	c.Engine.Args = []string{filepath.Join(closed, "engine", "pwsh.dll")}
	e, err := New(c)
	require.NoError(t, err)
	defer e.Close()
	require.Contains(t, e.engine.Args[0], c.WorkDir)
	require.Equal(t, []string{"1"}, runScript(t, e, "1", Request{}).strings())
}

// BenchmarkHandOut measures how long a request waits for a process.
func BenchmarkHandOut(b *testing.B) {
	b.Run("warm", func(b *testing.B) { benchmarkHandOut(b, Config{WarmMin: 1}) })
	b.Run("cold", func(b *testing.B) { benchmarkHandOut(b, Config{}) })
}

func benchmarkHandOut(b *testing.B, c Config) {
	e := newTestExecutor(b, c)
	for b.Loop() {
		b.StopTimer()
		eventually(b, "warm", func() bool { return e.Warm() == c.WarmMin })
		b.StartTimer()
		w, err := e.warm.take(b.Context())
		b.StopTimer()
		require.NoError(b, err)
		w.close()
		b.StartTimer()
	}
}

// BenchmarkFirstOutput measures from Run to the first record of a script, and
// BenchmarkRun to its end.
func BenchmarkFirstOutput(b *testing.B) {
	b.Run("warm", func(b *testing.B) { benchmarkRun(b, Config{WarmMin: 1}, true) })
	b.Run("cold", func(b *testing.B) { benchmarkRun(b, Config{}, true) })
}

func BenchmarkRun(b *testing.B) {
	b.Run("warm", func(b *testing.B) { benchmarkRun(b, Config{WarmMin: 1}, false) })
}

func benchmarkRun(b *testing.B, c Config, first bool) {
	e := newTestExecutor(b, c)
	for b.Loop() {
		b.StopTimer()
		eventually(b, "warm", func() bool { return e.Warm() == c.WarmMin })
		b.StartTimer()
		e.Run(b.Context(), Request{Script: []byte("'hello'")}, func(api.Record) {
			if first {
				b.StopTimer()
			}
		})
		b.StartTimer()
	}
}
