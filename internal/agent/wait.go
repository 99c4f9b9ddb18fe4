package agent

import (
	"context"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

// bell is a wake that is merged while nobody listens.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// waiter holds a call of /agent/wait open and rings the bells when the server has something for this tenant's agents.
type waiter struct {
	client  *api.Client
	clock   Clock
	link    *link
	timeout time.Duration
	bells   []bell
}

// run ends with ctx, or with the error that says the agent will never be served again.
func (w *waiter) run(ctx context.Context) error {
	for failures := 0; ctx.Err() == nil; {
		woken, err := w.client.AwaitWork(ctx, w.timeout)
		if ctx.Err() != nil {
			return nil
		}
		w.link.report("agent/wait", err)
		if fatal(err) {
			return err
		}
		if err != nil {
			failures++
			select {
			case <-ctx.Done():
			case <-w.clock.After(backoff(failures)):
			}
			continue
		}
		failures = 0
		if woken {
			for _, b := range w.bells {
				b.ring()
			}
		}
	}
	return nil
}
