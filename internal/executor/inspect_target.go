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

// InspectTarget tests everything that a run on a target needs, step by step. On
// this machine that is an engine that starts, a session, and the work directory.
// Nothing is changed. An error says that the test itself could not be made.
func (e *Executor) InspectTarget(ctx context.Context, target api.TargetSpec, targetName string) (api.ConnectionResult, *api.ErrorInfo) {
	if !e.begin() {
		return api.ConnectionResult{}, &api.ErrorInfo{Code: api.CodeInternal, Message: "the executor is closed"}
	}
	defer e.active.Done()
	ctx, cancel := context.WithTimeoutCause(ctx, inspectTargetTimeout, errNotReady)
	defer cancel()
	defer context.AfterFunc(e.ctx, cancel)()
	began := time.Now()
	var r api.ConnectionResult
	if target.Local() {
		r = e.inspectLocal(ctx)
	} else {
		r = e.inspectRemote(ctx, target, targetName)
	}
	r.ElapsedMS = float64(time.Since(began).Milliseconds())
	return r, nil
}

func (e *Executor) inspectLocal(ctx context.Context) api.ConnectionResult {
	if !e.engine.Found() {
		return badConnection("session", "there is no PowerShell 7.4 or later on this machine", "install PowerShell 7 and start the agent again")
	}
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
