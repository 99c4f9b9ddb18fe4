package executor

import (
	"sync/atomic"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

// limits ends a worker that takes more processor time or memory than it may. Memory is limited at once where the worker
// has a cgroup with a memory controller; else, and for processor time, its process is looked at every limitPause. Where
// nothing can be seen of it (not on Linux) only the time on the clock is limited.
type limits struct {
	worker    *worker
	memory    int64         // resident, in bytes
	processor time.Duration // from now on
	reason    atomic.Pointer[string]
	stopped   chan struct{}
	done      chan struct{}
}

// limitPause is the time between two looks; an engine fills about 20 MiB in it.
const limitPause = 20 * time.Millisecond

func limit(w *worker, memory int64, processor time.Duration) *limits {
	l := &limits{worker: w, memory: memory, processor: processor, stopped: make(chan struct{}), done: make(chan struct{})}
	w.tree.limitMemory(memory)
	go l.watch()
	return l
}

func (l *limits) watch() {
	defer close(l.done)
	pid := l.worker.process.Pid()
	_, before := usage(pid)
	tick := time.NewTicker(limitPause)
	defer tick.Stop()
	for {
		select {
		case <-l.stopped:
			return
		case <-l.worker.process.Done():
			return
		case <-tick.C:
		}
		memory, processor := usage(pid)
		switch {
		case memory > l.memory:
			l.end(api.NotInspectedMemory)
			return
		case processor-before > l.processor:
			l.end(api.NotInspectedTimeout)
			return
		}
	}
}

func (l *limits) end(reason string) {
	l.reason.Store(&reason)
	l.worker.kill()
}

func (l *limits) stop() {
	close(l.stopped)
	<-l.done
}

// exceeded tells why the worker was ended, "" if it was not.
func (l *limits) exceeded() string {
	if reason := l.reason.Load(); reason != nil {
		return *reason
	}
	if l.worker.tree.outOfMemory() {
		return api.NotInspectedMemory
	}
	return ""
}
