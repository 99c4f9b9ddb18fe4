package agent

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

// dispatcher is the only one who claims and finishes, so that places are counted once: results go out in batches, and the
// call that takes them brings new work back.
type dispatcher struct {
	client   *api.Client
	clock    Clock
	link     *link
	logger   *slog.Logger
	table    *table
	wake     bell
	poll     time.Duration
	capacity int
	draining *atomic.Bool
	begin    func(claims []api.Claim, asked time.Time)
	again    func(a *attempt) // its records have to be sent once more

	mu    sync.Mutex
	ready []*attempt // result known, every record stored
}

// deliver hands over an attempt whose result may be recorded.
func (d *dispatcher) deliver(a *attempt) {
	d.mu.Lock()
	d.ready = append(d.ready, a)
	d.mu.Unlock()
	d.wake.ring()
}

// maxBatchResults bounds one call; the server takes a thousand.
const maxBatchResults = 500

// take returns what is ready, and rings again when that is not all of it.
func (d *dispatcher) take() []*attempt {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(len(d.ready), maxBatchResults)
	taken := d.ready[:n:n]
	if d.ready = d.ready[n:]; len(d.ready) > 0 {
		d.wake.ring()
	}
	return taken
}

// run ends with ctx, or with the error that says the agent will never be served again.
func (d *dispatcher) run(ctx context.Context) error {
	for failures := 0; ; {
		err := d.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if fatal(err) {
			return err
		}
		pause, wake := jitter(d.poll), d.wake
		if err != nil {
			failures++
			pause, wake = backoff(failures), nil
		} else {
			failures = 0
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-d.clock.After(pause):
		}
	}
}

// round makes at most one call: it reports what is ready and claims for the places that are free.
func (d *dispatcher) round(ctx context.Context) error {
	results := d.take()
	free := 0
	if _, busy := d.table.counts(); !d.draining.Load() {
		free = max(d.capacity-busy, 0)
	}
	asked := d.clock.Now()
	var claims []api.Claim
	var err error
	switch {
	case len(results) > 0:
		claims, err = d.finish(ctx, results, free)
	case free > 0:
		claims, err = d.client.ClaimRunTargets(ctx, free)
	default:
		return nil
	}
	if ctx.Err() == nil {
		d.link.report("claim", err)
	}
	if len(claims) > 0 {
		d.begin(claims, asked)
	}
	return err
}

// finish reports results. When no answer comes they are kept for the next round, on the disk if need be.
func (d *dispatcher) finish(ctx context.Context, attempts []*attempt, free int) ([]api.Claim, error) {
	byID := make(map[string]*attempt, len(attempts))
	results := make([]api.Finish, len(attempts))
	for i, a := range attempts {
		s := a.journal.status()
		a.finishing.Store(true)
		byID[a.id()] = a
		results[i] = api.Finish{Fence: a.fence(), LastSeq: s.last, Result: *s.result}
	}
	answer, err := d.client.FinishAttempts(ctx, results, free)
	if err != nil {
		return nil, d.refused(ctx, attempts, err)
	}
	for _, r := range answer.Results {
		if a := byID[r.AttemptID]; a != nil {
			d.settle(a, r)
			delete(byID, r.AttemptID)
		}
	}
	for _, a := range byID {
		d.drop(a, "the server did not answer for it")
	}
	return answer.Claimed, nil
}

// refused keeps results that may be taken later. One that the server will never take must not hold up the others: they are
// sent one by one, and it is given up.
func (d *dispatcher) refused(ctx context.Context, attempts []*attempt, err error) error {
	if ctx.Err() != nil || api.Temporary(err) || needsToken(err) {
		d.keep(attempts)
		return err
	}
	if len(attempts) == 1 {
		d.drop(attempts[0], err.Error())
		return nil
	}
	for _, a := range attempts {
		if _, err := d.finish(ctx, []*attempt{a}, 0); err != nil {
			return err
		}
	}
	return nil
}

func (d *dispatcher) keep(attempts []*attempt) {
	for _, a := range attempts {
		if err := a.journal.flush(); err != nil {
			d.logger.Warn("journal not flushed", "attempt_id", a.id(), "error", err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ready = append(attempts, d.ready...)
}

// settle acts on the server's word about one result.
func (d *dispatcher) settle(a *attempt, r api.Outcome) {
	switch {
	case r.OK:
		result := a.journal.status().result
		d.logger.Info("attempt finished", "run_id", a.journal.head.RunID, "attempt_id", a.id(), "state", result.State, "exit_code", exitCode(result))
		d.forget(a)
	case r.Code == api.CodeLogGap && r.ExpectedSeq > 0:
		a.finishing.Store(false)
		if err := a.journal.confirm(r.ExpectedSeq); err != nil {
			d.drop(a, err.Error())
			return
		}
		d.again(a)
	default:
		d.drop(a, r.Code)
	}
}

// drop gives an attempt up: somebody else decides how it ended.
func (d *dispatcher) drop(a *attempt, why string) {
	d.logger.Warn("attempt given up; its log and result are dropped", "run_id", a.journal.head.RunID, "attempt_id", a.id(), "reason", why)
	d.forget(a)
}

func (d *dispatcher) forget(a *attempt) {
	a.lose(errLost)
	d.table.remove(a)
	if err := a.journal.remove(); err != nil {
		d.logger.Warn("journal not removed", "attempt_id", a.id(), "error", err)
	}
}

// exitCode is for logs: -1 where no end of the script was seen.
func exitCode(r *api.Result) int {
	if r.ExitCode == nil {
		return -1
	}
	return *r.ExitCode
}
