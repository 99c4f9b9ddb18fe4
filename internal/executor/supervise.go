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
	worker   *worker
	run      *psrp.Run
	events   chan next
	stopPump context.CancelFunc
	timeout  *time.Timer
	grace    *time.Timer
	cause    string // why it was told to stop: a code, "" if it was not
	killed   bool   // because it did not stop
}

// next is what psrp.Run.Next gave.
type next struct {
	event psrp.Event
	err   error
}

func newSupervision(a *attempt, w *worker, run *psrp.Run) *supervision {
	s := &supervision{attempt: a, worker: w, run: run, events: make(chan next)}
	s.timeout, s.grace = stoppedTimer(), stoppedTimer()
	if a.request.Timeout > 0 {
		s.timeout.Reset(a.request.Timeout)
	}
	ctx, cancel := context.WithCancel(context.Background()) // ends with close, not with the run: events go on after a cancel
	s.stopPump = cancel
	go s.pump(ctx)
	return s
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
				return s.died(s.worker, n.err, s.cause)
			}
			if state, ok := n.event.(psrp.StateEvent); ok {
				return s.outcome(ctx, state)
			}
			s.recorder.event(n.event)
			if s.recorder.full {
				s.stop(api.CodeOutputOverflow)
			}
		case line := <-s.worker.lines:
			s.recorder.text(api.StreamHost, line)
		case <-cancelled:
			cancelled = nil
			s.stop(api.CodeCancelled)
		case <-s.timeout.C:
			s.stop(api.CodeTimedOut)
		case <-s.grace.C:
			s.kill()
		}
	}
}

// stop asks the engine to stop the script, once, and gives it StopGrace.
func (s *supervision) stop(cause string) {
	if s.cause != "" {
		return
	}
	s.cause = cause
	grace := s.executor.config.StopGrace
	s.grace.Reset(grace)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), grace) // the script's own context has ended
		defer cancel()
		_ = s.run.Stop(ctx) // what it leads to comes as an event
	}()
}

// kill ends the process: its input first, so that it can still stop native
// children, and after a moment its group.
func (s *supervision) kill() {
	s.killed = true
	go func() { _ = s.worker.process.Close(context.Background()) }() // bounded by its own grace
}
