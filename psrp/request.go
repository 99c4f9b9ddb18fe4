package psrp

import (
	"context"
	"fmt"
	"sync"

	"github.com/epo-dev/epo/psrp/clixml"
)

// requests are the questions about the pool that wait for an answer, by the id
// that both carry.
type requests struct {
	mu      sync.Mutex
	last    int64
	waiting map[int64]chan any
}

func (q *requests) add() (int64, chan any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == nil {
		q.waiting = make(map[int64]chan any)
	}
	q.last++
	c := make(chan any, 1)
	q.waiting[q.last] = c
	return q.last, c
}

func (q *requests) drop(id int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.waiting, id)
}

// receive takes a RUNSPACE_AVAILABILITY. One that nobody asked for, or asks for
// no longer, is ignored.
func (q *requests) receive(m Message, opt clixml.DecodeOptions) error {
	v, err := clixml.Decode(m.Body, opt)
	if err != nil {
		return fmt.Errorf("decode runspace availability: %w", err)
	}
	id, ok := intOf(member(v, "ci"))
	if !ok {
		return protocolError("message", "runspace availability without ci")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if c := q.waiting[id]; c != nil {
		delete(q.waiting, id)
		c <- clixml.Base(member(v, "SetMinMaxRunspacesResponse"))
	}
	return nil
}

// ask sends a request about the pool and waits for its answer.
func (p *Pool) ask(ctx context.Context, t MessageType, props ...clixml.Property) (any, error) {
	ctx, cancel := bound(ctx, p.ctx, p.config.AckTimeout, ErrAckTimeout)
	defer cancel()
	id, answer := p.asked.add()
	defer p.asked.drop(id)
	defer p.hurry()()
	body := clixml.NewBag(append(props, clixml.Property{Name: "ci", Value: id})...)
	if err := p.sendPool(ctx, t, body); err != nil {
		return nil, reason(ctx, p.ctx, err)
	}
	select {
	case v := <-answer:
		return v, nil
	case <-ctx.Done():
		return nil, reason(ctx, p.ctx, ctx.Err())
	}
}

// order is an ask that is answered by yes or no.
func (p *Pool) order(ctx context.Context, what string, t MessageType, props ...clixml.Property) error {
	v, err := p.ask(ctx, t, props...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if !boolOf(v) {
		return fmt.Errorf("%s: %w", what, ErrRefused)
	}
	return nil
}

// SetMaxRunspaces changes how many pipelines may run at once. The server
// refuses a number below the minimum.
func (p *Pool) SetMaxRunspaces(ctx context.Context, n int) error {
	return p.order(ctx, "set maximum of runspaces", MsgSetMaxRunspaces,
		clixml.Property{Name: "MaxRunspaces", Value: int32(n)})
}

// SetMinRunspaces changes how many runspaces the server keeps.
func (p *Pool) SetMinRunspaces(ctx context.Context, n int) error {
	return p.order(ctx, "set minimum of runspaces", MsgSetMinRunspaces,
		clixml.Property{Name: "MinRunspaces", Value: int32(n)})
}

// AvailableRunspaces gives how many more pipelines could run at once.
func (p *Pool) AvailableRunspaces(ctx context.Context) (int, error) {
	v, err := p.ask(ctx, MsgGetAvailableRunspaces)
	if err != nil {
		return 0, fmt.Errorf("get available runspaces: %w", err)
	}
	n, ok := intOf(v)
	if !ok {
		return 0, fmt.Errorf("get available runspaces: %w", protocolError("message", "no number of runspaces"))
	}
	return int(n), nil
}

// Reset clears the variables of the runspace. Functions, modules, location and
// environment stay: only a new pool or process is clean. The server refuses it
// for pools of more than one runspace and while a pipeline runs. Servers before
// protocol version 2.3 cannot do it, which is an [ErrVersion].
func (p *Pool) Reset(ctx context.Context) error {
	if v := p.version(); !v.atLeast(3) {
		return fmt.Errorf("reset runspace: %w: needs 2.3, the server speaks %v", ErrVersion, v)
	}
	return p.order(ctx, "reset runspace", MsgResetRunspaceState)
}

// sendPool sends a message of the pool itself. The fragments of two messages
// must not mix, so one is sent after the other.
func (p *Pool) sendPool(ctx context.Context, t MessageType, body any) error {
	message, err := encodeMessage(t, p.id, GUID{}, body)
	if err != nil {
		return err
	}
	select {
	case p.outbox <- struct{}{}:
		defer func() { <-p.outbox }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, f := range p.split(message) {
		if err := p.t.Send(ctx, GUID{}, Default, f); err != nil {
			return err
		}
	}
	return nil
}

// hurry lets the reader pass full queues for as long as an answer of the server
// is waited for, which may be by the very goroutine that should empty them.
func (p *Pool) hurry() (done func()) {
	p.urgent.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.runs {
		signal(r.queue.room)
	}
	return func() { p.urgent.Add(-1) }
}
