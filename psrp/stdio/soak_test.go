package stdio_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// TestSoakOfTheEngine runs as many short pipelines as fit into the time that
// EPO_SOAK_ENGINE gives (`make soak`: 5m) on one pool of the real engine: every
// stream, a secret, input, an error, a stop. What this side holds stays what it
// was after a warm-up; what the engine holds is only told. Without EPO_SOAK_ENGINE
// it is a matter of 40 pipelines. Not parallel: it measures the process.
func TestSoakOfTheEngine(t *testing.T) {
	var whole time.Duration
	if text := os.Getenv("EPO_SOAK_ENGINE"); text != "" {
		var err error
		whole, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	p := newEngine(t)
	pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.NoError(t, err)
	warm := 20
	if whole > 0 {
		warm = 500
	}
	for i := range warm {
		soakOne(t, pool, i)
	}
	before, engine := measure(), resident(p.Pid())
	begin, count := time.Now(), 0
	for count < 20 || time.Since(begin) < whole {
		soakOne(t, pool, count)
		count++
	}
	took, after := time.Since(begin), measure()
	t.Logf("%d pipelines in %v: heap %d -> %d bytes, goroutines %d -> %d, descriptors %d -> %d, engine's memory %s -> %s", count, took.Round(time.Second),
		before.heap, after.heap, before.goroutines, after.goroutines, before.files, after.files, engine, resident(p.Pid()))
	require.LessOrEqual(t, after.goroutines, before.goroutines)
	require.LessOrEqual(t, after.files, before.files)
	require.Less(t, after.heap, before.heap+1<<20)
	require.NoError(t, pool.Close(ctx(t)))
	require.NoError(t, p.Close(ctx(t)))
}

// soakOne is a pipeline of one of six kinds.
func soakOne(t *testing.T, pool *psrp.Pool, i int) {
	t.Helper()
	whole, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pl := psrp.Script("param($x) $x; Write-Warning w; Write-Information i; Write-Progress p; Write-Error e", psrp.Parameter{Name: "x", Value: i})
	want := psrp.PipelineCompleted
	switch i % 6 {
	case 1:
		pl.Commands[0].Parameters[0].Value = psrp.NewSecret("secret")
	case 2:
		pl = psrp.Script("$input | Measure-Object")
		pl.Input = psrp.Values("a", "b")
	case 3:
		pl, want = psrp.Script("throw 'x'"), psrp.PipelineFailed
	case 4:
		pl, want = psrp.Script("'go'; Start-Sleep 600"), psrp.PipelineStopped
	case 5:
		pl = psrp.Script("1..200; exit 3")
	}
	run, err := pool.Start(whole, pl)
	require.NoError(t, err)
	for event, err := range run.Events(whole) {
		require.NoError(t, err)
		switch e := event.(type) {
		case psrp.OutputEvent:
			if s, ok := e.Value.(clixml.SecureString); ok {
				_, err := pool.Decrypt(whole, s)
				require.NoError(t, err)
			}
			if want == psrp.PipelineStopped {
				require.NoError(t, run.Stop(whole))
			}
		case psrp.StateEvent:
			require.Equal(t, want, e.State, fmt.Sprint(e.Error))
		}
	}
	require.NoError(t, run.Close(whole))
}

// usage is what this process holds.
type usage struct {
	heap              uint64
	goroutines, files int
}

func measure() usage {
	for range 3 {
		runtime.GC()
	}
	u := usage{heap: heap(), goroutines: runtime.NumGoroutine()}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.files = len(entries)
	}
	return u
}

// resident is the memory of a process, as text.
func resident(pid int) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "?"
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
