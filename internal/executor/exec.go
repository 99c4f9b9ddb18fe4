package executor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/epo-dev/epo/internal/account"
	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/runtime"
)

// ExecOptions are what `epo-agent exec` was told.
type ExecOptions struct {
	ScriptPath string
	ParamsJSON []byte // the parameters, a JSON object; see api.ParseParameters
	// Target is where the script runs. Identities and KnownHosts are files as in
	// Config.
	Target     api.TargetSpec
	Identities string
	KnownHosts []string
	JSON       bool // one record a line on Out, the result last
	Timeout    time.Duration
	Out        io.Writer // output, host, warning, verbose, debug; all with JSON
	ErrOut     io.Writer // errors and notes
	// Account is whom the script runs as when this process is root; "" means as
	// root.
	Account string
	Logger  *slog.Logger
}

// RunAccount is the account that scripts run as where the agent is root.
const RunAccount = "epo-run"

// Exec runs a script without a server, by the executor that the agent uses. The
// exit code is the script's; 1 where it has none but failed, 124 after the time
// limit, 130 when ctx ended. err tells that the script could not be read or the
// executor not be made; everything else is in the records and the code.
func Exec(ctx context.Context, o ExecOptions) (exitCode int, err error) {
	script, err := os.ReadFile(o.ScriptPath)
	if err != nil {
		return 1, fmt.Errorf("read script: %w", err)
	}
	e, cleanUp, err := newExecExecutor(ctx, o)
	if err != nil {
		return 1, err
	}
	defer cleanUp()
	p := printer{out: o.Out, errOut: o.ErrOut, json: o.JSON}
	result := e.Run(ctx, Request{
		ScriptName: filepath.Base(o.ScriptPath), Script: script, Parameters: o.ParamsJSON, Timeout: o.Timeout, Target: o.Target,
	}, p.record)
	p.result(result)
	return ExitCode(result), p.err
}

// newExecExecutor makes an executor for one run, in a directory of its own.
func newExecExecutor(ctx context.Context, o ExecOptions) (*Executor, func(), error) {
	c := Config{Logger: o.Logger, Identities: o.Identities, KnownHosts: o.KnownHosts}
	var err error
	if o.Target.Local() {
		if c.Engine, err = runtime.Find(ctx); err != nil && o.Logger != nil {
			o.Logger.Warn("no PowerShell", "error", err)
		}
	}
	if o.Target.Local() && o.Account != "" && os.Geteuid() == 0 {
		a, _, err := account.Ensure(o.Account)
		if err != nil {
			return nil, nil, err
		}
		c.Account = &a
	}
	removeStaleExecs(os.TempDir())
	if c.WorkDir, err = os.MkdirTemp("", execPrefix); err != nil {
		return nil, nil, fmt.Errorf("make work directory: %w", err)
	}
	e, err := New(c)
	if err != nil {
		_ = os.RemoveAll(c.WorkDir)
		return nil, nil, err
	}
	return e, func() {
		e.Close()
		_ = os.RemoveAll(c.WorkDir)
	}, nil
}

// execPrefix begins the names of the work directories of Exec.
const execPrefix = "epo-exec-"

// removeStaleExecs removes what killed processes left. A directory without any
// session is left alone: its process is only beginning.
func removeStaleExecs(temp string) {
	left, _ := filepath.Glob(filepath.Join(temp, execPrefix+"*"))
	for _, dir := range left {
		sessions, _ := filepath.Glob(filepath.Join(dir, sessionPrefix+"*.lock"))
		if len(sessions) > 0 && ownDirectory(dir) && !removeStaleSessions(dir) {
			_ = os.RemoveAll(dir)
		}
	}
}

// ExitCode is the exit code of a process that stands for a result.
func ExitCode(r api.Result) int {
	switch {
	case r.State == api.StateSucceeded:
		return 0
	case r.State == api.StateCancelled:
		return 130
	case r.State == api.StateTimedOut:
		return 124
	case r.ExitCode == nil:
		return 1
	case *r.ExitCode&0xff == 0: // exit codes are bytes; a failure must not look like success
		return 1
	}
	return *r.ExitCode
}

// printer writes records for `epo-agent exec`.
type printer struct {
	out, errOut io.Writer
	json        bool
	err         error // the first error of a writer
}

func (p *printer) record(r api.Record) {
	if p.json {
		p.line(r)
		return
	}
	switch r.Stream {
	case api.StreamOutput, api.StreamHost:
		p.text(p.out, r.Text)
	case api.StreamWarning, api.StreamVerbose, api.StreamDebug:
		p.text(p.out, strings.ToUpper(r.Stream)+": "+r.Text)
	case api.StreamError, api.StreamSystem:
		p.text(p.errOut, r.Text)
	}
}

func (p *printer) text(w io.Writer, s string) {
	if _, err := io.WriteString(w, s+"\n"); err != nil && p.err == nil {
		p.err = fmt.Errorf("write output: %w", err)
	}
}

func (p *printer) line(v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		p.err = fmt.Errorf("encode record: %w", err)
		return
	}
	if _, err := p.out.Write(b.Bytes()); err != nil && p.err == nil {
		p.err = fmt.Errorf("write output: %w", err)
	}
}

func (p *printer) result(r api.Result) {
	if p.json {
		p.line(map[string]api.Result{"result": r})
		return
	}
	if r.Error == nil || r.Error.Code == api.CodeScriptError { // whose text is a record already
		return
	}
	p.text(p.errOut, r.State+": "+r.Error.Message)
	if advice := api.Advice(r.Error.Code); advice != "" {
		p.text(p.errOut, "  → "+advice)
	}
}
