package executor

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/stdio"
)

// attempt is one run of one script.
type attempt struct {
	executor *Executor
	request  Request
	recorder *recorder
	params   []psrp.Parameter
	path     string    // of the script file
	wrap     string    // the script behind it
	identity *identity // whom to be on a remote target
}

func (a *attempt) run(ctx context.Context) api.Result {
	if err := a.check(); err != nil {
		return api.Result{State: api.StateFailed, Error: err}
	}
	if failed := a.settle(); failed != nil {
		return api.Result{State: api.StateFailed, Error: failed}
	}
	if !a.request.Target.Local() {
		return a.runRemote(ctx)
	}
	if !a.executor.engine.Found() {
		return failure(api.CodeRuntimeMissing, "there is no PowerShell 7.4 or later on this machine")
	}
	return a.runLocal(ctx)
}

// settle reads the identities, whose secrets are hidden from now on, and chooses
// the one for the target.
func (a *attempt) settle() *api.ErrorInfo {
	target := a.request.Target
	a.recorder.plain = target.Options.ANSI == api.ANSIStrip
	if err := target.Validate(); err != nil {
		return &api.ErrorInfo{Code: api.CodeTargetUnsupported, Message: err.Error()}
	}
	all, err := a.knownIdentities()
	if err != nil {
		return &api.ErrorInfo{Code: api.CodeIdentityUnusable, Message: err.Error()}
	}
	if !target.Local() {
		a.identity, err = all.choose(target, a.request.TargetName)
	}
	a.hideSecrets(all)
	if err != nil {
		return &api.ErrorInfo{Code: api.CodeIdentityMissing, Message: err.Error()}
	}
	return nil
}

func (a *attempt) runLocal(ctx context.Context) api.Result {
	w, result := a.prepare(ctx)
	if w == nil {
		return result
	}
	clean := false
	defer func() {
		if !clean { // a panic is on its way
			w.close()
		}
	}()
	result = a.main(ctx, w)
	a.finish(w)
	clean = true
	return result
}

// check refuses what needs no engine to be refused.
func (a *attempt) check() *api.ErrorInfo {
	if want := a.request.SHA256; want != "" {
		sum := sha256.Sum256(a.request.Script)
		if !strings.EqualFold(want, hex.EncodeToString(sum[:])) {
			return &api.ErrorInfo{Code: api.CodeDigestMismatch, Message: "the script is not the one whose SHA-256 was given"}
		}
	}
	var err error
	if a.params, err = decodeParameters(a.request.Parameters); err != nil {
		var rejected *parameterError
		if errors.As(err, &rejected) {
			return rejected.info()
		}
		return &api.ErrorInfo{Code: api.CodeParameterRejected, Message: err.Error()}
	}
	return nil
}

// prepareTries is how many processes may fail before the script has started.
const prepareTries = 3

// prepare gets a process ready to start the script. Until then a process that
// dies costs nothing: another one is taken.
func (a *attempt) prepare(ctx context.Context) (*worker, api.Result) {
	var err error
	for range prepareTries {
		var w *worker
		if w, err = a.executor.warm.take(ctx); err != nil {
			break
		}
		var refused *api.ErrorInfo
		if refused, err = a.pre(ctx, w); err == nil && refused == nil {
			return w, api.Result{}
		}
		a.finish(w)
		if err == nil {
			return nil, api.Result{State: api.StateFailed, Error: refused}
		}
		if ctx.Err() != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return nil, neverStarted()
	}
	return nil, failure(api.CodeEngineDied, "the PowerShell process could not be started: "+err.Error())
}

// neverStarted is the result of a cancel that came early.
func neverStarted() api.Result {
	return api.Result{State: api.StateCancelled, Error: &api.ErrorInfo{Code: api.CodeCancelled, Message: "cancelled before the script started"}}
}

// pre writes the script and runs the PRE pipeline, unless the process did that
// while it was warmed.
func (a *attempt) pre(ctx context.Context, w *worker) (refused *api.ErrorInfo, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.executor.config.OpenTimeout)
	defer cancel()
	if a.path, err = w.dir.write(fileName(a.request.ScriptName), a.request.Script, a.executor.config.Account); err != nil {
		return nil, fmt.Errorf("write script: %w", err)
	}
	a.recorder.view = errorView{a.path, a.request.Script}
	if w.prepared && len(a.params) == 0 && !a.request.Target.Options.ShapesSession() {
		return nil, nil
	}
	return a.prepareSession(ctx, w.session, w.dir.work)
}

// prepareSession runs the PRE pipeline. It refuses parameters that the script
// does not have, and options that the engine does not.
func (a *attempt) prepareSession(ctx context.Context, s *session, location string) (refused *api.ErrorInfo, err error) {
	out, err := s.quiet(ctx, a.prePipeline(location))
	if err != nil {
		return nil, fmt.Errorf("prepare the session: %w", err)
	}
	if len(out) == 0 {
		return nil, errors.New("prepare the session: no answer")
	}
	if option, ok := out[0].(string); ok {
		return a.optionRefused(option), nil
	}
	s.flag, _ = out[0].(bool)
	var unknown []string
	for _, name := range out[1:] {
		unknown = append(unknown, textOf(name))
	}
	if len(unknown) == 0 {
		return nil, nil
	}
	return &api.ErrorInfo{
		Code: api.CodeParameterRejected, Parameter: unknown[0],
		Message: fmt.Sprintf("the script has no parameter %s", strings.Join(unknown, ", ")),
	}, nil
}

func (a *attempt) optionRefused(option string) *api.ErrorInfo {
	o := a.request.Target.Options
	message := map[string]string{
		"working_directory": fmt.Sprintf("the working directory %s does not exist on the target", o.WorkingDirectory),
		"culture":           fmt.Sprintf("the target does not know the culture %s", o.Culture),
		"native_error":      "option native_error=error needs PowerShell 7.4 or later on the target",
	}[option]
	return &api.ErrorInfo{Code: api.CodeTargetUnsupported, Message: message}
}

func (a *attempt) prePipeline(location string) psrp.Pipeline {
	names, arrays := make([]any, len(a.params)), false
	for i, p := range a.params {
		names[i] = strings.TrimPrefix(p.Name, "-")
		arrays = arrays || holdsArray(p.Value)
	}
	o := a.request.Target.Options
	return localScript(preScript,
		psrp.Parameter{Name: "Path", Value: a.path},
		psrp.Parameter{Name: "Location", Value: cmp.Or(o.WorkingDirectory, location)},
		psrp.Parameter{Name: "Names", Value: newArray(names)},
		psrp.Parameter{Name: "Arrays", Value: arrays},
		psrp.Parameter{Name: "Culture", Value: o.Culture},
		psrp.Parameter{Name: "NativeError", Value: o.NativeError == api.NativeRecord},
		psrp.Parameter{Name: "Ansi", Value: o.ANSI == api.ANSIKeep})
}

func (a *attempt) mainPipeline() psrp.Pipeline {
	global, local := false, true
	return psrp.Pipeline{
		Commands: []psrp.Command{
			{Text: a.path, UseLocalScope: &global, Parameters: a.params},
			{Text: a.wrap, IsScript: true, UseLocalScope: &local},
		},
		Host: &psrp.HostInfo{UI: true, RawUI: true, Width: a.executor.config.Width},
	}
}

// main runs the script to its end, however that comes.
func (a *attempt) main(ctx context.Context, w *worker) api.Result {
	// Whether a script has started must not be left open, so its start is not cut short.
	run, err := w.pool.Start(context.WithoutCancel(ctx), a.mainPipeline())
	if err != nil {
		return localEngine{a, w}.died(err, "")
	}
	s := newSupervision(a, localEngine{a, w}, w.session, run)
	defer s.close()
	return s.watch(ctx)
}

// outcome is the result of a pipeline that reported its end.
func (s *supervision) outcome(ctx context.Context, state psrp.StateEvent) api.Result {
	s.recorder.end()
	if state.Dropped > 0 {
		s.recorder.note(fmt.Sprintf("%d records that came after the stop are left out", state.Dropped))
	}
	if s.cause == api.CodeOutputOverflow {
		return failure(s.cause, fmt.Sprintf("the script made more than %d bytes of output", s.request.MaxOutput))
	}
	if state.State == psrp.PipelineStopped && s.cause != "" {
		return stopped(s.cause, s.stopMessage())
	}
	exit := s.recorder.exit
	if exit == nil && state.State == psrp.PipelineCompleted && !s.flag {
		exit = s.tail(ctx)
	}
	if exit != nil {
		return exited(int(*exit))
	}
	if state.State == psrp.PipelineCompleted {
		return exited(0)
	}
	return s.threw(state.Error)
}

func exited(code int) api.Result {
	if code == 0 {
		return api.Result{State: api.StateSucceeded, ExitCode: &code}
	}
	return api.Result{State: api.StateFailed, ExitCode: &code, Error: &api.ErrorInfo{
		Code: api.CodeScriptExit, Message: fmt.Sprintf("the script ended with exit code %d", code),
	}}
}

// threw is the result of a script that an error ended.
func (s *supervision) threw(r *psrp.ErrorRecord) api.Result {
	code := 1
	result := api.Result{State: api.StateFailed, ExitCode: &code}
	switch {
	case r == nil:
		result.Error = &api.ErrorInfo{Code: api.CodeScriptError, Message: "the script was stopped from within"}
	case isBinderError(r, fileName(s.request.ScriptName)):
		result.Error, result.ExitCode = s.recorder.view.binderError(r), nil
	case isMissingParameter(r, s.promptedFor()):
		result.Error, result.ExitCode = missingParameter(s.promptedFor()), nil
	default:
		result.Error = s.recorder.view.info(r)
		s.recorder.note(s.recorder.view.text(r))
	}
	return result
}

func (s *supervision) stopMessage() string {
	if s.cause == api.CodeTimedOut {
		return fmt.Sprintf("stopped after %v, the time limit of the run", s.request.Timeout)
	}
	return "stopped on request"
}

// stopped is the result of a script that was told to stop.
func stopped(cause, message string) api.Result {
	state := api.StateCancelled
	if cause == api.CodeTimedOut {
		state = api.StateTimedOut
	}
	return api.Result{State: state, Error: &api.ErrorInfo{Code: cause, Message: message}}
}

// localEngine is a worker on an attempt.
type localEngine struct {
	*attempt
	worker *worker
}

func (e localEngine) stopGrace() time.Duration { return e.executor.config.StopGrace }

// takeAway ends the process: its input first, so that it can still stop native
// children, and after a moment its group.
func (e localEngine) takeAway() {
	go func() { _ = e.worker.process.Close(context.Background()) }() // bounded by its own grace
}

func (e localEngine) died(cause error, told string) api.Result {
	e.recorder.flush()
	if told != "" {
		return taken(told, "the script did not stop when it was told to, and its process was killed")
	}
	result := failure(api.CodeEngineDied, "the PowerShell process ended before the script: "+deathText(cause))
	var exit *stdio.ExitError
	if errors.As(cause, &exit) && exit.Code > 0 {
		result.ExitCode = &exit.Code
	}
	return result
}

// taken is the result of a script that did not stop when it was told to.
func taken(told, message string) api.Result {
	result := stopped(told, message)
	result.Error.Code = api.CodeKilled
	if told == api.CodeOutputOverflow {
		result.State, result.Error.Code = api.StateFailed, told
	}
	return result
}

// deathText leaves out the layers that an error came through.
func deathText(err error) string {
	var exit *stdio.ExitError
	if errors.As(err, &exit) {
		return exit.Error()
	}
	return err.Error()
}

// tailTimeout bounds the TAIL pipeline.
const tailTimeout = 10 * time.Second

// tail asks for $LASTEXITCODE where the exit flag could not be set.
func (s *supervision) tail(ctx context.Context) *int32 {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tailTimeout)
	defer cancel()
	out, err := s.quiet(ctx, localScript(tailScript))
	if err != nil || len(out) == 0 {
		return nil
	}
	n, ok := out[0].(int32)
	if !ok {
		return nil
	}
	return &n
}

// finish kills all that is left of an attempt. What its processes have written
// to standard error until then is still recorded.
func (a *attempt) finish(w *worker) {
	a.recordUntil(w.session, w.kill)
	a.recorder.flush()
	w.close()
}

// recordUntil records lines until something is done.
func (a *attempt) recordUntil(s *session, do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	for {
		select {
		case line := <-s.lines:
			a.recorder.text(api.StreamHost, line)
		case <-done:
			return
		}
	}
}
