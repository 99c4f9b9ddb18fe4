package executor

import (
	"bytes"
	"context"
	_ "embed" // the script
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp"
)

//go:embed scripts/inspect.ps1
var inspectScript string

// What the inspection of one script may take. A parser that needs more is ended with its process.
// Processor time is what is limited, so that a busy machine finds the same as an idle one; the clock is for a parser
// that waits for something.
const (
	inspectProcessor = 10 * time.Second
	inspectTimeout   = 45 * time.Second
	inspectMemory    = 512 << 20 // resident bytes of the whole process
	// maxDocument bounds what is reported, in bytes of JSON.
	maxDocument = 2 << 20
)

// A process reads scripts as long as they come one after another: starting one takes ten times longer than most scripts.
const (
	inspectorIdle    = 10 * time.Second // how long it waits for the next
	inspectorScripts = 100
	inspectorMemory  = 256 << 20 // more than that: the next one gets another
)

// InspectScript lets PowerShell's own parser read a script, in a process that
// no run ever gets. It runs no line of it. It does not panic.
func (e *Executor) InspectScript(ctx context.Context, script []byte) (found api.InspectedScript) {
	defer func() {
		if p := recover(); p != nil {
			e.config.Logger.Error("executor: panic", "panic", p, "stack", string(debug.Stack()))
			found = notInspected(api.CodeInternal, "the executor failed; its log tells more")
		}
	}()
	if !e.engine.Found() {
		return notInspected(api.CodeRuntimeMissing, "there is no PowerShell 7.4 or later on this machine")
	}
	if !e.begin() {
		return notInspected(api.CodeInternal, "the executor is closed")
	}
	defer e.active.Done()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(e.ctx, stop)()
	if i := e.inspectors.take(); i != nil {
		found = e.inspectBy(ctx, i, script)
		if answered(found) || ctx.Err() != nil {
			return found
		}
		// A script shall not suffer from what others left behind in the process.
	}
	i, err := e.newInspector(ctx)
	if err != nil {
		return notInspected(api.CodeEngineDied, "the PowerShell process could not be started: "+err.Error())
	}
	return e.inspectBy(ctx, i, script)
}

// inspectBy lets a process read one script, and keeps it for the next if all
// went well.
func (e *Executor) inspectBy(ctx context.Context, i *inspector, script []byte) api.InspectedScript {
	found := i.inspect(ctx, script)
	if answered(found) && i.fresh() {
		e.inspectors.keep(e, i)
	} else {
		i.close()
	}
	return found
}

// answered tells whether the parser has read a script to its end.
func answered(found api.InspectedScript) bool {
	return found.Document != nil || found.NotInspectedReason == api.NotInspectedConfiguration
}

func notInspected(code, message string) api.InspectedScript {
	return api.InspectedScript{Error: &api.ErrorInfo{Code: code, Message: message}}
}

// inspector is a process that parses. It is thrown away soon.
type inspector struct {
	worker    *worker
	drained   chan struct{}
	memory    int64 // limits of one inspection
	processor time.Duration
	scripts   int           // read so far
	taken     chan struct{} // closed when it is idle no longer
}

func (e *Executor) newInspector(ctx context.Context) (*inspector, error) {
	w := e.warm.takeSpare()
	if w == nil {
		var err error
		if w, err = e.startWorker(ctx); err != nil {
			return nil, err
		}
		w.attach()
	}
	return newInspector(w), nil
}

// newInspector makes one of a worker that is attached.
func newInspector(w *worker) *inspector {
	i := &inspector{worker: w, drained: make(chan struct{}), memory: inspectMemory, processor: inspectProcessor}
	go w.drain(i.drained) // nobody reads what the engine writes to standard error
	return i
}

func (i *inspector) close() {
	close(i.drained)
	i.worker.close()
}

// fresh tells whether the process may read another script.
func (i *inspector) fresh() bool {
	memory, _ := usage(i.worker.process.Pid())
	return i.worker.alive() && i.scripts < inspectorScripts && memory < inspectorMemory
}

func (i *inspector) inspect(ctx context.Context, script []byte) api.InspectedScript {
	w := i.worker
	i.scripts++
	limits := limit(w, i.memory, i.processor)
	defer limits.stop()
	// Not with the extension of a script: nobody shall run it.
	path, err := w.dir.write("inspected.txt", script, w.executor.config.Account)
	if err != nil {
		return notInspected(api.CodeInternal, "write the script: "+err.Error())
	}
	limited, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	out, err := w.quiet(limited, localScript(inspectScript, psrp.Parameter{Name: "Path", Value: path}))
	switch {
	case err == nil && len(out) == 1:
		return i.read(textOf(out[0]))
	case ctx.Err() != nil:
		return notInspected(api.CodeCancelled, "the agent stopped the inspection")
	case limits.exceeded() != "":
		return i.without(limits.exceeded())
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return i.without(api.NotInspectedTimeout)
	case !w.alive():
		return i.without(api.NotInspectedCrash)
	case err == nil:
		err = fmt.Errorf("%d answers", len(out))
	case outOfHeap(err):
		return i.without(api.NotInspectedMemory)
	}
	return notInspected(api.CodeInternal, "the inspection failed: "+err.Error())
}

// outOfHeap tells whether the engine had no more memory for a large script: its
// heap has a limit of its own, below that of the process. The parser has other
// words for it.
func outOfHeap(err error) bool {
	return strings.Contains(err.Error(), "OutOfMemoryException") || strings.Contains(err.Error(), "Unrecoverable error in PowerShell")
}

// without is the result for a script that cannot be inspected.
func (i *inspector) without(reason string) api.InspectedScript {
	e := i.worker.executor.engine
	return api.InspectedScript{Engine: api.EngineInfo{Version: e.Version, Edition: "Core"}, NotInspectedReason: reason}
}

func (i *inspector) read(text string) api.InspectedScript {
	if len(text) > maxDocument {
		return i.without(api.NotInspectedTooLarge)
	}
	var found api.InspectedScript
	if err := json.Unmarshal(storableJSON(text), &found); err != nil {
		return notInspected(api.CodeInternal, "the inspection gave no JSON: "+err.Error())
	}
	return found
}

// storableJSON makes JSON that the database keeps: without NUL, which jsonb has
// no place for. Half characters are replaced when it is decoded.
func storableJSON(text string) []byte {
	const null, symbol = `\u0000`, `\u2400`
	var out bytes.Buffer
	for rest := strings.ToValidUTF8(text, "\uFFFD"); rest != ""; {
		before, after, found := strings.Cut(rest, `\`)
		out.WriteString(before)
		if !found {
			break
		}
		escape := `\` + after[:min(len(after), 1)]
		if strings.HasPrefix(`\`+after, null) {
			escape = null
		}
		rest = after[len(escape)-1:]
		if escape == null {
			escape = symbol
		}
		out.WriteString(escape)
	}
	return out.Bytes()
}
