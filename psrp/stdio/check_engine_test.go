package stdio_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/stdio"
)

// The checks that the real engine answers. TestCheckNN_… is check NN of the
// protocol's acceptance list; the others are in package psrp and psrp/clixml.

func TestCheck01_HelloAndAnOrderlyEnd(t *testing.T) {
	t.Parallel()
	p := newEngine(t)
	pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.NoError(t, err)
	r := script(t, pool, "'hello'")
	require.Equal(t, []any{"hello"}, r.outputs())
	require.Equal(t, psrp.PipelineCompleted, r.state.State)
	require.False(t, r.state.HadErrors)
	require.NotEmpty(t, pool.PSVersion())
	require.NoError(t, pool.Close(ctx(t)))
	require.NoError(t, p.Close(ctx(t)), "160 after CloseAck is success")
	require.False(t, alive(fmt.Sprint(p.Pid())))
}

func TestCheck03_LargeScriptRunsOnceAndIntact(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	filler := strings.Repeat("# filler \u00e9 line\n", 16_000)
	text := filler + "$global:runs++; $MyInvocation.MyCommand.ScriptBlock.ToString().Length; $global:runs\n"
	r := script(t, pool, text)
	require.Equal(t, []any{int32(len([]rune(text))), int32(1)}, r.outputs())
	r = script(t, pool, text)
	require.Equal(t, []any{int32(len([]rune(text))), int32(2)}, r.outputs())

	r = script(t, pool, "$h=[Security.Cryptography.SHA256]::HashData([Text.Encoding]::UTF8.GetBytes(\n@'\n"+filler+"'@)); [Convert]::ToHexString($h)")
	sum := sha256.Sum256([]byte(strings.TrimSuffix(filler, "\n")))
	require.Equal(t, []any{strings.ToUpper(hex.EncodeToString(sum[:]))}, r.outputs())
}

func TestCheck04_ManyObjectsInOrder(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{MaxQueueBytes: 64 << 10})
	run, err := pool.Start(ctx(t), psrp.Script("1..100000"))
	require.NoError(t, err)
	n := int32(0)
	for event, err := range run.Events(ctx(t)) {
		require.NoError(t, err)
		if o, ok := event.(psrp.OutputEvent); ok {
			if n++; o.Value != n {
				require.Equal(t, n, o.Value)
			}
		}
	}
	require.Equal(t, int32(100_000), n)
	require.NoError(t, run.Close(ctx(t)))
}

func TestCheck05_LargeStringAndBytes(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	r := script(t, pool, `$s = 'abcde' * 1MB; $s
		$b = [byte[]]::new(5MB); [Random]::new(7).NextBytes($b); ,$b
		[Convert]::ToHexString([Security.Cryptography.SHA256]::HashData($b))`)
	got := r.outputs()
	require.Len(t, got, 3)
	require.Equal(t, sha256.Sum256([]byte(strings.Repeat("abcde", 1<<20))), sha256.Sum256([]byte(got[0].(string))))
	sum := sha256.Sum256(got[1].([]byte))
	require.Equal(t, strings.ToUpper(hex.EncodeToString(sum[:])), got[2])
}

func TestCheck06_ThrowFailsWithItsRecord(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	r := script(t, pool, "'before'; throw 'x'; 'after'")
	require.Equal(t, []any{"before"}, r.outputs())
	require.Empty(t, r.errors(), "the record is in the state only")
	require.Equal(t, psrp.PipelineFailed, r.state.State)
	require.Equal(t, "x", r.state.Error.Message)
	require.Equal(t, "x", r.state.Error.FullyQualifiedErrorID)
	require.Equal(t, psrp.ErrorCategory(14), r.state.Error.Category)
	require.True(t, r.state.HadErrors)
	require.NotEmpty(t, r.state.Error.ScriptStackTrace)

	r = script(t, pool, "'ok'\nfunction {")
	require.Equal(t, psrp.PipelineFailed, r.state.State)
	require.Equal(t, "System.Management.Automation.ParseException", r.state.Error.Exception.Type)
}

func TestCheck07_WriteErrorGoesOn(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	r := script(t, pool, "Write-Error a -Category PermissionDenied -ErrorId My.Id\n'b'\n1/0\n'c'")
	require.Equal(t, []any{"b", "c"}, r.outputs())
	require.Equal(t, psrp.PipelineCompleted, r.state.State)
	require.Nil(t, r.state.Error)
	require.True(t, r.state.HadErrors)
	records := r.errors()
	require.Len(t, records, 2, "a statement-terminating error does not end the script")
	require.Equal(t, "a", records[0].Error())
	require.Equal(t, "PermissionDenied", records[0].Category.String())
	require.Contains(t, records[0].FullyQualifiedErrorID, "My.Id")
	require.Equal(t, "RuntimeException", records[1].FullyQualifiedErrorID)
	require.Equal(t, 3, records[1].Invocation.ScriptLineNumber)
	require.Equal(t, "System.DivideByZeroException", records[1].Exception.Inner.Type)
}

func TestCheck08_ExitCode(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	for text, want := range map[string]int32{
		"exit 3; 'not reached'": 3, "exit": 0, "& { exit -1 }": -1, "$Host.SetShouldExit(8); 1": 8,
	} {
		r := script(t, pool, text)
		code, ok := r.exitCode()
		require.True(t, ok, text)
		require.Equal(t, want, code, text)
		require.Equal(t, psrp.PipelineCompleted, r.state.State)
	}
	require.Equal(t, []any{int32(1)}, script(t, pool, "1").outputs(), "the pool is usable afterwards")
}

func TestCheck09_CancelDuringSleep(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	run, err := pool.Start(ctx(t), psrp.Script("'go'; Start-Sleep 600"))
	require.NoError(t, err)
	event, err := run.Next(ctx(t))
	require.NoError(t, err)
	require.Equal(t, psrp.OutputEvent{Value: "go"}, event)

	cancelled, cancel := context.WithCancel(ctx(t))
	stop := context.AfterFunc(cancelled, func() { _ = run.Stop(context.Background()) })
	defer stop()
	cancel()
	start := time.Now()
	r := drain(t, run)
	require.Equal(t, psrp.PipelineStopped, r.state.State)
	require.Less(t, time.Since(start), 20*time.Second, "the sleep was not stopped")
	require.NoError(t, run.Close(ctx(t)))
	require.Equal(t, []any{"next"}, script(t, pool, "'next'").outputs())
}

func TestCheck10_KillWhenStopIsNotAnswered(t *testing.T) {
	t.Parallel()
	p := newEngine(t)
	pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.NoError(t, err)
	run, err := pool.Start(ctx(t), psrp.Script(
		"(Start-Process sleep 600 -PassThru).Id; [Threading.Thread]::Sleep(600000)"))
	require.NoError(t, err)
	event, err := run.Next(ctx(t))
	require.NoError(t, err)
	child := fmt.Sprint(event.(psrp.OutputEvent).Value)
	require.True(t, alive(child))

	short, cancel := context.WithTimeout(ctx(t), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, run.Stop(short), context.DeadlineExceeded)
	p.Kill()
	var exit *stdio.ExitError
	require.ErrorAs(t, p.Wait(), &exit)
	require.True(t, exit.Killed)
	require.Contains(t, exit.Error(), "killed")
	waitDead(t, child, time.Second)
	_, err = run.Next(ctx(t))
	require.ErrorAs(t, err, &exit)
	require.True(t, exit.Killed, "the run knows that it was killed")
	require.Error(t, pool.Close(ctx(t)))
}

func TestCheck12_EveryStreamOnceAndInOrder(t *testing.T) {
	t.Parallel()
	const text = `$VerbosePreference = $DebugPreference = $InformationPreference = 'Continue'
		'out'; Write-Error err; Write-Warning warn; Write-Verbose verb; Write-Debug debug
		Write-Information info -Tags a, b; Write-Progress -Activity act -Status st -PercentComplete 40 -Id 3; 'end'`
	for name, host := range map[string]*psrp.HostInfo{"null host": nil, "host with UI": {UI: true, RawUI: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := enginePool(t, psrp.Config{})
			p := psrp.Script(text)
			p.Host = host
			r := invoke(t, pool, p)
			var kinds []string
			calls := map[psrp.HostMethod]int{}
			for _, e := range r.events {
				if h, ok := e.(psrp.HostCallEvent); ok {
					calls[h.Method]++
					continue
				}
				kinds = append(kinds, strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", e), "psrp."), "Event"))
			}
			require.Equal(t, []string{"Output", "Error", "Warning", "Verbose", "Debug", "Information",
				"Progress", "Output"}, kinds)
			if host == nil {
				require.Empty(t, calls)
				return
			}
			require.Equal(t, map[psrp.HostMethod]int{psrp.HostWriteWarningLine: 1, psrp.HostWriteVerboseLine: 1,
				psrp.HostWriteDebugLine: 1, psrp.HostWriteProgress: 1, psrp.HostWriteLine2: 1}, withoutWrites(calls))
		})
	}
}

// withoutWrites counts all ways to write information text as WriteLine2.
func withoutWrites(calls map[psrp.HostMethod]int) map[psrp.HostMethod]int {
	for _, m := range []psrp.HostMethod{psrp.HostWriteLine1, psrp.HostWriteLine3, psrp.HostWrite1, psrp.HostWrite2} {
		calls[psrp.HostWriteLine2] += calls[m]
		delete(calls, m)
	}
	return calls
}

func TestCheck12_RecordsAreTyped(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	r := script(t, pool, `Write-Warning warn; Write-Information 5 -Tags a, b
		Write-Progress -Activity act -Status st -PercentComplete 40 -Id 3 -CurrentOperation op; Write-Progress act -Completed -Id 3`)
	require.Equal(t, "warn", r.events[0].(psrp.WarningEvent).Message)
	info := r.events[1].(psrp.InformationEvent)
	require.EqualValues(t, 5, clixml.Base(info.MessageData))
	require.Equal(t, []string{"a", "b"}, info.Tags)
	require.WithinDuration(t, time.Now(), info.Time, time.Hour)
	require.Equal(t, &psrp.ProgressRecord{Activity: "act", ActivityID: 3, ParentActivityID: -1, StatusDescription: "st",
		CurrentOperation: "op", PercentComplete: 40, SecondsRemaining: -1}, r.events[2].(psrp.ProgressEvent).ProgressRecord)
	require.True(t, r.events[3].(psrp.ProgressEvent).Completed)
}

func TestCheck13_WriteHostIsShownOnce(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	p := psrp.Script("Write-Host x -ForegroundColor Red -NoNewLine; Write-Host plain")
	r := invoke(t, pool, p)
	require.Len(t, r.events, 2)
	info := r.events[0].(psrp.InformationEvent)
	require.Contains(t, info.Tags, "PSHOST")
	host, ok := info.Host()
	require.True(t, ok)
	require.Equal(t, psrp.HostMessage{Message: "x", NoNewLine: true, ForegroundColor: "Red", BackgroundColor: host.BackgroundColor}, host)

	p.Host = &psrp.HostInfo{UI: true, RawUI: true}
	r = invoke(t, pool, p)
	text := ""
	for _, e := range r.events {
		if h, ok := e.(psrp.HostCallEvent); ok && len(h.Args) > 0 {
			text += fmt.Sprint(h.Args[len(h.Args)-1], ";")
		}
	}
	require.Equal(t, "x;plain;", text, "with a UI the text is in the host calls, in order")
}

func TestCheck30_InputReachesTheScriptWhole(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	many := func(yield func(any, error) bool) {
		for i := range int32(2000) {
			if !yield(i, nil) {
				return
			}
		}
	}
	p := psrp.Script("$input | Measure-Object -Sum | ForEach-Object { $_.Count; $_.Sum }")
	p.Input = many
	require.Equal(t, []any{int32(2000), float64(1999000)}, invoke(t, pool, p).outputs())
	p.Input = psrp.Values()
	p.Commands[0].Text = "@($input).Count"
	require.Equal(t, []any{int32(0)}, invoke(t, pool, p).outputs())
	p.Commands = []psrp.Command{{Text: "Select-Object", Parameters: []psrp.Parameter{{Name: "First", Value: 1}}}}
	p.Input = many
	require.Equal(t, []any{int32(0)}, invoke(t, pool, p).outputs(), "a pipeline may end before its input")
}

func TestCheck37_CloseStopsWhatRuns(t *testing.T) {
	t.Parallel()
	p := newEngine(t)
	pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{MaxRunspaces: 2})
	require.NoError(t, err)
	var runs []*psrp.Run
	for range 2 {
		run, err := pool.Start(ctx(t), psrp.Script("Start-Sleep 600"))
		require.NoError(t, err)
		runs = append(runs, run)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { require.NoError(t, pool.Close(ctx(t))) })
	}
	wg.Wait()
	for _, run := range runs {
		require.Equal(t, psrp.PipelineStopped, drain(t, run).state.State)
	}
	require.NoError(t, p.Close(ctx(t)))
}

func TestCheck39_SecondPoolHasCleanVariables(t *testing.T) {
	t.Parallel()
	p := newEngine(t)
	for range 2 {
		pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
		require.NoError(t, err)
		require.Equal(t, []any{true}, script(t, pool, "$null -eq $global:left -and -not (Test-Path Function:left)").outputs())
		script(t, pool, "$global:left = 1; function global:left { }")
		require.NoError(t, pool.Close(ctx(t)))
	}
	require.NoError(t, p.Close(ctx(t)))
}

func TestUnattended_PromptsFailAtOnce(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{Host: &psrp.HostInfo{UI: true, RawUI: true, Width: 100}})
	r := script(t, pool, `try { Read-Host prompt } catch { 'refused: ' + $_.Exception.Message }
		$Host.UI.PromptForChoice('c', 'm', @('&Yes', '&No'), 1)
		$Host.UI.RawUI.BufferSize.Width
		try { Get-Credential x } catch { 'refused' }`)
	got := r.outputs()
	require.Len(t, got, 4)
	require.Contains(t, got[0], "refused: ")
	require.Contains(t, got[0], "nobody is there to answer")
	require.Equal(t, []any{int32(1), int32(100), "refused"}, got[1:])
	require.Equal(t, psrp.PipelineCompleted, r.state.State)
	require.Equal(t, []any{int32(1)}, script(t, pool, "1").outputs())

	handled := enginePool(t, psrp.Config{
		Host: &psrp.HostInfo{UI: true, RawUI: true},
		HostHandler: psrp.HostHandlerFunc(func(_ context.Context, c psrp.HostCall) (any, error) {
			if c.Method == psrp.HostPrompt {
				return clixml.NewHashtable(clixml.Entry{Key: "prompt", Value: "typed"}), nil
			}
			panic("no idea")
		}),
	})
	r = script(t, handled, "Read-Host prompt; try { $Host.UI.PromptForChoice('c', 'm', @('&Yes'), 0) } catch { 'panic is an error' }")
	require.Equal(t, []any{"typed", "panic is an error"}, r.outputs())
}

func TestUndecodablePipeline_FailsByWhatTheEngineSays(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	for range 3 {
		run, err := pool.Start(ctx(t), psrp.Script("param($x) 1",
			psrp.Parameter{Name: "x", Value: clixml.XML("<not closed")}))
		if err == nil { // the engine may have been slower than its acknowledgement
			_, err = run.Next(ctx(t))
			require.NoError(t, run.Close(ctx(t)))
		}
		var remote *stdio.RemoteError
		require.ErrorAs(t, err, &remote)
	}
	require.Equal(t, []any{int32(1)}, script(t, pool, "1").outputs())
}
