package agent

import (
	"context"
	"log/slog"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

const (
	firstLease     = 30 * time.Second // until the server says how long its leases are
	busyHeartbeat  = 5 * time.Second  // cancels arrive at least this often when no wake brings them
	heartbeatRest  = 50 * time.Millisecond
	fencingReserve = 10 // a tenth of the lease is left when a retryable script is ended
)

// heartbeat renews all leases in one call, tells the server how the agent is, and brings cancel requests back: at each
// wake while there are attempts, and regularly.
type heartbeat struct {
	client *api.Client
	clock  Clock
	link   *link
	logger *slog.Logger
	table  *table
	wake   bell
	every  time.Duration // 0: a third of the lease
	info   func() api.AgentInfo

	lease time.Duration // as the server said last
}

// run ends with ctx, or with the error that says the agent will never be served again.
func (h *heartbeat) run(ctx context.Context) error {
	h.lease = firstLease
	for failures := 0; ; {
		err := h.beat(ctx)
		if ctx.Err() != nil {
			return nil
		}
		h.link.report("renew_leases", err)
		if fatal(err) {
			return err
		}
		if err != nil {
			failures++
		} else {
			failures = 0
		}
		if !h.rest(ctx, failures) {
			return nil
		}
	}
}

// rest waits until the next beat is due; false when ctx ends. A wake counts only while there are attempts.
func (h *heartbeat) rest(ctx context.Context, failures int) bool {
	due := h.clock.After(h.pause(failures))
	if !h.sleep(ctx, heartbeatRest) { // many wakes in a row are one beat
		return false
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-due:
			return true
		case <-h.wake:
			if attempts, _ := h.table.counts(); attempts > 0 {
				return true
			}
		}
	}
}

func (h *heartbeat) sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-h.clock.After(d):
		return true
	}
}

// pause is the time between beats; soon after a failure, since a lease is running out.
func (h *heartbeat) pause(failures int) time.Duration {
	d := h.lease / 3
	if h.every > 0 {
		d = h.every
	}
	if attempts, _ := h.table.counts(); attempts > 0 {
		d = min(d, busyHeartbeat)
	}
	if failures > 0 {
		d = min(d, backoff(failures))
	}
	return jitter(d)
}

// maxLeases is how many the server renews in one call.
const maxLeases = 1000

// beat renews all leases once, in one call unless there are very many.
func (h *heartbeat) beat(ctx context.Context) error {
	fences := h.table.fences()
	for len(fences) > maxLeases {
		if err := h.renew(ctx, fences[:maxLeases]); err != nil {
			return err
		}
		fences = fences[maxLeases:]
	}
	return h.renew(ctx, fences)
}

func (h *heartbeat) renew(ctx context.Context, fences []api.Fence) error {
	asked := h.clock.Now()
	answer, err := h.client.RenewLeases(ctx, fences, h.info())
	if err != nil {
		return err
	}
	if answer.LeaseSeconds > 0 {
		h.lease = seconds(answer.LeaseSeconds)
	}
	for _, r := range answer.Leases {
		if a := h.table.get(r.AttemptID); a != nil {
			h.apply(a, r, asked.Add(h.lease))
		}
	}
	return nil
}

func (h *heartbeat) apply(a *attempt, r api.Renewal, until time.Time) {
	switch {
	case r.OK:
		a.extend(until)
		if r.Cancel {
			a.stop(errCancelled)
		}
	case !a.finishing.Load():
		a.lose(errLost)
	}
}

// guard ends a retryable script shortly before its lease does, since another agent may start it then.
func guard(a *attempt, clock Clock, lease time.Duration) {
	for {
		left := a.leased().Add(-lease / fencingReserve).Sub(clock.Now())
		if left <= 0 {
			a.stop(errFenced)
			return
		}
		select {
		case <-a.run.Done():
			return
		case <-clock.After(left):
		}
	}
}
