package psrp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epo-dev/epo/psrp/clixml"
)

// A Pool is an open runspace pool. It is safe for use by several goroutines.
//
// It ends exactly once: closed by [Pool.Close], with Err nil, or broken, with
// Err a *[BrokenError]. Either way every run gets its end.
type Pool struct {
	id     GUID
	t      Transport
	config Config

	ids    atomic.Uint64 // object ids given out
	opened chan struct{} // closed when the server reports Opened
	read   chan struct{} // closed when the reader has returned
	wg     sync.WaitGroup

	ctx    context.Context // ends with the pool; its cause is why
	cancel context.CancelCauseFunc
	inbox  [2]Defragmenter // of the pool itself, by stream; reader only
	calls  *answerer

	keys   keyring
	asked  requests
	outbox chan struct{} // holds a token while a message of the pool is sent
	urgent atomic.Int32  // how many wait for an answer of the server; see hurry

	closeOnce sync.Once
	closed    chan struct{} // closed when Close has done its work

	mu      sync.Mutex
	session session
	runs    map[GUID]*Run // announced and not yet closed
	closing bool          // Close was called
	refuse  error         // why Start is refused
	ended   bool
	err     error
}

// Open opens a pool on t, which belongs to the pool from then on, and returns
// when the server reports it as opened. On error t is closed.
func Open(ctx context.Context, t Transport, c Config) (*Pool, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	if c.declared().atLeast(4) && !confidential(t) {
		return nil, errors.Join(fmt.Errorf("open pool: %w", ErrPlainTransport), t.Close())
	}
	p := newPool(t, NewGUID(), c)
	if err := p.begin(ctx, t.OpenPool, MsgInitRunspacePool, encodeInit(c)); err != nil {
		return nil, fmt.Errorf("open pool: %w", err)
	}
	return p, nil
}

// begin starts the reader and opens the pool; on error it ends it.
func (p *Pool) begin(ctx context.Context, first func(context.Context, []byte) error, t MessageType, body any) error {
	go p.readAll()
	err := p.open(ctx, first, t, body)
	if err != nil {
		p.fail(err)
		<-p.read
		p.wg.Wait()
	}
	return err
}

func newPool(t Transport, id GUID, c Config) *Pool {
	p := &Pool{
		id: id, t: t, config: c,
		opened: make(chan struct{}), read: make(chan struct{}), closed: make(chan struct{}),
		runs: make(map[GUID]*Run), outbox: make(chan struct{}, 1),
		keys:    keyring{arrived: make(chan []byte, 1)},
		session: session{own: c.declared()},
	}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	for i := range p.inbox {
		p.inbox[i].MaxObject = c.MaxObjectBytes + messageHeader
	}
	p.calls = &answerer{pool: p, ctx: p.ctx, host: c.Host, response: MsgPoolHostResponse}
	return p
}

// open sends the capability and the init or connect message at once, as every
// client does, and waits for Opened.
func (p *Pool) open(ctx context.Context, first func(context.Context, []byte) error, t MessageType, body any) error {
	ctx, cancel := bound(ctx, p.ctx, p.config.OpenTimeout, ErrOpenTimeout)
	defer cancel()
	packets, err := p.openPackets(t, body)
	if err != nil {
		return err
	}
	if err := first(ctx, packets[0]); err != nil {
		return reason(ctx, p.ctx, err)
	}
	for _, packet := range packets[1:] {
		if err := p.t.Send(ctx, GUID{}, Default, packet); err != nil {
			return reason(ctx, p.ctx, err)
		}
	}
	select {
	case <-p.opened:
		return nil
	case <-ctx.Done():
		return reason(ctx, p.ctx, ctx.Err())
	}
}

func (p *Pool) openPackets(t MessageType, body any) ([][]byte, error) {
	capability, err := encodeMessage(MsgSessionCapability, p.id, GUID{}, encodeCapability(p.config.declared()))
	if err != nil {
		return nil, err
	}
	init, err := encodeMessage(t, p.id, GUID{}, body)
	if err != nil {
		return nil, err
	}
	limit := p.t.MaxFragment()
	fragments := append(p.split(capability), p.split(init)...)
	packets := [][]byte{fragments[0]}
	for _, f := range fragments[1:] {
		if last := len(packets) - 1; len(packets[last])+len(f) <= limit {
			packets[last] = append(packets[last], f...)
		} else {
			packets = append(packets, f)
		}
	}
	return packets, nil
}

func (p *Pool) split(message []byte) [][]byte {
	return Split(p.ids.Add(1), message, p.t.MaxFragment())
}

// ID is the id of the pool.
func (p *Pool) ID() GUID { return p.id }

// Done is closed when the pool has ended.
func (p *Pool) Done() <-chan struct{} { return p.ctx.Done() }

// Err tells why the pool ended: nil while it has not and after a clean Close,
// else a *BrokenError.
func (p *Pool) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// ProtocolVersion is the version of the protocol both sides agreed on, as "2.3".
func (p *Pool) ProtocolVersion() string {
	return p.version().String()
}

func (p *Pool) version() version {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session.version
}

// PSVersion is the version of the engine, as "7.6.9", "" if it did not tell.
func (p *Pool) PSVersion() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session.psVersion()
}

// ApplicationPrivateData is what the server tells about itself, nil if nothing.
// It must not be changed.
func (p *Pool) ApplicationPrivateData() *clixml.Dictionary {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session.private
}

// fail ends the pool as broken and every run with it. Only the first end counts.
func (p *Pool) fail(cause error) {
	var broken *BrokenError
	if !errors.As(cause, &broken) {
		broken = &BrokenError{Err: cause}
	}
	if !p.end(broken) {
		return
	}
	_ = p.t.Close() // the pool is lost already; there is nothing to add to its error
}

// end marks the pool as ended with err, nil for a clean end.
func (p *Pool) end(err error) bool {
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		return false
	}
	p.ended, p.err = true, err
	p.refuse = err
	if err == nil {
		p.refuse = ErrPoolClosed
	}
	runs, refuse := p.runs, p.refuse
	p.runs = make(map[GUID]*Run)
	p.mu.Unlock()
	for _, r := range runs {
		r.finish(nil, refuse)
	}
	p.cancel(refuse)
	return true
}

// spawn runs f in a goroutine that Close waits for, unless the pool has ended.
func (p *Pool) spawn(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.wg.Go(f)
	}
}

// bound derives a context that also ends with life, and with cause after d.
func bound(ctx, life context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancelCause := context.WithCancelCause(ctx)
	ctx, cancelTime := context.WithTimeoutCause(ctx, d, cause)
	stop := context.AfterFunc(life, func() { cancelCause(context.Cause(life)) })
	return ctx, func() {
		stop()
		cancelTime()
		cancelCause(nil)
	}
}

// reason prefers why life or ctx ended to what a transport makes of it.
func reason(ctx, life context.Context, err error) error {
	if life.Err() != nil {
		return context.Cause(life)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
