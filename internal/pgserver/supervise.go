package pgserver

import (
	"context"
	"time"
)

const (
	stopFastWait = 30 * time.Second // where Stop's context has no end of its own
	stopNowWait  = 5 * time.Second
	// A server that dies more often than this within restartWindow has a reason that a restart does not cure.
	maxRestarts   = 5
	restartWindow = time.Minute
)

// supervise keeps the server running until Stop. It owns current from here on.
func (s *Server) supervise() {
	defer close(s.done)
	defer s.release()
	var restarts []time.Time
	for {
		if s.isStopping() {
			s.shutDown()
			return
		}
		select {
		case <-s.stopping:
			continue
		case <-s.current.done:
		}
		if s.isStopping() {
			return
		}
		if s.err = s.revive(&restarts, s.current.err); s.err != nil {
			return
		}
	}
}

// revive starts the server until it stays up or there is no hope. restarts are the times of earlier ones.
func (s *Server) revive(restarts *[]time.Time, cause error) error {
	for {
		s.config.Logger.Error("the database server ended unexpectedly, starting it again", "error", cause)
		*restarts = append(*restarts, time.Now())
		if n := len(*restarts); n > maxRestarts && (*restarts)[n-1].Sub((*restarts)[n-1-maxRestarts]) < restartWindow {
			_, _ = clearLeftovers(context.Background(), s.files.cluster()) // bounded; children of the last one may still be ending
			return &Error{Code: KeepsDying, What: "the server keeps dying", Err: cause, Do: "The lines below are the end of its log", Log: tail(s.files.log(), 0)}
		}
		if cause = s.again(); CodeOf(cause) != StartFailed {
			return cause
		}
	}
}

func (s *Server) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// again starts the server once more, on the same port: everybody knows it by that.
func (s *Server) again() error {
	ctx, cancel := s.untilStop()
	defer cancel()
	if _, err := clearLeftovers(ctx, s.files.cluster()); err != nil {
		return err
	}
	err := s.launch(ctx)
	if ctx.Err() != nil {
		return nil // the next turn of supervise sees that Stop was called
	}
	return err
}

// untilStop returns a context that ends when Stop is called.
func (s *Server) untilStop() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-s.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// shutDown ends sessions and stops cleanly; when the caller's patience is over it stops at once, which costs a recovery
// at the next start but no data.
func (s *Server) shutDown() {
	p := s.current
	if p == nil {
		return
	}
	if err := p.stopFast(s.binaries.home, s.files.cluster()); err != nil {
		s.config.Logger.Warn("the database server could not be asked to stop", "error", err)
	}
	select {
	case <-p.done:
	case <-s.stopCtx.Done():
		s.config.Logger.Warn("the database server did not stop in time, ending it")
		s.kill()
	}
}

// Stop shuts the server down and returns when it is gone. When ctx ends first (without a deadline: after 30 s) it is
// ended the hard way, and still nothing is lost. The error is that of Err. Stop may be called more than once.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		var cancel context.CancelFunc = func() {}
		if _, ok := ctx.Deadline(); !ok {
			ctx, cancel = context.WithTimeout(ctx, stopFastWait)
		}
		s.stopCtx = ctx
		close(s.stopping)
		<-s.done
		cancel()
	})
	<-s.done
	return s.err
}

// Done is closed when the server is gone, after Stop or because it could not be kept alive.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err tells after Done why the server is gone; nil after Stop.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}
