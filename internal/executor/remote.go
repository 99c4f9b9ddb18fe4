package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/stdio"
	"github.com/epo-dev/epo/psrp/winrm"
)

// remote is an attempt whose engine is on another machine.
type remote struct {
	*attempt
	*session
	link  link
	facts facts
	way   way

	token string // names the private directory
	root  string // the private directory, "" before there is one
	work  string // empty, in it

	attached atomic.Bool   // what the engine's processes write is recorded
	gone     chan struct{} // closed when nobody takes it any more
	slow     bool          // the script did not stop; nothing more is asked of the engine
}

// link is the connection to a target.
type link interface {
	// transport is for the one pool.
	transport() psrp.Transport
	// drop tears the connection down and does not wait.
	drop()
	// close ends the connection after its pool was closed.
	close(ctx context.Context)
	// cause tells why the pool is broken: err, or what the connection knows better.
	cause(err error) error
}

// runRemote runs the attempt on its target.
func (a *attempt) runRemote(ctx context.Context) (result api.Result) {
	r := &remote{
		attempt: a, session: newSession(), gone: make(chan struct{}),
		token: newToken(),
	}
	defer func() { r.close(result.State == api.StateCancelled) }()
	if failed := r.prepare(ctx); failed != nil {
		if ctx.Err() != nil {
			return neverStarted()
		}
		return api.Result{State: api.StateFailed, Error: failed}
	}
	return r.main(ctx)
}

// newToken names a directory that nobody can guess.
func newToken() string { return "epo-" + randomName() + randomName() }

// prepare connects and does everything up to the script's start. Whatever fails
// here, the script has not run.
func (r *remote) prepare(ctx context.Context) *api.ErrorInfo {
	ctx, cancel := context.WithTimeoutCause(ctx, r.executor.config.OpenTimeout, errNotReady)
	defer cancel()
	var err error
	if r.link, err = r.connect(ctx); err != nil {
		return remoteError(err)
	}
	if err := r.open(ctx); err != nil {
		return remoteError(r.link.cause(err))
	}
	if r.way, err = r.probe(ctx); err != nil {
		return remoteError(r.link.cause(err))
	}
	refused, err := r.prepareWay(ctx)
	if err != nil {
		return remoteError(r.link.cause(err))
	}
	return refused
}

var errNotReady = errors.New("the target was not ready in time")

// connect makes the connection.
func (r *remote) connect(ctx context.Context) (link, error) {
	c := connector{
		config: r.executor.config, target: r.request.Target, identity: r.identity,
		stderr: r.stderrLine, redact: r.recorder.mask.Text,
	}
	if r.request.Target.Options.Jump != "" {
		all, err := readIdentities(r.executor.config.Identities)
		if err != nil {
			return nil, err
		}
		if c.jump, err = all.jump(r.identity); err != nil {
			return nil, err
		}
	}
	return c.connect(ctx)
}

// connector has what a connection is made of.
type connector struct {
	config         Config
	target         api.TargetSpec
	identity, jump *identity
	stderr         func(line string)
	redact         func(string) string
}

func (c connector) connect(ctx context.Context) (link, error) {
	if c.target.Kind == api.TargetSSH {
		return c.connectSSH(ctx)
	}
	return c.connectWinRM()
}

func (r *remote) open(ctx context.Context) (err error) {
	r.pool, err = psrp.Open(ctx, r.link.transport(), psrp.Config{
		HostHandler: r.session, OpenTimeout: r.executor.config.OpenTimeout, Logger: r.executor.config.Logger,
	})
	return err
}

// stderrLine is called by the reader of the engine's standard error. It waits
// until the line is taken, which holds up whoever writes.
func (r *remote) stderrLine(line string) {
	if !r.attached.Load() {
		r.executor.config.Logger.Debug("executor: target wrote to standard error", "line", r.recorder.mask.Text(line))
		return
	}
	select {
	case r.lines <- line:
	case <-r.gone:
	}
}

// main runs the script to its end, however that comes.
func (r *remote) main(ctx context.Context) api.Result {
	r.attached.Store(true)
	// Whether a script has started must not be left open, so its start is not cut short.
	startCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.executor.config.OpenTimeout)
	run, err := r.startMain(startCtx)
	cancel()
	if err != nil {
		return r.died(err, "")
	}
	s := newSupervision(r.attempt, r, r.session, run)
	defer s.close()
	return s.watch(ctx)
}

// remoteGrace is how long a remote script may take to end after it was told to:
// the connection is torn down afterwards.
const remoteGrace = 2 * time.Second

func (r *remote) stopGrace() time.Duration { return min(remoteGrace, r.executor.config.StopGrace) }

func (r *remote) takeAway() {
	r.slow = true
	r.link.drop()
}

// died is the result when the connection or the engine is gone before the
// script's end.
func (r *remote) died(cause error, told string) api.Result {
	r.recorder.end()
	if told != "" && r.slow {
		return taken(told, "the script did not stop when it was told to, and the connection was torn down; "+r.reaped())
	}
	cause = r.link.cause(cause)
	var exit *stdio.ExitError
	var fault *winrm.FaultError
	switch {
	case errors.As(cause, &exit):
		result := failure(api.CodeEngineDied, "the PowerShell process on the target ended before the script: "+exit.Error())
		if exit.Code > 0 {
			result.ExitCode = &exit.Code
		}
		return result
	case errors.As(cause, &fault) && fault.Code == winrm.CodeShellNotFound:
		return failure(api.CodeEngineDied, "the shell on the target ended before the script: "+fault.Error())
	}
	result := failure(api.CodeConnectionLost, "the connection to the target was lost while the script ran, and how it ended is not known: "+cause.Error())
	result.State = api.StateUnknown
	return result
}

// Bounds of what comes after a script.
const (
	cleanTimeout = 10 * time.Second
	leaveTimeout = 5 * time.Second
	reapTimeout  = 30 * time.Second
	hurryTimeout = 2 * time.Second // after a cancel, for all of it
)

// close removes the private directory and ends pool and connection. What
// processes write until then is still recorded.
func (r *remote) close(hurry bool) {
	if r.link == nil {
		return
	}
	r.recordUntil(r.session, func() {
		clean, leave := cleanTimeout, leaveTimeout
		if hurry {
			clean, leave = hurryTimeout/2, hurryTimeout/2
		}
		if r.pool != nil && !r.slow {
			r.clean(clean)
		}
		ctx, cancel := context.WithTimeout(context.Background(), leave) // clean-up outlives its attempt
		defer cancel()
		if r.pool != nil {
			_ = r.pool.Close(ctx) // broken if it does not close
		}
		r.link.close(ctx)
	})
	close(r.gone)
	r.recorder.flush()
}

// clean removes the private directory.
func (r *remote) clean(timeout time.Duration) {
	if r.way != wayFile {
		return
	}
	select {
	case <-r.pool.Done():
		return // the engine does it as it ends
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	out, err := r.quiet(ctx, localScript(cleanScript,
		psrp.Parameter{Name: "Root", Value: r.root}, psrp.Parameter{Name: "Token", Value: r.token}))
	if err != nil || len(out) != 1 || out[0] != false {
		r.executor.config.Logger.Warn("executor: a directory may be left on a target", "target", r.request.Target.Name(), "dir", r.root, "error", err)
	}
}

// reaped ends an engine that did not stop, from a session of its own, and says
// what came of it. Over WinRM the deletion of the shell should have done that;
// the private directory is still there then.
func (r *remote) reaped() string {
	if r.facts.started == 0 {
		return "the target ends the engine when it notices"
	}
	if err := r.reap(); err != nil {
		r.executor.config.Logger.Warn("executor: an engine may be left on a target", "target", r.request.Target.Name(), "process", r.facts.id, "error", err)
		return fmt.Sprintf("whether process %d on the target has ended is not known: %v", r.facts.id, err)
	}
	return "its processes were killed"
}

func (r *remote) reap() error {
	ctx, cancel := context.WithTimeout(context.Background(), reapTimeout)
	defer cancel()
	other := &remote{attempt: r.attempt, session: newSession(), gone: make(chan struct{}), way: wayText}
	close(other.gone)
	var err error
	if other.link, err = other.connect(ctx); err != nil {
		return err
	}
	defer other.link.close(ctx)
	if err := other.open(ctx); err != nil {
		return err
	}
	defer func() { _ = other.pool.Close(ctx) }()
	out, err := other.quiet(ctx, localScript(reapScript,
		psrp.Parameter{Name: "Id", Value: r.facts.id}, psrp.Parameter{Name: "Started", Value: r.facts.started},
		psrp.Parameter{Name: "Root", Value: r.root}, psrp.Parameter{Name: "Mark", Value: markName + "=" + r.token}))
	if err == nil && (len(out) != 1 || out[0] != true) {
		err = fmt.Errorf("process %d is still there", r.facts.id)
	}
	return err
}

// fileNameOf is the last element of a path of any platform.
func fileNameOf(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

// absolute tells whether a path of any platform is absolute.
func absolute(path string) bool {
	return strings.HasPrefix(path, "/") || strings.HasPrefix(path, `\\`) ||
		len(path) > 2 && path[1] == ':' && (path[2] == '\\' || path[2] == '/')
}
