package executor

import (
	"context"
	"time"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp"
)

// supervision is the time from the start of a script to its end.
type supervision struct {
	*attempt
	*session
	engine   engine
	run      *psrp.Run
	events   chan next
	stopPump context.CancelFunc
	timeout  *time.Timer
	grace    *time.Timer
	cause    string // why it was told to stop: a code, "" if it was not
}

// engine is what runs the script, from the side of who watches it.
type engine interface {
	// stopGrace is how long a script may take to end after it was told to.
	stopGrace() time.Duration
	// takeAway ends an engine whose script did not stop; it does not wait.
	takeAway()
	// died is the result when the engine is gone before the script's end. told is
	// why the script had been told to stop, if it was.
	died(cause error, told string) api.Result
}

// next is what psrp.Run.Next gave.
type next struct {
	event psrp.Event
	err   error
}

func newSupervision(a *attempt, e engine, s *session, run *psrp.Run) *supervision {
	w := &supervision{attempt: a, engine: e, session: s, run: run, events: make(chan next)}
	w.start()
	return w
}

func (s *supervision) start() {
	s.timeout, s.grace = stoppedTimer(), stoppedTimer()
	if s.request.Timeout > 0 {
		s.timeout.Reset(s.request.Timeout)
	}
	ctx, cancel := context.WithCancel(context.Background()) // ends with close, not with the run: events go on after a cancel
	s.stopPump = cancel
	go s.pump(ctx)
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// pump decodes events ahead of the records that are made of them.
func (s *supervision) pump(ctx context.Context) {
	defer close(s.events)
	for {
		event, err := s.run.Next(ctx)
		select {
		case s.events <- next{event, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func (s *supervision) close() {
	s.stopPump()
	for range s.events { // until the pump has ended
	}
	s.timeout.Stop()
	s.grace.Stop()
}

func (s *supervision) watch(ctx context.Context) api.Result {
	cancelled := ctx.Done()
	for {
		select {
		case n := <-s.events:
			if n.err != nil {
				return s.engine.died(n.err, s.cause)
			}
			if state, ok := n.event.(psrp.StateEvent); ok {
				return s.outcome(ctx, state)
			}
			s.recorder.event(n.event)
			if s.recorder.full {
				s.stop(api.CodeOutputOverflow)
			}
		case line := <-s.lines:
			s.recorder.text(api.StreamHost, line)
		case <-cancelled:
			cancelled = nil
			s.stop(api.CodeCancelled)
		case <-s.timeout.C:
			s.stop(api.CodeTimedOut)
		case <-s.grace.C:
			s.engine.takeAway()
		}
	}
}

// stop asks the engine to stop the script, once, and gives it StopGrace.
func (s *supervision) stop(cause string) {
	if s.cause != "" {
		return
	}
	s.cause = cause
	grace := s.engine.stopGrace()
	s.grace.Reset(grace)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), grace) // the script's own context has ended
		defer cancel()
		_ = s.run.Stop(ctx) // what it leads to comes as an event
	}()
}
