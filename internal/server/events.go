package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/epo-dev/epo/internal/httpjson"
)

const (
	// recheckAfter is how old the look-up of a follower may be when it is told something.
	recheckAfter = 5 * time.Second
	// listsPause is the least time between two hints about the lists of a tenant, however much happens.
	listsPause = 500 * time.Millisecond
)

// events streams hints that something has changed, as server-sent events; the data itself is read from /api. With ?run= they
// are about one run, else about the lists of the caller's tenant. The first hint comes at once. The stream ends with the
// token, with the right to see what it is about, or with the server.
func (s *Server) events(x *exchange, r *http.Request) error {
	f := &follower{server: s, x: x, r: r}
	topic := "tenant:" + x.who.TenantID
	if r.URL.Query().Has("run") {
		id, err := uuid.Parse(r.URL.Query().Get("run"))
		if err != nil {
			return httpjson.NewError(http.StatusBadRequest, "invalid_argument", "run must be the id of a run")
		}
		f.run = id.String()
		topic = "run:" + f.run
	} else {
		f.pause = listsPause
	}
	// First register, then look: nothing that happens from now on is missed.
	f.waiter = s.hub.Wait(topic)
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
	run     string        // empty: the lists of the tenant
	pause   time.Duration // after each hint
	waiter  *Waiter
	checked time.Time
}

// check looks up whether the caller may still see the run, or anything of the tenant.
func (f *follower) check(ctx context.Context) error {
	view, query := "tenants", "select=id&id=eq."+f.x.who.TenantID
	if f.run != "" {
		view, query = "job_runs", "select=id&id=eq."+f.run
	}
	var rows []struct{}
	if err := f.server.read(ctx, f.x.who, view, query, f.r.Header.Get(requestIDHeader), &rows); err != nil {
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

// hint is the event for what the waiter heard; nothing is known of the first.
func (f *follower) hint(details ...string) string {
	if f.run != "" {
		return fmt.Sprintf("event: wake\ndata: {\"run_id\":%q}\n\n", f.run)
	}
	var text strings.Builder
	for _, kind := range details {
		if kind == anything {
			kind = "all"
		}
		fmt.Fprintf(&text, "event: wake\ndata: {\"kind\":%q}\n\n", kind)
	}
	return text.String()
}

// follow sends events until something ends the stream.
func (f *follower) follow(ctx context.Context) {
	if !f.send(f.hint(anything)) {
		return
	}
	heartbeat := time.NewTicker(f.server.config.Heartbeat)
	defer heartbeat.Stop()
	calm := time.NewTimer(0)
	defer calm.Stop()
	wakes, after := f.waiter.C, (<-chan time.Time)(nil)
	for {
		text := ": alive\n\n"
		select {
		case <-ctx.Done():
			return
		case <-after:
			wakes, after = f.waiter.C, nil
			continue
		case _, open := <-wakes:
			if !open || !f.allowed(ctx) {
				return
			}
			text = f.hint(f.waiter.Details()...)
			if f.pause > 0 { // what comes meanwhile is told together
				calm.Reset(f.pause)
				wakes, after = nil, calm.C
			}
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
