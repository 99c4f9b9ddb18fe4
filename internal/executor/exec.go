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
	// Params are the --param k=v values by name, see ParseParam.
	Params map[string]json.RawMessage
	// ParamsJSON is the content of --params-json, a JSON object; Params win.
	ParamsJSON []byte
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

// ParseParam splits k=v. v is taken as JSON if it is a JSON number, true,
// false, null, array or object, else as a string; to pass the text 5, write
// k="5" with the quotes reaching the program.
func ParseParam(s string) (name string, value json.RawMessage, err error) {
	name, text, ok := strings.Cut(s, "=")
	if !ok || strings.TrimSpace(name) == "" {
		return "", nil, fmt.Errorf("parameter %q is not of the form name=value", s)
	}
	if json.Valid([]byte(text)) {
		return name, json.RawMessage(text), nil
	}
	value, err = json.Marshal(text)
	return name, value, err
}

// Exec runs a script without a server, in the executor that the agent uses. The
// exit code is the script's; 1 where it has none but failed, 124 after the time
// limit, 130 when ctx ended. err tells that the script could not be read or the
// executor not be made; everything else is in the records and the code.
func Exec(ctx context.Context, o ExecOptions) (exitCode int, err error) {
	script, err := os.ReadFile(o.ScriptPath)
	if err != nil {
		return 1, fmt.Errorf("read script: %w", err)
	}
	params, err := mergeParams(o.ParamsJSON, o.Params)
	if err != nil {
		return 1, err
	}
	e, cleanUp, err := newExecExecutor(ctx, o)
	if err != nil {
		return 1, err
	}
	defer cleanUp()
	p := printer{out: o.Out, errOut: o.ErrOut, json: o.JSON}
	result := e.Run(ctx, Request{
		ScriptName: filepath.Base(o.ScriptPath), Script: script, Parameters: params, Timeout: o.Timeout,
	}, p.record)
	p.result(result)
	return ExitCode(result), p.err
}

// newExecExecutor makes an executor for one run, in a directory of its own.
func newExecExecutor(ctx context.Context, o ExecOptions) (*Executor, func(), error) {
	engine, err := runtime.Find(ctx)
	if err != nil && o.Logger != nil {
		o.Logger.Warn("no PowerShell", "error", err)
	}
	c := Config{Engine: engine, Logger: o.Logger}
	if o.Account != "" && os.Geteuid() == 0 {
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

// mergeParams puts single values over those of the object.
func mergeParams(object []byte, single map[string]json.RawMessage) ([]byte, error) {
	if len(single) == 0 {
		return object, nil
	}
	merged := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(object)) > 0 {
		if err := json.Unmarshal(object, &merged); err != nil {
			return nil, fmt.Errorf("parameters are not a JSON object: %w", err)
		}
	}
	for name, value := range single {
		for other := range merged {
			if strings.EqualFold(other, name) {
				delete(merged, other)
			}
		}
		merged[name] = value
	}
	return json.Marshal(merged)
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
	if r.Error != nil && r.Error.Code != api.CodeScriptError { // whose text is a record already
		p.text(p.errOut, r.State+": "+r.Error.Message)
	}
}
