package winrm

import (
	"context"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/winrm/internal/wsman"
)

// pipeline is one command of the shell.
type pipeline struct {
	id     psrp.GUID
	slot   chan struct{} // holds a token while a portion is under way
	done   chan struct{} // closed when nothing more will come
	life   context.Context
	cancel context.CancelFunc
	ending chan struct{} // closed when it is given up
}

func (p *pipeline) lock(ctx context.Context) error {
	select {
	case p.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pipeline) unlock() { <-p.slot }

// over tells whether the server said that the command has ended.
func (p *pipeline) over() bool { return closed(p.done) }

// givenUp tells whether ClosePipeline was called.
func (p *pipeline) givenUp() bool { return closed(p.ending) }

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (t *Transport) pipeline(id psrp.GUID) *pipeline {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pipelines[id]
}

func (t *Transport) addPipeline(id psrp.GUID) *pipeline {
	p := &pipeline{id: id, slot: make(chan struct{}, 1), done: make(chan struct{}), ending: make(chan struct{})}
	p.life, p.cancel = context.WithCancel(t.life)
	t.mu.Lock()
	t.pipelines[id] = p
	t.mu.Unlock()
	return p
}

func (t *Transport) dropPipeline(p *pipeline) {
	p.cancel()
	t.mu.Lock()
	delete(t.pipelines, p.id)
	t.mu.Unlock()
}

func commandOptions() []wsman.Option {
	return []wsman.Option{{Name: "WINRS_SKIP_CMD_SHELL", Value: "False"}}
}

// OpenPipeline implements psrp.Transport: Command, and the Receive loop.
func (t *Transport) OpenPipeline(ctx context.Context, id psrp.GUID, first []byte) error {
	if t.disconnected() != nil {
		return ErrDisconnected
	}
	p := t.addPipeline(id)
	_, err := t.do(ctx, wsman.ActionCommand, commandOptions(), wsman.CommandLine{ID: upper(id), Arguments: first})
	if err == nil && t.spawn(func() { t.receivePipeline(p) }) {
		return nil
	}
	close(p.done)
	if err == nil {
		return ErrClosed
	}
	if neverDone(err) {
		t.dropPipeline(p) // else it may run, and ClosePipeline ends it
	}
	return t.broken(err)
}

// Signal implements psrp.Transport: it asks for the stop and waits for the end
// of the output. A server that takes longer than OperationTimeout to stop says
// so, and is waited for.
func (t *Transport) Signal(ctx context.Context, id psrp.GUID) error {
	p := t.pipeline(id)
	if p == nil {
		return nil
	}
	if !p.over() && t.disconnected() != nil {
		return ErrDisconnected
	}
	if !p.over() {
		_, err := t.do(ctx, wsman.ActionSignal, nil, wsman.Signal{CommandID: upper(id), Code: wsman.SignalStop})
		if err != nil && !p.over() && !hasCode(err, CodeTimedOut) {
			return t.broken(err)
		}
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	t.inbox.flush(ctx)
	return nil
}

// ClosePipeline implements psrp.Transport: it frees the place of the command,
// of which a shell has only so many. A command that runs is ended by it, except
// in a shell that is disconnected.
func (t *Transport) ClosePipeline(ctx context.Context, id psrp.GUID) error {
	p := t.giveUp(id)
	if p == nil {
		return nil
	}
	defer t.dropPipeline(p)
	if t.disconnected() != nil {
		p.cancel()
		return nil
	}
	_, err := t.do(ctx, wsman.ActionSignal, nil, wsman.Signal{CommandID: upper(id), Code: wsman.SignalTerminate})
	p.expire(ctx)
	t.inbox.flush(ctx)
	if hasCode(err, CodeShellNotFound) {
		return nil // it is gone, as was asked for; Receive tells if the shell is
	}
	return err
}

// giveUp marks a pipeline as closed, once.
func (t *Transport) giveUp(id psrp.GUID) *pipeline {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pipelines[id]
	if p == nil || p.givenUp() {
		return nil
	}
	close(p.ending)
	return p
}

// expire gives the Receive that is under way a moment to end by itself.
func (p *pipeline) expire(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, terminateGrace)
	defer cancel()
	select {
	case <-p.done:
		return
	case <-ctx.Done():
	}
	p.cancel()
	<-p.done
}
