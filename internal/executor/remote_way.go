package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// way is how a script is run on a target.
type way int

const (
	// wayFile: the bytes are uploaded and run by path, as locally.
	wayFile way = iota
	// wayText: the endpoint allows scripts but no calls of methods (constrained
	// language), so nothing can be uploaded and nothing formatted; the text runs.
	wayText
	// wayCommands: the endpoint allows commands only (no language, restricted
	// language), as most JEA endpoints do; the script must consist of nothing else.
	wayCommands
)

// facts are what a remote engine tells about itself.
type facts struct {
	edition  string // Core or Desktop; "" where it does not say
	version  string
	language string // FullLanguage, ConstrainedLanguage, RestrictedLanguage or NoLanguage
	unix     bool
	id       int32 // process
	started  int64 // when, as a Windows file time; 0: not known
}

// probe finds out what the engine is and how scripts are run there.
func (r *remote) probe(ctx context.Context) (way, error) {
	out, err := r.quiet(ctx, localScript(probeScript))
	var ended *pipelineError
	if errors.As(err, &ended) {
		r.facts = facts{version: r.pool.PSVersion(), language: "NoLanguage"}
		if ended.record != nil && !ended.scriptsRefused() {
			return wayCommands, fmt.Errorf("look at the engine: %w", err)
		}
		return wayCommands, nil
	}
	if err != nil {
		return wayCommands, fmt.Errorf("look at the engine: %w", err)
	}
	r.facts = readFacts(out)
	if r.facts.language == "FullLanguage" {
		return wayFile, nil
	}
	return wayText, nil
}

// readFacts reads the answer of probe.ps1.
func readFacts(out []any) (f facts) {
	if len(out) != 1 {
		return f
	}
	o, ok := out[0].(*clixml.Object)
	if !ok {
		return f
	}
	d, ok := o.Value.(*clixml.Dictionary)
	if !ok {
		return f
	}
	for _, e := range d.Entries {
		switch name, _ := e.Key.(string); name {
		case "Edition":
			f.edition = textOf(e.Value)
		case "Version":
			f.version = textOf(e.Value)
		case "Language":
			f.language = textOf(e.Value)
		case "Unix":
			f.unix, _ = clixml.Base(e.Value).(bool)
		case "Id":
			f.id, _ = clixml.Base(e.Value).(int32)
		}
	}
	return f
}

// tooOld says why an engine is not supported, "" if it is.
func (f facts) tooOld() string {
	var major, minor int
	_, _ = fmt.Sscanf(f.version, "%d.%d", &major, &minor) // what cannot be read stays 0
	switch {
	case f.version == "":
		return ""
	case f.edition == "Desktop" || major == 5:
		if major > 5 || major == 5 && minor >= 1 {
			return ""
		}
	case major > 7 || major == 7 && minor >= 4:
		return ""
	}
	return fmt.Sprintf("the target has PowerShell %s; want Windows PowerShell 5.1, or PowerShell 7.4 or later", f.version)
}

// prepareWay does what the way of running needs before the script.
func (r *remote) prepareWay(ctx context.Context) (refused *api.ErrorInfo, err error) {
	if old := r.facts.tooOld(); old != "" {
		return unsupported(old), nil
	}
	r.recorder.view = errorView{script: r.request.Script}
	if r.way == wayFile {
		return r.prepareFile(ctx)
	}
	if r.request.Target.Options.ShapesSession() {
		return unsupported(fmt.Sprintf("the endpoint's language mode is %s, where the options working_directory, culture, native_error and ansi=keep cannot be had", r.facts.language)), nil
	}
	r.recorder.show, r.flag = true, true
	if r.way == wayText {
		return nil, nil
	}
	if _, err := parseCommands(decodeScript(r.request.Script), r.params); err != nil {
		return unsupported(fmt.Sprintf("the endpoint takes plain commands only (language mode %s): %v", r.facts.language, err)), nil
	}
	return nil, nil
}

func unsupported(message string) *api.ErrorInfo {
	return &api.ErrorInfo{Code: api.CodeTargetUnsupported, Message: message}
}

// prepareFile seals the engine, uploads the script and runs PRE.
func (r *remote) prepareFile(ctx context.Context) (refused *api.ErrorInfo, err error) {
	if r.facts.unix {
		out, err := r.quiet(ctx, localScript(sealScript))
		if err == nil && (len(out) != 1 || textOf(out[0]) != "sealed") {
			err = errors.New("it gave no answer")
		}
		if err != nil {
			return nil, fmt.Errorf("seal the engine: %w", err)
		}
	}
	if err := r.upload(ctx); err != nil {
		return nil, fmt.Errorf("upload the script: %w", err)
	}
	if r.facts.edition != "Core" {
		r.wrap = oldWrapScript
	}
	return r.prepareSession(ctx, r.session, r.work)
}

// uploadChunk is the size of a piece of script. WinRM limits objects to 10 MB.
const uploadChunk = 256 << 10

// upload writes the script's bytes into a private directory.
func (r *remote) upload(ctx context.Context) error {
	p := localScript(uploadScript,
		psrp.Parameter{Name: "Token", Value: r.token}, psrp.Parameter{Name: "Mark", Value: markName},
		psrp.Parameter{Name: "Name", Value: fileName(r.request.ScriptName)})
	p.Input = func(yield func(any, error) bool) {
		for chunk := range slices.Chunk(r.request.Script, uploadChunk) {
			if !yield(chunk, nil) {
				return
			}
		}
	}
	out, err := r.quiet(ctx, p)
	if err != nil {
		return err
	}
	if len(out) != 4 {
		return errors.New("the engine gave no answer")
	}
	r.root, r.path, r.work = textOf(out[0]), textOf(out[1]), textOf(out[2])
	r.facts.started, _ = clixml.Base(out[3]).(int64)
	r.recorder.view.path = r.path
	return nil
}

// startMain starts the script.
func (r *remote) startMain(ctx context.Context) (*psrp.Run, error) {
	p := r.mainPipeline()
	switch r.way {
	case wayText:
		global := false
		p.Commands = []psrp.Command{{Text: decodeScript(r.request.Script), IsScript: true, UseLocalScope: &global, Parameters: r.params}}
	case wayCommands:
		statements, err := parseCommands(decodeScript(r.request.Script), r.params)
		if err != nil {
			return nil, err // was tried before
		}
		p.Commands, p.Statements = statements[0], statements[1:]
	}
	return r.pool.Start(ctx, p)
}

// pipelineError is a pipeline of ours that did not complete.
type pipelineError struct {
	state  psrp.PipelineState
	record *psrp.ErrorRecord
}

func (e *pipelineError) Error() string {
	if e.record == nil {
		return fmt.Sprintf("pipeline ended in state %v", e.state)
	}
	return e.record.Message
}

// scriptsRefused tells whether the endpoint takes no scripts.
func (e *pipelineError) scriptsRefused() bool {
	id := e.record.FullyQualifiedErrorID
	return strings.Contains(id, "NotSupported") || strings.Contains(id, "ScriptsNotAllowed") || strings.Contains(id, "CommandNotFound") ||
		strings.Contains(id, "RuntimeException") || e.record.Exception != nil && strings.Contains(e.record.Exception.Type, "NotSupported")
}

// decodeScript gives the text of a script, as PowerShell reads files.
func decodeScript(script []byte) string {
	text, err := decodeText(script)
	if err != nil {
		return validText(string(script))
	}
	return text
}

// decodeText reads UTF-8 and, by its mark, UTF-16.
func decodeText(b []byte) (string, error) {
	switch {
	case len(b) >= 2 && b[0] == 0xff && b[1] == 0xfe:
		return decodeUTF16(b[2:], 0, 1)
	case len(b) >= 2 && b[0] == 0xfe && b[1] == 0xff:
		return decodeUTF16(b[2:], 1, 0)
	}
	return strings.TrimPrefix(validText(string(b)), "\ufeff"), nil
}

func decodeUTF16(b []byte, low, high int) (string, error) {
	if len(b)%2 != 0 {
		return "", io.ErrUnexpectedEOF
	}
	units := make([]uint16, 0, len(b)/2)
	for i := 0; i < len(b); i += 2 {
		units = append(units, uint16(b[i+low])|uint16(b[i+high])<<8)
	}
	return string(utf16.Decode(units)), nil
}
