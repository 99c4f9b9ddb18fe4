package executor

import (
	"sync"
	"time"
)

// inspectors keeps the process that read the last script for a moment.
type inspectors struct {
	mu   sync.Mutex
	idle *inspector
}

// take gives the process that is idle, nil where none is.
func (p *inspectors) take() *inspector {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.idle
	if i != nil {
		p.idle = nil
		close(i.taken)
	}
	return i
}

// keep makes a process wait for the next script. The caller has begun something
// of the executor, so that Close waits for the end of the process.
func (p *inspectors) keep(e *Executor, i *inspector) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle != nil {
		e.active.Go(i.close)
		return
	}
	taken := make(chan struct{}) // of this wait: the next one has its own
	i.taken = taken
	p.idle = i
	e.active.Go(func() {
		timer := time.NewTimer(inspectorIdle)
		defer timer.Stop()
		select {
		case <-taken:
			return
		case <-i.worker.process.Done():
		case <-timer.C:
		case <-e.ctx.Done():
		}
		if p.remove(i) {
			i.close()
		}
	})
}

// remove tells whether a process was still idle.
func (p *inspectors) remove(i *inspector) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle != i {
		return false
	}
	p.idle = nil
	return true
}
