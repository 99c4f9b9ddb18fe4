package agent

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

// Why an attempt's script is told to stop; the cause of its context.
var (
	errCancelled = errors.New("a cancel was asked for")
	errFenced    = errors.New("the lease ended and another agent may start the script")
	errLost      = errors.New("the attempt belongs to somebody else or is over")
	errSpool     = errors.New("the disk does not take the log")
	errStopped   = errors.New("the agent stops")
)

// attempt is one try of a run target from its claim to the server's word that its result is stored.
type attempt struct {
	claim   api.Claim // only what head has, for one that an earlier process began
	journal *journal

	life context.Context // ends when the attempt is lost or the agent ends
	lose context.CancelCauseFunc
	run  context.Context // the script's: ends with life, or when the script is told to stop
	stop context.CancelCauseFunc

	finishing atomic.Bool // its result is being sent; only that answer counts now

	mu    sync.Mutex
	until time.Time // the lease, on this machine's clock
}

func newAttempt(ctx context.Context, c api.Claim, j *journal, until time.Time) *attempt {
	a := &attempt{claim: c, journal: j, until: until}
	a.life, a.lose = context.WithCancelCause(ctx)
	a.run, a.stop = context.WithCancelCause(a.life)
	return a
}

func (a *attempt) id() string { return a.journal.head.AttemptID }

func (a *attempt) fence() api.Fence { return a.journal.head.fence() }

func (a *attempt) lost() bool { return errors.Is(context.Cause(a.life), errLost) }

// leased returns until when the lease holds.
func (a *attempt) leased() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.until
}

func (a *attempt) extend(until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if until.After(a.until) {
		a.until = until
	}
}

// judge gives the result that is reported: the executor's, unless the agent itself ended the script.
func (a *attempt) judge(r api.Result) api.Result {
	cause := context.Cause(a.run)
	switch {
	case errors.Is(cause, errSpool):
		return failure(api.StateFailed, api.CodeLogSpoolFull, "the agent's disk did not take the log of the run, so the script was ended")
	case r.State != api.StateCancelled:
		return r
	case errors.Is(cause, errStopped):
		return failure(api.StateFailed, api.CodeAgentStopped, "the agent was stopped and did not wait longer for the script")
	case errors.Is(cause, errFenced):
		return failure(api.StateUnknown, api.CodeLeaseLost, "the agent could not renew its lease and ended the script, because another agent may start it again")
	}
	return r
}

func failure(state, code, message string) api.Result {
	return api.Result{State: state, Error: &api.ErrorInfo{Code: code, Message: message}}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
