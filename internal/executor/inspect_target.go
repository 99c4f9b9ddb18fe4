package executor

import (
	"context"
	"fmt"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

// inspectTargetTimeout bounds the test of a connection.
const inspectTargetTimeout = 45 * time.Second

// sessionScript asks a session what it is.
const sessionScript = `"$($PSVersionTable.PSEdition)"; "$($PSVersionTable.PSVersion)"; "$($ExecutionContext.SessionState.LanguageMode)"`

// InspectLocal tests what a run on this machine needs: an engine that starts, a
// session, and the work directory.
func (e *Executor) InspectLocal(ctx context.Context) (api.ConnectionResult, *api.ErrorInfo) {
	if !e.begin() {
		return api.ConnectionResult{}, &api.ErrorInfo{Code: api.CodeInternal, Message: "the executor is closed"}
	}
	defer e.active.Done()
	began := time.Now()
	r := e.inspectLocal(ctx)
	r.ElapsedMS = float64(time.Since(began).Milliseconds())
	return r, nil
}

func (e *Executor) inspectLocal(ctx context.Context) api.ConnectionResult {
	if !e.engine.Found() {
		return badConnection("session", "there is no PowerShell 7.4 or later on this machine", "install PowerShell 7 and start the agent again")
	}
	ctx, cancel := context.WithTimeout(ctx, inspectTargetTimeout)
	defer cancel()
	defer context.AfterFunc(e.ctx, cancel)()
	w, err := e.startWorker(ctx)
	if err != nil {
		return badConnection("session", "PowerShell does not start: "+err.Error(), "`epo-agent doctor` on the agent's machine tells more")
	}
	defer w.close()
	out, err := w.quiet(ctx, localScript(sessionScript))
	if err == nil && len(out) != 3 {
		err = fmt.Errorf("%d answers", len(out))
	}
	if err != nil {
		return badConnection("session", "PowerShell starts and does not answer: "+err.Error(), "`epo-agent doctor` on the agent's machine tells more")
	}
	r := api.ConnectionResult{OK: true, Edition: textOf(out[0]), Version: textOf(out[1])}
	r.Checks = []api.ConnectionCheck{
		{Name: "session", State: api.CheckOK, Detail: "isolation " + e.Isolation()},
		{Name: "edition", State: api.CheckOK, Detail: r.Edition + " " + r.Version},
		{Name: "language_mode", State: api.CheckOK, Detail: textOf(out[2])},
	}
	if e.config.Account == nil {
		r.Checks[0].State, r.Checks[0].Advice = api.CheckWarning, "scripts run as the agent's own account; start the agent as root to give them one of their own"
	}
	return r
}

func badConnection(check, cause, advice string) api.ConnectionResult {
	return api.ConnectionResult{
		Checks: []api.ConnectionCheck{{Name: check, State: api.CheckFailed, Detail: cause, Advice: advice}}, Cause: cause,
	}
}
