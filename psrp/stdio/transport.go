package stdio

import (
	"context"
	"sync"

	"github.com/epo-dev/epo/psrp"
)

// inboxSize is how many lines may wait for Receive.
const inboxSize = 16

// transport carries one pool over a Conn.
//
// A target is announced by Command, has at most one Data line that is not
// acknowledged, and is closed by one Close line. Acknowledgements go through
// the inbox too, so that they take effect after all that came before them.
type transport struct {
	conn   *Conn
	inbox  chan Line     // closed by the reader of the Conn at the end
	faults chan error    // *psrp.TargetError
	closed chan struct{} // closed by Close

	mu        sync.Mutex
	targets   map[psrp.GUID]*target
	sends     uint64
	err       error // why the inbox was closed, or why there never was a pool
	closing   bool  // Close of the pool was written
	closeOnce sync.Once
	loseOnce  sync.Once
}

// target is what is known of a pool or a pipeline.
type target struct {
	slot     chan struct{} // holds a token while a Data line is not acknowledged
	waiters  map[Kind][]chan struct{}
	sent     uint64 // number of the last Data line; 0 without
	answered bool   // something came since then
	closed   bool   // Close was written
}

func newTransport(c *Conn) *transport {
	return &transport{
		conn:    c,
		inbox:   make(chan Line, inboxSize),
		faults:  make(chan error, inboxSize),
		closed:  make(chan struct{}),
		targets: make(map[psrp.GUID]*target),
	}
}

func (t *transport) refuse(err error) { t.lose(err) }

// lose closes the inbox. Only the reader of the Conn calls it once there is one.
func (t *transport) lose(err error) {
	t.loseOnce.Do(func() {
		t.mu.Lock()
		t.err = err
		t.mu.Unlock()
		close(t.inbox)
	})
}

func (t *transport) lost() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// MaxFragment implements psrp.Transport.
func (t *transport) MaxFragment() int { return t.conn.config.MaxFragment }

// Confidential implements psrp.ConfidentialTransport.
func (t *transport) Confidential() bool { return t.conn.config.Confidential }

// OpenPool implements psrp.Transport: it is a Send to the pool.
func (t *transport) OpenPool(ctx context.Context, first []byte) error {
	t.announce(psrp.GUID{})
	return t.Send(ctx, psrp.GUID{}, psrp.Default, first)
}

// OpenPipeline implements psrp.Transport.
func (t *transport) OpenPipeline(ctx context.Context, id psrp.GUID, first []byte) error {
	t.announce(id)
	if err := t.exchange(ctx, Line{Kind: Command, Target: id}, CommandAck); err != nil {
		return err
	}
	return t.Send(ctx, id, psrp.Default, first)
}

// Send implements psrp.Transport. The slot of the target is given back by the
// acknowledgement only, even when nobody waits for it any more.
func (t *transport) Send(ctx context.Context, id psrp.GUID, stream psrp.Stream, data []byte) error {
	to := t.target(id)
	if to == nil {
		return nil // closed; a server would ignore it as well
	}
	select {
	case to.slot <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-t.conn.ended:
		return t.conn.failure()
	case <-t.closed:
		return ErrClosed
	}
	t.mu.Lock()
	t.sends++
	to.sent, to.answered = t.sends, false
	t.mu.Unlock()
	return t.exchange(ctx, Line{Kind: Data, Target: id, Stream: stream, Data: data}, DataAck)
}

// Signal implements psrp.Transport.
func (t *transport) Signal(ctx context.Context, id psrp.GUID) error {
	if t.target(id) == nil {
		return nil
	}
	return t.exchange(ctx, Line{Kind: Signal, Target: id}, SignalAck)
}

// ClosePipeline implements psrp.Transport. The line is written once: a second
// one would make the server lose count.
func (t *transport) ClosePipeline(ctx context.Context, id psrp.GUID) error {
	if !t.markClosed(id) {
		return nil
	}
	err := t.exchange(ctx, Line{Kind: Close, Target: id}, CloseAck)
	t.mu.Lock()
	delete(t.targets, id)
	t.mu.Unlock()
	return err
}

func (t *transport) markClosed(id psrp.GUID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	to := t.targets[id]
	if to == nil || to.closed {
		return false
	}
	to.closed = true
	return true
}

// ClosePool implements psrp.Transport.
func (t *transport) ClosePool(ctx context.Context) error {
	t.mu.Lock()
	t.closing = true
	t.mu.Unlock()
	return t.exchange(ctx, Line{Kind: Close}, CloseAck)
}

func (t *transport) closingPool() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closing
}

// Close implements psrp.Transport. Unless the pool was closed, it also ends the
// input of the server.
func (t *transport) Close() error {
	t.closeOnce.Do(func() {
		close(t.closed)
		t.conn.spoil(t)
	})
	return nil
}

func (t *transport) announce(id psrp.GUID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.targets[id] = &target{slot: make(chan struct{}, 1), waiters: make(map[Kind][]chan struct{})}
}

// target gives a target that was announced and not closed.
func (t *transport) target(id psrp.GUID) *target {
	t.mu.Lock()
	defer t.mu.Unlock()
	if to := t.targets[id]; to != nil && !to.closed {
		return to
	}
	return nil
}

// exchange writes a line and waits for its acknowledgement.
func (t *transport) exchange(ctx context.Context, l Line, ack Kind) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	acked, err := t.expect(l.Target, ack)
	if err != nil {
		return err
	}
	select {
	case t.conn.lines <- AppendLine(nil, l):
	case <-ctx.Done():
		t.unexpect(l.Target, ack)
		return ctx.Err()
	case <-t.conn.ended:
		return t.conn.failure()
	case <-t.closed:
		return ErrClosed
	}
	select {
	case <-acked:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.conn.ended:
		return t.conn.failure()
	case <-t.closed:
		return ErrClosed
	}
}
