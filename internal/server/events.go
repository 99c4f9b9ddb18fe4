package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/epo-dev/epo/internal/httpjson"
)

// recheckAfter is how old the look-up of a follower may be when it is told something.
const recheckAfter = 5 * time.Second

// events streams hints that something about a run has changed, as server-sent events; the data itself is read from /api. The
// first hint comes at once. The stream ends with the token, with the right to see the run, or with the server.
func (s *Server) events(x *exchange, r *http.Request) error {
	id, err := uuid.Parse(r.URL.Query().Get("run"))
	if err != nil {
		return httpjson.NewError(http.StatusBadRequest, "invalid_argument", "run must be the id of a run")
	}
	// First register, then look: nothing that happens from now on is missed.
	f := &follower{server: s, x: x, r: r, run: id.String(), waiter: s.hub.Wait("run:" + id.String())}
	defer f.waiter.Close()
	if err := f.check(r.Context()); err != nil {
		return err
	}
	f.begin()
	ctx, cancel := context.WithDeadline(r.Context(), time.Now().Add(x.who.ExpiresAt.Sub(s.config.Clock())))
	defer cancel()
	f.follow(ctx)
	return nil
}

// follower is one open stream.
type follower struct {
	server  *Server
	x       *exchange
	r       *http.Request
	run     string
	waiter  *Waiter
	checked time.Time
}

// check looks up whether the caller may still see the run.
func (f *follower) check(ctx context.Context) error {
	var rows []struct{}
	if err := f.server.read(ctx, f.x.who, "job_runs", "select=id&id=eq."+f.run, f.r.Header.Get(requestIDHeader), &rows); err != nil {
		return err
	}
	if len(rows) != 1 {
		return httpjson.NewError(http.StatusNotFound, "not_found", "there is no such object")
	}
	f.checked = time.Now()
	return nil
}

// begin sends the headers. The stream has no end that the server's timeouts could know.
func (f *follower) begin() {
	h := f.x.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // proxies should pass each event on
	_ = http.NewResponseController(f.x).SetReadDeadline(time.Time{})
	f.x.WriteHeader(http.StatusOK)
}

// follow sends events until something ends the stream.
func (f *follower) follow(ctx context.Context) {
	hint := fmt.Sprintf("event: wake\ndata: {\"run_id\":%q}\n\n", f.run)
	if !f.send(hint) {
		return
	}
	heartbeat := time.NewTicker(f.server.config.Heartbeat)
	defer heartbeat.Stop()
	for {
		text := ": alive\n\n"
		select {
		case <-ctx.Done():
			return
		case _, open := <-f.waiter.C:
			if !open || !f.allowed(ctx) {
				return
			}
			text = hint
		case <-heartbeat.C:
		}
		if !f.send(text) {
			return
		}
	}
}

// allowed looks the caller up again when the last look is too old.
func (f *follower) allowed(ctx context.Context) bool {
	return time.Since(f.checked) < recheckAfter || f.check(ctx) == nil
}

// send writes text through to the client; one that does not take it within a minute is dropped.
func (f *follower) send(text string) bool {
	control := http.NewResponseController(f.x)
	_ = control.SetWriteDeadline(time.Now().Add(answerTimeout))
	if _, err := f.x.Write([]byte(text)); err != nil {
		return false
	}
	return control.Flush() == nil
}
