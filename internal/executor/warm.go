package executor

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// warmPool keeps workers ready. How many follows demand: a request that finds
// none adds one, up to WarmMax; WarmIdle without such a request takes one away,
// down to WarmMin.
//
// Requests that find none wait for the next worker that is ready, whoever it
// was started for; one is started for each that would otherwise wait in vain.
// While somebody waits, workers skip their warm-up.
type warmPool struct {
	executor *Executor

	mu       sync.Mutex
	idle     []*worker
	waiters  []chan startResult
	starting int
	want     int
	missed   time.Time // the last request that found none
	failures int       // starts that failed in a row
	shrink   *time.Timer
	retry    *time.Timer
	closed   bool
}

type startResult struct {
	worker *worker
	err    error
}

func newWarmPool(e *Executor) *warmPool {
	p := &warmPool{executor: e, want: e.config.WarmMin}
	if e.config.WarmMax > e.config.WarmMin {
		p.shrink = time.AfterFunc(e.config.WarmIdle, p.shrinkOne)
	}
	return p
}

// ready tells how many workers could be taken at once.
func (p *warmPool) ready() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// fill starts as many workers as are missing.
func (p *warmPool) fill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fillLocked()
}

func (p *warmPool) fillLocked() {
	if p.closed || p.retry != nil || !p.executor.engine.Found() {
		return
	}
	for len(p.idle)+p.starting < p.want+len(p.waiters) {
		p.startLocked()
	}
}

func (p *warmPool) startLocked() {
	p.starting++
	p.executor.active.Go(func() {
		w, err := p.executor.startWorker(p.executor.ctx)
		if err == nil && !p.awaited() {
			if err = w.warmUp(p.executor.ctx); err != nil {
				w.close()
			}
		}
		if !p.started(w, err) {
			w.close()
		}
	})
}

// awaited tells whether somebody waits for a worker right now.
func (p *warmPool) awaited() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiters) > 0
}

// started hands a new worker, or the failure to make one, to who waits. It
// tells whether there is still a use for the worker.
func (p *warmPool) started(w *worker, err error) (used bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if err != nil {
		p.failedLocked(err)
	} else {
		p.failures = 0
	}
	switch {
	case len(p.waiters) > 0:
		p.waiters[0] <- startResult{w, err}
		p.waiters = p.waiters[1:]
	case err != nil:
	case p.closed:
		return false
	default:
		p.idle = append(p.idle, w)
		p.executor.active.Go(func() { p.watch(w) })
	}
	p.fillLocked()
	return true
}

const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// failedLocked keeps the pool from starting processes that fail in a loop.
func (p *warmPool) failedLocked(err error) {
	if p.closed {
		return
	}
	p.executor.config.Logger.Warn("executor: engine does not start", "error", err)
	if p.retry != nil {
		return
	}
	delay := min(lastRetry, firstRetry<<min(p.failures, 6))
	p.failures++
	p.retry = time.AfterFunc(delay, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.retry = nil
		p.fillLocked()
	})
}

// watch replaces an idle worker whose process dies.
func (p *warmPool) watch(w *worker) {
	select {
	case <-w.process.Done():
	case <-w.attached: // taken
		return
	case <-p.executor.ctx.Done():
		return
	}
	if p.remove(w) {
		p.executor.config.Logger.Warn("executor: a warm engine process ended", "error", w.process.Wait())
		w.close()
		p.fill()
	}
}

func (p *warmPool) remove(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.idle {
		if other == w {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return true
		}
	}
	return false
}

// take gives a worker for one attempt and starts another in its place.
func (p *warmPool) take(ctx context.Context) (*worker, error) {
	if w := p.takeIdle(0); w != nil {
		return w, nil
	}
	wait := p.join()
	select {
	case r := <-wait:
		if r.err != nil {
			return nil, fmt.Errorf("start the engine: %w", r.err)
		}
		r.worker.attach()
		return r.worker, nil
	case <-ctx.Done():
		p.leave(wait)
		return nil, ctx.Err()
	}
}

// takeIdle gives an idle worker if more than keep are idle, else nil.
func (p *warmPool) takeIdle(keep int) *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > keep {
		w := p.idle[0]
		p.idle = p.idle[1:]
		w.attach()
		if w.alive() {
			p.fillLocked()
			return w
		}
		p.executor.active.Go(w.close)
	}
	return nil
}

// join waits in line, and sees to it that there is a worker to wait for.
func (p *warmPool) join() chan startResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := make(chan startResult, 1)
	p.waiters = append(p.waiters, wait)
	p.want = min(p.want+1, p.executor.config.WarmMax)
	p.missed = p.executor.config.Now()
	for p.starting < len(p.waiters) {
		p.startLocked()
	}
	return wait
}

// leave gives up waiting; a worker that came at that moment is not lost.
func (p *warmPool) leave(wait chan startResult) {
	p.mu.Lock()
	for i, other := range p.waiters {
		if other == wait {
			p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	select {
	case r := <-wait:
		if r.worker != nil {
			r.worker.close()
		}
	default:
	}
}

// shrinkOne lets the pool become smaller after a time without demand.
func (p *warmPool) shrinkOne() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	c := p.executor.config
	if c.Now().Sub(p.missed) >= c.WarmIdle && p.want > c.WarmMin {
		p.want--
	}
	for len(p.idle) > p.want {
		w := p.idle[0]
		p.idle = p.idle[1:]
		w.attach() // nobody needs to watch it any more
		p.executor.active.Go(w.close)
	}
	p.shrink.Reset(c.WarmIdle)
}

// close gives up everything that is idle. The executor's ctx has ended.
func (p *warmPool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, t := range []*time.Timer{p.shrink, p.retry} {
		if t != nil {
			t.Stop()
		}
	}
	for _, w := range p.idle {
		p.executor.active.Go(w.close)
	}
	p.idle = nil
}

// takeSpare gives a worker that nobody will miss: one of several that are idle.
// Without one it gives nil.
func (p *warmPool) takeSpare() *worker { return p.takeIdle(1) }
