package psrp

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

var errCloseTimeout = errors.New("psrp: pool did not close in time")

// Close closes every run that is open, then the pool, and returns when the
// server has acknowledged. A pool that does not close within
// Config.CloseTimeout, or before ctx ends, is broken; so is what Close then
// returns. It does its work once; further calls wait for it and give its
// result. The pool leaves no goroutine behind.
func (p *Pool) Close(ctx context.Context) error {
	p.closeOnce.Do(func() { go p.shutdown() })
	select {
	case <-p.closed:
	case <-ctx.Done():
		p.fail(fmt.Errorf("close pool: %w", ctx.Err()))
		<-p.closed
	}
	return p.Err()
}

func (p *Pool) shutdown() {
	defer close(p.closed)
	if err := p.closeProtocol(); err != nil {
		p.fail(fmt.Errorf("close pool: %w", err))
	}
	<-p.read
	p.wg.Wait()
	_ = p.t.Close() // after an orderly end there is nothing left to lose
}

// closeProtocol does the closing talk: each pipeline once, then the pool.
func (p *Pool) closeProtocol() error {
	p.mu.Lock()
	p.closing = true
	if p.refuse == nil {
		p.refuse = ErrPoolClosed
	}
	var runs []*Run
	for _, r := range p.runs {
		runs = append(runs, r)
	}
	p.mu.Unlock()
	ctx, cancel := context.WithTimeoutCause(p.ctx, p.config.CloseTimeout, errCloseTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, r := range runs {
		wg.Go(func() { _ = r.Close(ctx) }) // its failure shows in ClosePool, which waits for it
	}
	wg.Wait()
	if err := p.t.ClosePool(ctx); err != nil {
		return reason(ctx, p.ctx, err)
	}
	select {
	case <-p.read:
		return nil
	case <-ctx.Done():
		return reason(ctx, p.ctx, ctx.Err())
	}
}
