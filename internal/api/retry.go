package api

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Retry says how often and how fast a call is repeated that the server takes twice without harm. The zero value is four
// tries with waits of about 100, 200 and 400 ms.
type Retry struct {
	Tries int           // 1 means never again; 0 means 4
	Base  time.Duration // wait after the first failure, doubled each time; 0 means 100 ms
	Max   time.Duration // longest wait; 0 means 5 s
}

func (r Retry) tries() int {
	if r.Tries == 0 {
		return 4
	}
	return r.Tries
}

// Wait returns the pause after the given number of failures (1, 2, …): it doubles up to Max, and lies at random between
// half of that and all of it, so that many clients do not come back at once.
func (r Retry) Wait(failures int) time.Duration {
	base, limit := r.Base, r.Max
	if base <= 0 {
		base = 100 * time.Millisecond
	}
	if limit <= 0 {
		limit = 5 * time.Second
	}
	d := limit
	if shift := failures - 1; shift < 20 {
		d = min(base<<max(shift, 0), limit)
	}
	return d/2 + rand.N(d/2+1)
}

// pause waits before the next try, for as long as a 429 or 503 asked for when that is longer; false when ctx ends first.
func (r Retry) pause(ctx context.Context, failures int, cause error) bool {
	d := r.Wait(failures)
	if e, ok := errors.AsType[*Error](cause); ok {
		d = max(d, min(e.retryAfter, time.Minute))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// repeatable reports whether a failed call may be sent again. A call that is not idempotent may only when it never left.
func repeatable(err error, idempotent bool) bool {
	if t, ok := errors.AsType[*TransportError](err); ok {
		return idempotent || !t.Sent
	}
	return idempotent && Temporary(err)
}

func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
