package psrp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// A Run is one pipeline on its way. Its events are one ordered queue over all
// streams, read with Next by one goroutine. It must be closed.
//
// Memory: a run keeps at most Config.MaxQueueBytes of events, undecoded. When
// they are not taken the pool stops reading, and the engine in turn stops
// working: real back-pressure, but for every run of the pool, since they share
// one stream. Stop and Close lift it.
type Run struct {
	pool  *Pool
	id    GUID
	queue *queue
	inbox [2]Defragmenter // by stream; reader only
	calls *answerer

	ctx       context.Context // ends with the pipeline
	cancel    context.CancelCauseFunc
	stopCalls context.CancelFunc         // ends host calls that are being answered
	silence   atomic.Pointer[time.Timer] // StartTimeout; nil without

	hadErrors bool          // reader only
	stated    chan struct{} // closed when the engine has told how the pipeline ended

	// ending lets a stop that failed input has begun come to its end before the
	// run is closed: a server told to close a pipeline that is stopping says at
	// once that it did, and refuses the next one because this one still runs.
	ending sync.Mutex

	closeOnce sync.Once
	closed    chan struct{}
	closeErr  error
}

// Start starts a pipeline and returns when the server has taken it over. ctx
// is for the start only; use Stop to end the run.
func (p *Pool) Start(ctx context.Context, pl Pipeline) (*Run, error) {
	if len(pl.Commands) == 0 {
		return nil, errors.New("start pipeline: no commands")
	}
	pl, err := p.sealedPipeline(ctx, pl)
	if err != nil {
		return nil, fmt.Errorf("start pipeline: %w", err)
	}
	r := p.newRun(pl)
	if err := p.add(r); err != nil {
		r.finish(nil, err)
		return nil, fmt.Errorf("start pipeline: %w", err)
	}
	if err := r.create(ctx, pl); err != nil {
		r.finish(nil, err)
		r.closeLater()
		return nil, fmt.Errorf("start pipeline: %w", err)
	}
	if pl.Input != nil {
		r.feed(pl.Input)
	}
	return r, nil
}

func (p *Pool) newRun(pl Pipeline) *Run {
	r := &Run{pool: p, id: NewGUID(), queue: newQueue(p.config.MaxQueueBytes), closed: make(chan struct{}), stated: make(chan struct{})}
	r.queue.urgent = &p.urgent
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	for i := range r.inbox {
		r.inbox[i].MaxObject = p.config.MaxObjectBytes + messageHeader
	}
	host := pl.Host
	if host == nil {
		host = p.config.Host
	}
	var calls context.Context
	calls, r.stopCalls = context.WithCancel(r.ctx)
	r.calls = &answerer{pool: p, ctx: calls, target: r.id, host: host, response: MsgPipelineHostResponse}
	return r
}

func (p *Pool) add(r *Run) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return p.refuse
	}
	p.runs[r.id] = r
	return nil
}

// create sends CREATE_PIPELINE, each fragment after the one before was
// acknowledged: two at once may be taken in the wrong order.
func (r *Run) create(ctx context.Context, pl Pipeline) error {
	message, err := encodeMessage(MsgCreatePipeline, r.pool.id, r.id, encodePipeline(pl, r.pool.version()))
	if err != nil {
		return err
	}
	r.watchSilence(pl.StartTimeout)
	for i, fragment := range r.pool.split(message) {
		if err := r.sendFragment(ctx, i == 0, fragment); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) sendFragment(ctx context.Context, first bool, fragment []byte) error {
	ctx, cancel := bound(ctx, r.ctx, r.pool.config.AckTimeout, ErrAckTimeout)
	defer cancel()
	send := func() error { return r.pool.t.Send(ctx, r.id, Default, fragment) }
	if first {
		send = func() error { return r.pool.t.OpenPipeline(ctx, r.id, fragment) }
	}
	err := send()
	if err != nil && errors.Is(context.Cause(r.ctx), io.EOF) {
		return nil // it ended already, with a state of its own
	}
	if err != nil {
		return reason(ctx, r.ctx, err)
	}
	return nil
}

func (r *Run) watchSilence(d time.Duration) {
	if d > 0 {
		r.silence.Store(time.AfterFunc(d, func() { r.finish(nil, ErrNoAnswer) }))
	}
}

// heard ends the wait for a sign of life.
func (r *Run) heard() {
	if timer := r.silence.Load(); timer != nil {
		timer.Stop()
	}
}

// ID is the id of the pipeline.
func (r *Run) ID() GUID { return r.id }

// Done is closed when the pipeline has ended; events may still be unread.
func (r *Run) Done() <-chan struct{} { return r.ctx.Done() }

// Next gives the next event. The last one is a [StateEvent]; after it comes
// io.EOF. A run that ends otherwise gives an error instead: *BrokenError with
// the pool, ErrRunClosed, ErrNoAnswer, or what the transport said. When ctx
// ends Next gives ctx.Err() and the run goes on.
func (r *Run) Next(ctx context.Context) (Event, error) {
	it, err := r.queue.take(ctx)
	if err != nil {
		return nil, err
	}
	if it.event != nil {
		return it.event, nil
	}
	return decodeEvent(it.kind, it.body, r.pool.config.decode()), nil
}

// Events gives the events up to and with the [StateEvent]. Anything else that
// ends them comes as a last pair of nil and an error.
func (r *Run) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			event, err := r.Next(ctx)
			if errors.Is(err, io.EOF) || !yield(event, err) || err != nil {
				return
			}
		}
	}
}

// Stop asks the engine to stop the pipeline and returns when it did, which may
// be never when the pipeline is stuck in native or .NET code: give ctx a
// deadline. A pipeline that ended by itself is no error. The remaining events
// and the state are still to be read; should they be too many for the queue,
// those that do not fit are dropped and counted in [StateEvent].
//
// PowerShell 7.6 that is stopped within the first milliseconds of a pipeline
// can confirm the stop and then never start another one on that runspace:
// close the pool after so early a stop, or give the next pipeline a
// StartTimeout.
func (r *Run) Stop(ctx context.Context) error {
	r.queue.lift()
	r.stopCalls()
	if r.ctx.Err() != nil {
		return nil
	}
	if err := r.signal(ctx); err != nil && r.ctx.Err() == nil {
		return fmt.Errorf("stop pipeline: %w", err)
	}
	return nil
}

// signal asks the engine to stop the pipeline and waits until it has told the
// end.
func (r *Run) signal(ctx context.Context) error {
	if err := r.pool.t.Signal(ctx, r.id); err != nil {
		return err
	}
	select {
	case <-r.stated:
	case <-r.closed:
	case <-r.pool.ctx.Done():
		return r.pool.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Close gives the run up. A pipeline that still runs is stopped by the engine
// as far as it can be. Events that were not read stay readable; new ones are
// thrown away, except for the last. It is to be called for every run, and does
// its work once: further calls wait for and give the result of the first.
func (r *Run) Close(ctx context.Context) error {
	r.closeOnce.Do(func() { go r.close() })
	select {
	case <-r.closed:
		return r.closeErr
	case <-ctx.Done():
		return fmt.Errorf("close pipeline: %w", ctx.Err())
	}
}

// closeLater closes a run that nobody has a handle of.
func (r *Run) closeLater() {
	r.closeOnce.Do(func() { go r.close() })
}

func (r *Run) close() {
	defer close(r.closed)
	r.queue.drop()
	r.stopCalls()
	r.ending.Lock()
	defer r.ending.Unlock()
	ctx, cancel := context.WithTimeout(r.pool.ctx, r.pool.config.CloseTimeout)
	defer cancel()
	if r.pool.ctx.Err() == nil {
		if err := r.pool.t.ClosePipeline(ctx, r.id); err != nil && r.pool.ctx.Err() == nil {
			r.closeErr = fmt.Errorf("close pipeline: %w", err)
		}
	}
	r.pool.forget(r)
}

// forget drops a closed run. Where its last message came, it has been read: a
// transport gives out what it received before the acknowledgement first.
func (p *Pool) forget(r *Run) {
	p.mu.Lock()
	delete(p.runs, r.id)
	p.mu.Unlock()
	r.finish(nil, ErrRunClosed)
}

// finish ends the run with its state, or with err.
func (r *Run) finish(state *StateEvent, err error) {
	if !r.queue.end(state, err) {
		return
	}
	r.heard()
	r.cancel(err)
}
