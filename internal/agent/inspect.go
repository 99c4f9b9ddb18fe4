package agent

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

// inspections does the work that is no run: it lets the executor parse script versions, one at a time, and test the
// connections of targets, a few at once. It is apart from the dispatcher and looks after it, so that no run waits for it.
type inspections struct {
	client   *api.Client
	clock    Clock
	link     *link
	logger   *slog.Logger
	wake     bell
	poll     time.Duration
	draining *atomic.Bool
	executor Executor
	contents *contents

	wait  sync.WaitGroup
	mu    sync.Mutex
	doing map[string]int // by kind
}

const (
	// inspectAfter is how long after a wake it looks, so that runs are claimed first.
	inspectAfter = 30 * time.Millisecond
	// inspectPolls is how many times rarer than runs inspections are asked for without a wake.
	inspectPolls = 5
	// inspectReserve is what is left of a lease when an inspection is given up.
	inspectReserve = 5 * time.Second
)

// most says how many inspections of a kind are done at once. A test of a connection mostly waits.
var most = map[string]int{api.InspectScript: 1, api.InspectTarget: 4}

// run ends with ctx, or with the error that says the agent will never be served again.
func (i *inspections) run(ctx context.Context) error {
	defer i.wait.Wait()
	for failures := 0; ; {
		more, err := i.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if fatal(err) {
			return err
		}
		if more {
			continue
		}
		pause, wake := jitter(i.poll*inspectPolls), i.wake
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
			select {
			case <-ctx.Done():
				return nil
			case <-i.clock.After(inspectAfter):
			}
		case <-i.clock.After(pause):
		}
	}
}

// round claims one inspection of a kind that there is a place for, and begins it. It tells whether there may be more.
func (i *inspections) round(ctx context.Context) (more bool, err error) {
	kinds := i.free()
	if len(kinds) == 0 {
		return false, nil
	}
	asked := i.clock.Now()
	work, err := i.client.ClaimInspections(ctx, 1, kinds...)
	if ctx.Err() != nil || api.Status(err) == http.StatusNotFound { // an older server knows no inspections
		return false, nil
	}
	i.link.report("claim_inspections", err)
	for _, w := range work {
		i.begin(ctx, w, asked.Add(seconds(w.LeaseSeconds)-inspectReserve))
	}
	return len(work) > 0, err
}

// free returns the kinds that there is a place for. Without PowerShell there is none for scripts: another agent may have it.
func (i *inspections) free() (kinds []string) {
	var info api.AgentInfo
	i.executor.Describe(&info)
	i.mu.Lock()
	defer i.mu.Unlock()
	for kind, n := range most {
		if kind == api.InspectScript && info.EngineVersion == "" {
			continue
		}
		if i.doing[kind] < n && !i.draining.Load() {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func (i *inspections) count(kind string, n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.doing[kind] += n
}

func (i *inspections) begin(ctx context.Context, w api.ClaimedInspection, until time.Time) {
	i.count(w.Kind, 1)
	i.wait.Go(func() {
		defer i.wake.ring() // there may be more
		defer i.count(w.Kind, -1)
		life, cancel := context.WithCancel(ctx)
		defer cancel()
		done := make(chan struct{})
		defer close(done)
		go func() { // the lease counts on the agent's clock
			select {
			case <-done:
			case <-i.clock.After(until.Sub(i.clock.Now())):
				cancel()
			}
		}()
		i.finish(life, w, i.inspect(life, w))
	})
}

// failed is the result of an inspection that found nothing out.
type failed struct {
	Error api.ErrorInfo `json:"error"`
}

// inspect returns what is reported, nil where nothing is known and another agent shall try.
func (i *inspections) inspect(ctx context.Context, w api.ClaimedInspection) any {
	began := i.clock.Now()
	var result any
	switch {
	case w.Kind == api.InspectScript && w.Script != nil:
		result = i.inspectScript(ctx, *w.Script)
	case w.Kind == api.InspectTarget && w.Target != nil:
		found, err := i.executor.InspectTarget(ctx, *w.Target)
		if result = found; err != nil {
			result = failed{*err}
		}
	default:
		result = failed{api.ErrorInfo{Code: api.CodeInvalidArgument, Message: "this agent knows no inspection of this kind"}}
	}
	if ctx.Err() != nil {
		i.logger.Warn("inspection given up; it goes back to the queue when its lease ends", "inspection_id", w.ID, "kind", w.Kind)
		return nil
	}
	i.logger.Info("inspected", "inspection_id", w.ID, "kind", w.Kind, "elapsed", i.clock.Now().Sub(began).Round(time.Millisecond))
	return result
}

func (i *inspections) inspectScript(ctx context.Context, script api.ClaimedScript) api.InspectedScript {
	var content []byte
	err := i.untilDone(ctx, func() (err error) {
		content, err = i.contents.get(ctx, script)
		return err
	})
	switch {
	case err != nil:
		return api.InspectedScript{Error: &api.ErrorInfo{Code: api.CodeScriptUnavailable, Message: "the script's bytes could not be read from the server: " + err.Error()}}
	case !strings.EqualFold(hexSHA256(content), script.SHA256):
		return api.InspectedScript{Error: &api.ErrorInfo{Code: api.CodeDigestMismatch, Message: "the script's bytes are not those that were pushed"}}
	}
	return i.executor.InspectScript(ctx, content)
}

// finish reports a result until the server has answered.
func (i *inspections) finish(ctx context.Context, w api.ClaimedInspection, result any) {
	if result == nil {
		return
	}
	err := i.untilDone(ctx, func() error { return i.client.FinishInspection(ctx, w, result) })
	if err != nil && ctx.Err() == nil {
		i.logger.Warn("result of an inspection not taken", "inspection_id", w.ID, "code", api.CodeOf(err), "error", err)
	}
}

// untilDone repeats a call for as long as it fails for a reason that passes.
func (i *inspections) untilDone(ctx context.Context, try func() error) error {
	for failures := 1; ; failures++ {
		err := try()
		if err == nil || !api.Temporary(err) && !needsToken(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-i.clock.After(backoff(failures)):
		}
	}
}
