package stdio_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
)

func TestCheck27_ReadHostWithNobodyThere(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	fastest := time.Hour // a machine with much to do is not the matter here
	for tries := 0; tries < 10 && fastest >= time.Second; tries++ {
		begin := time.Now()
		require.Equal(t, []any{"refused"}, script(t, pool, "try { Read-Host q } catch { 'refused' }").outputs())
		fastest = min(fastest, time.Since(begin))
	}
	require.Less(t, fastest, time.Second)
}

func TestCheck27_HandlerAnswersOrPanics(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{Host: &psrp.HostInfo{UI: true}, HostHandler: psrp.HostHandlerFunc(
		func(_ context.Context, c psrp.HostCall) (any, error) {
			if c.Method == psrp.HostReadLine {
				return "typed", nil
			}
			panic("as asked for")
		})})
	r := script(t, pool, "$Host.UI.ReadLine(); try { $Host.UI.ReadLineAsSecureString() } catch { 'caught' }")
	require.Equal(t, []any{"typed", "caught"}, r.outputs())
	require.Equal(t, psrp.PipelineCompleted, r.state.State)
}

// TestCheck28_Questions: a choice, three fields and a credential, answered by a
// person; what is only written is never answered.
func TestCheck28_Questions(t *testing.T) {
	t.Parallel()
	var asked []string
	pool := enginePool(t, psrp.Config{Host: &psrp.HostInfo{UI: true, RawUI: true}, HostHandler: psrp.Dialog{
		Choice: func(_ context.Context, q psrp.ChoiceQuestion) (int, error) {
			asked = append(asked, fmt.Sprint("choice of ", len(q.Choices)))
			return 1, nil
		},
		Prompt: func(_ context.Context, q psrp.PromptQuestion) (map[string]any, error) {
			answers := map[string]any{}
			for _, f := range q.Fields {
				answers[f.Name] = "<" + f.Name + ">"
			}
			asked = append(asked, fmt.Sprint("fields ", len(q.Fields)))
			return answers, nil
		},
		Credential: func(_ context.Context, q psrp.CredentialQuestion) (psrp.Credential, error) {
			asked = append(asked, "credential of "+q.UserName)
			return psrp.Credential{UserName: q.UserName, Password: psrp.NewSecret("pw")}, nil
		},
	}})
	r := script(t, pool, `$c = [System.Management.Automation.Host.ChoiceDescription[]]@('&Yes', '&No')
		Write-Host 'nothing to answer'
		$Host.UI.PromptForChoice('c', 'm', $c, 0)
		function f { param([Parameter(Mandatory)] $One, [Parameter(Mandatory)] $Two, [Parameter(Mandatory)] $Three) "$One$Two$Three" }
		f
		(Get-Credential somebody).GetNetworkCredential().Password`)
	require.Equal(t, []any{int32(1), "<One><Two><Three>", "pw"}, r.outputs())
	require.Equal(t, []string{"choice of 2", "fields 3", "credential of somebody"}, asked)
}

// TestCheck29_InputIsStreamed: ten thousand objects, from a source that ends by
// itself and from one that fails; and a pipeline that has enough early.
func TestCheck29_InputIsStreamed(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	var drawn atomic.Int32
	source := func(count int32) func(yield func(any, error) bool) {
		return func(yield func(any, error) bool) {
			for i := int32(0); count < 0 || i < count; i++ {
				drawn.Add(1)
				if !yield(i, nil) {
					return
				}
			}
		}
	}
	p := psrp.Script("$input | Measure-Object -Sum | ForEach-Object { $_.Count; $_.Sum }")
	p.Input = source(10_000)
	require.Equal(t, []any{int32(10_000), float64(49_995_000)}, invoke(t, pool, p).outputs())

	first := psrp.Pipeline{Commands: []psrp.Command{{Text: "Select-Object", Parameters: []psrp.Parameter{{Name: "First", Value: 1}}}}, Input: source(-1)}
	r := invoke(t, pool, first)
	require.Equal(t, []any{int32(0)}, r.outputs())
	require.Equal(t, psrp.PipelineCompleted, r.state.State)
}

// TestCheck31_EngineInParallel: eight pipelines on four runspaces.
func TestCheck31_EngineInParallel(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{MaxRunspaces: 4})
	results := make(chan []any)
	for i := range 8 {
		run, err := pool.Start(ctx(t), psrp.Script("param($n) 1..100 | ForEach-Object { \"$n-$_\" }", psrp.Parameter{Name: "n", Value: i}))
		require.NoError(t, err)
		go func() {
			var values []any
			for event := range run.Events(context.Background()) {
				if o, ok := event.(psrp.OutputEvent); ok {
					values = append(values, o.Value)
				}
			}
			_ = run.Close(context.Background())
			results <- values
		}()
	}
	seen := map[string]bool{}
	for range 8 {
		values := <-results
		require.Len(t, values, 100)
		n, _, _ := strings.Cut(values[0].(string), "-")
		for i, v := range values {
			require.Equal(t, fmt.Sprintf("%s-%d", n, i+1), v)
		}
		seen[n] = true
	}
	require.Len(t, seen, 8)
}

// TestCheck48_NativeCommands: standard error as records, the exit code when it
// is asked for, text in UTF-8, and nothing to read.
func TestCheck48_NativeCommands(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	r := script(t, pool, "sh -c 'echo ünï€😀; echo one >&2; echo two >&2; exit 7'; $LASTEXITCODE; sh -c 'cat; echo end'")
	require.Equal(t, []any{"ünï€😀", int32(7), "end"}, r.outputs())
	require.Equal(t, psrp.PipelineCompleted, r.state.State)
	var ids, texts []string
	for _, e := range r.errors() {
		ids, texts = append(ids, e.FullyQualifiedErrorID), append(texts, e.Message)
	}
	require.Equal(t, []string{"NativeCommandError", "NativeCommandErrorMessage"}, ids)
	require.Equal(t, []string{"one", "two"}, texts)
}

// TestCheck49_ProgressFloodOfTheEngine: nothing is lost, and a reader that keeps
// up needs no memory for it. It runs while no other test does: the heap is everybody's.
func TestCheck49_ProgressFloodOfTheEngine(t *testing.T) {
	const count = 5000
	pool := enginePool(t, psrp.Config{MaxQueueBytes: 256 << 10})
	run, err := pool.Start(ctx(t), psrp.Script(fmt.Sprintf("for ($i = 0; $i -lt %d; $i++) { Write-Progress a -CurrentOperation $i -PercentComplete 5 }; 'end'", count)))
	require.NoError(t, err)
	n, most := 0, uint64(0)
	for event, err := range run.Events(ctx(t)) {
		require.NoError(t, err)
		if p, ok := event.(psrp.ProgressEvent); ok {
			require.Equal(t, fmt.Sprint(n), p.CurrentOperation)
			n++
		}
		if n%1000 == 1 {
			runtime.GC() // not what other tests left to be collected
			most = max(most, heap())
		}
	}
	require.NoError(t, run.Close(ctx(t)))
	require.Equal(t, count, n)
	require.Less(t, most, uint64(64<<20))
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestCheck52_WhatAnErrorTells: everything a person needs, of both kinds of
// error.
func TestCheck52_WhatAnErrorTells(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	r := script(t, pool, "function f {\n  try { [int]::Parse('x') } catch { throw [InvalidOperationException]::new('outer', $_.Exception) }\n}\nf")
	e := r.state.Error
	require.Equal(t, "outer", e.Message)
	require.Equal(t, "outer", e.FullyQualifiedErrorID)
	require.Equal(t, "OperationStopped", e.Category.String())
	require.Equal(t, "InvalidOperationException", e.Reason)
	require.Equal(t, "System.InvalidOperationException", e.Exception.Type)
	require.NotNil(t, e.Exception.Inner)
	require.Contains(t, e.Exception.Inner.Message, "'x'")
	require.Contains(t, e.ScriptStackTrace, "at f, <No file>: line 2")
	require.Equal(t, 2, e.Invocation.ScriptLineNumber)
	require.Contains(t, e.Invocation.PositionMessage, "At line:2")
	require.Contains(t, e.Invocation.Line, "throw")

	records := script(t, pool, "Get-Item /no/such/place").errors()
	require.Len(t, records, 1)
	e = records[0]
	require.Equal(t, "PathNotFound,Microsoft.PowerShell.Commands.GetItemCommand", e.FullyQualifiedErrorID)
	require.Equal(t, "ObjectNotFound", e.Category.String())
	require.Equal(t, "/no/such/place", e.TargetName)
	require.Equal(t, "Get-Item", e.Activity)
	require.Contains(t, e.Message, "/no/such/place")
	require.NotContains(t, e.Message, "\x1b", "there are no colors in a message")
	require.Equal(t, "System.Management.Automation.ItemNotFoundException", e.Exception.Type)
}
