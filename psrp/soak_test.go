package psrp_test

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/internal/peer"
)

// TestCheck51_Soak runs many short pipelines on one pool, with a secret, a host
// call and input in some of them: heap, goroutines and descriptors stay where
// they were after a warm-up. EPO_SOAK sets how many; `make soak` runs 10,000. Not
// parallel: it measures the process.
func TestCheck51_Soak(t *testing.T) {
	count := 400
	if text := os.Getenv("EPO_SOAK"); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	pool, _ := openPool(t, peer.Config{NoMemory: true, Handle: func(p *peer.Pipeline) {
		p.Output(p.Text)
		p.Ask(1, psrp.HostGetName)
		p.HostCall(-100, psrp.HostSetShouldExit, int32(0))
		if v, _ := p.Create.Get("NoInput"); v == false {
			for range p.Inputs {
			}
		}
	}}, psrp.Config{})
	whole, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	one := func(i int) {
		p := psrp.Script("x", psrp.Parameter{Name: "i", Value: i})
		switch i % 4 {
		case 1:
			p.Input = psrp.Values("a", "b")
		case 2:
			p.Commands[0].Parameters[0].Value = psrp.NewSecret("secret")
		}
		run, err := pool.Start(whole, p)
		require.NoError(t, err)
		for event, err := range run.Events(whole) {
			require.NoError(t, err)
			if state, ok := event.(psrp.StateEvent); ok {
				require.Equal(t, psrp.PipelineCompleted, state.State)
			}
		}
		require.NoError(t, run.Close(whole))
	}
	for i := range count / 4 {
		one(i)
	}
	before := measure(t)
	for i := range count {
		one(i)
	}
	after := measure(t)
	t.Logf("after %d pipelines: heap %d -> %d bytes, goroutines %d -> %d, descriptors %d -> %d",
		count, before.heap, after.heap, before.goroutines, after.goroutines, before.files, after.files)
	require.LessOrEqual(t, after.goroutines, before.goroutines+2)
	require.Equal(t, before.files, after.files)
	const noise, ids = 256 << 10, 40 // the scripted server keeps the ids of pipelines
	require.Less(t, after.heap, before.heap+noise+uint64(count*ids))
}

// usage is what a process holds.
type usage struct {
	heap              uint64
	goroutines, files int
}

func measure(t *testing.T) usage {
	t.Helper()
	var u usage
	for range 3 {
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	u.heap, u.goroutines = stats.HeapAlloc, runtime.NumGoroutine()
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.files = len(entries)
	}
	return u
}
