package psrptest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/epo-dev/epo/psrp"
)

const (
	leakRounds = 6
	leakWait   = 10 * time.Second
)

// Leaks opens, uses and loses pools again and again, and fails when goroutines
// or file descriptors are left: of pools that end in order, of runs that were
// not read, stopped or closed while running, of pools whose other side dies
// (kill) and of those that never open. It measures the process, so nothing may
// run beside it. The engine may be a scripted one: it has to put out every text
// it gets, except "sleep", upon which it waits to be stopped.
func Leaks(t *testing.T, open func(t testing.TB) (transport psrp.Transport, kill func())) {
	rounds := func(name string, n int) {
		for i := range n {
			t.Run(fmt.Sprint(name, " ", i), func(t *testing.T) { leakRound(t, open) })
		}
	}
	rounds("warm up", 2)
	before := measure()
	rounds("round", leakRounds)
	for end := time.Now().Add(leakWait); ; {
		after := measure()
		if after.goroutines <= before.goroutines && len(after.files) <= len(before.files) {
			t.Logf("after %d rounds: goroutines %d -> %d, descriptors %d -> %d",
				leakRounds, before.goroutines, after.goroutines, len(before.files), len(after.files))
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %d rounds: goroutines %d -> %d, descriptors\n%v ->\n%v",
				leakRounds, before.goroutines, after.goroutines, before.files, after.files)
		}
		runtime.Gosched() // what ends by itself may need a moment
	}
}

// leakRound is a life of several pools; what it begins ends with t.
func leakRound(t *testing.T, open func(t testing.TB) (psrp.Transport, func())) {
	t.Run("in order", func(t *testing.T) {
		transport, _ := open(t)
		pool := openPool(t, func(testing.TB) psrp.Transport { return transport }, psrp.Config{})
		equal(t, "output", []any{"text"}, script(t, pool, "text").outputs())
		closeRun(t, start(t, pool, psrp.Script("not read")))
		run := start(t, pool, psrp.Script("sleep"))
		noError(t, "stop", run.Stop(ctx(t)))
		equal(t, "state", psrp.PipelineStopped, drain(t, run).state.State)
		closeRun(t, run)
		closeRun(t, start(t, pool, psrp.Script("sleep")))
		start(t, pool, psrp.Script("sleep")) // closed with the pool
	})
	t.Run("lost", func(t *testing.T) {
		transport, kill := open(t)
		pool, err := psrp.Open(ctx(t), transport, psrp.Config{})
		noError(t, "open pool", err)
		run := start(t, pool, psrp.Script("sleep"))
		kill()
		<-pool.Done()
		_, err = run.Next(ctx(t))
		check(t, err != nil, "a lost run goes on")
		_ = run.Close(ctx(t))
		check(t, pool.Close(ctx(t)) != nil, "a lost pool closes without an error")
	})
	t.Run("never opened", func(t *testing.T) {
		transport, _ := open(t)
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := psrp.Open(ended, transport, psrp.Config{})
		check(t, err != nil, "a pool opens although nobody waits for it")
	})
}

// usage is what a process holds.
type usage struct {
	goroutines int
	files      []string // what descriptors lead to; none where that cannot be told
}

func measure() usage {
	runtime.GC()
	u := usage{goroutines: runtime.NumGoroutine()}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return u
	}
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil {
			u.files = append(u.files, target)
		}
	}
	slices.Sort(u.files)
	return u
}
