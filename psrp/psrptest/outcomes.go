package psrptest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/epo-dev/epo/psrp"
)

// outcomes are the ways in which pipelines end.
func outcomes() []behaviour {
	return []behaviour{
		{"hello", hello},
		{"throw fails with its record", throwFails},
		{"errors do not end a script", errorsGoOn},
		{"exit code", exitCode},
		{"stop", stop},
		{"stop while nobody reads", stopUnread},
		{"close while running", closeRunning},
		{"large script", largeScript},
	}
}

func hello(t *testing.T, pool *psrp.Pool) {
	r := script(t, pool, "'hello'")
	completed(t, r)
	equal(t, "output", []any{"hello"}, r.outputs())
	check(t, !r.state.HadErrors, "it had errors")
	check(t, pool.PSVersion() != "", "the engine did not tell its version")
	equal(t, "protocol version", "2.3", pool.ProtocolVersion())
}

func throwFails(t *testing.T, pool *psrp.Pool) {
	r := script(t, pool, "'before'; throw 'x'; 'after'")
	equal(t, "output", []any{"before"}, r.outputs())
	equal(t, "error records", 0, len(r.errors()))
	equal(t, "state", psrp.PipelineFailed, r.state.State)
	equal(t, "message", "x", r.state.Error.Message)
	check(t, r.state.Error.ScriptStackTrace != "", "no stack trace")

	r = script(t, pool, "'ok'\nfunction {")
	equal(t, "state", psrp.PipelineFailed, r.state.State)
	equal(t, "exception", "System.Management.Automation.ParseException", r.state.Error.Exception.Type)
}

func errorsGoOn(t *testing.T, pool *psrp.Pool) {
	r := script(t, pool, "Write-Error a -Category PermissionDenied -ErrorId My.Id\n'b'\n1/0\n'c'")
	completed(t, r)
	equal(t, "output", []any{"b", "c"}, r.outputs())
	check(t, r.state.HadErrors, "it had no errors")
	records := r.errors()
	equal(t, "number of errors", 2, len(records))
	equal(t, "message", "a", records[0].Message)
	equal(t, "category", "PermissionDenied", records[0].Category.String())
	equal(t, "line", 3, records[1].Invocation.ScriptLineNumber)
	equal(t, "inner exception", "System.DivideByZeroException", records[1].Exception.Inner.Type)
}

func exitCode(t *testing.T, pool *psrp.Pool) {
	for text, want := range map[string]int32{"exit 3; 'not reached'": 3, "exit": 0, "& { exit -1 }": -1} {
		r := script(t, pool, text)
		completed(t, r)
		calls := r.calls()
		equal(t, "host calls of "+text, []psrp.HostCallEvent{{Method: psrp.HostSetShouldExit, Args: []any{want}}}, calls)
	}
	equal(t, "output afterwards", []any{int32(1)}, script(t, pool, "1").outputs())
}

func stop(t *testing.T, pool *psrp.Pool) {
	run := start(t, pool, psrp.Script("'go'; Start-Sleep 600; 'not reached'"))
	equal(t, "first event", psrp.Event(psrp.OutputEvent{Value: "go"}), next(t, run))
	begin := time.Now()
	noError(t, "stop", run.Stop(ctx(t)))
	r := drain(t, run)
	equal(t, "state", psrp.PipelineStopped, r.state.State)
	check(t, time.Since(begin) < 10*time.Second, "stopping took %v", time.Since(begin))
	noError(t, "stop of what has ended", run.Stop(ctx(t)))
	closeRun(t, run)
	equal(t, "output afterwards", []any{"next"}, script(t, pool, "'next'").outputs())
}

func stopUnread(t *testing.T, pool *psrp.Pool) {
	run := start(t, pool, psrp.Script("for ($i = 0; ; $i++) { 'x' * 10000 }"))
	next(t, run) // it is under way; the rest fills the queue
	noError(t, "stop", run.Stop(ctx(t)))
	equal(t, "state", psrp.PipelineStopped, drain(t, run).state.State)
	closeRun(t, run)
	hello(t, pool)
}

func closeRunning(t *testing.T, pool *psrp.Pool) {
	run := start(t, pool, psrp.Script("'go'; Start-Sleep 600"))
	next(t, run)
	closeRun(t, run)
	closeRun(t, run)
	hello(t, pool)
}

func largeScript(t *testing.T, pool *psrp.Pool) {
	text := strings.Repeat("# filler \u00e9 line\n", 16_000) + "$global:runs++; $MyInvocation.MyCommand.ScriptBlock.ToString().Length; $global:runs\n"
	r := script(t, pool, text)
	equal(t, "output", []any{int32(len([]rune(text))), int32(1)}, r.outputs())
}

// inputs are pipelines with input.
func inputs() []behaviour {
	return []behaviour{
		{"input reaches the script whole", inputWhole},
		{"empty input", inputEmpty},
		{"input ends early", inputEarly},
		{"input fails", inputFails},
	}
}

func inputScript(text string, values func(yield func(any, error) bool)) psrp.Pipeline {
	p := psrp.Script(text)
	p.Input = values
	return p
}

func inputWhole(t *testing.T, pool *psrp.Pool) {
	const count = 10_000
	r := invoke(t, pool, inputScript("$n = 0; foreach ($x in $input) { if ($x -eq $n) { $n++ } }; $n",
		func(yield func(any, error) bool) {
			for i := range int32(count) {
				if !yield(i, nil) {
					return
				}
			}
		}))
	completed(t, r)
	equal(t, "output", []any{int32(count)}, r.outputs())
}

func inputEmpty(t *testing.T, pool *psrp.Pool) {
	r := invoke(t, pool, inputScript("@($input).Count", psrp.Values()))
	completed(t, r)
	equal(t, "output", []any{int32(0)}, r.outputs())
}

func inputEarly(t *testing.T, pool *psrp.Pool) {
	p := psrp.Pipeline{
		Commands: []psrp.Command{{Text: "Select-Object", Parameters: []psrp.Parameter{parameter("First", 2)}}},
		Input: func(yield func(any, error) bool) {
			for yield("x", nil) { // for ever
			}
		},
	}
	r := invoke(t, pool, p)
	completed(t, r)
	equal(t, "output", []any{"x", "x"}, r.outputs())
}

func inputFails(t *testing.T, pool *psrp.Pool) {
	broken := errors.New("source is broken")
	running := make(chan struct{})
	p := psrp.Pipeline{
		Commands: []psrp.Command{{Text: "Write-Output"}},
		Input: func(yield func(any, error) bool) {
			if yield("x", nil) {
				<-running // an engine that is stopped while it starts a pipeline may never start another
				yield(nil, broken)
			}
		},
	}
	run := start(t, pool, p)
	equal(t, "output", any("x"), next(t, run).(psrp.OutputEvent).Value)
	close(running)
	for {
		_, err := run.Next(ctx(t))
		if err != nil {
			check(t, errors.Is(err, broken), "the run ends with %v", err)
			break
		}
	}
	closeRun(t, run)
	hello(t, pool)
}

// runPools are the behaviours of pools.
func runPools(t *testing.T, open Factory) {
	t.Run("parallel", func(t *testing.T) { parallel(t, open) })
	t.Run("requests", func(t *testing.T) { requests(t, open) })
	t.Run("a second pool is clean", func(t *testing.T) { secondIsClean(t, open) })
	t.Run("close with running pipelines", func(t *testing.T) { closePoolRunning(t, open) })
}

func parallel(t *testing.T, open Factory) {
	pool := openPool(t, open, psrp.Config{MaxRunspaces: 4})
	const count = 8
	failed := make(chan string, count)
	for i := range count {
		go func() { failed <- mixed(pool, string(rune('a'+i))) }()
	}
	for range count {
		if text := <-failed; text != "" {
			t.Error(text)
		}
	}
}

// mixed runs one of several pipelines and tells what is wrong.
func mixed(pool *psrp.Pool, text string) string {
	c, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	run, err := pool.Start(c, psrp.Script("param($x) 1..200 | ForEach-Object { $x }", parameter("x", text)))
	if err != nil {
		return err.Error()
	}
	n := 0
	for event, err := range run.Events(c) {
		if err != nil {
			return err.Error()
		}
		if o, ok := event.(psrp.OutputEvent); ok && o.Value == text {
			n++
		}
	}
	if n != 200 {
		return "outputs are mixed or missing"
	}
	if err := run.Close(c); err != nil {
		return err.Error()
	}
	return ""
}

func requests(t *testing.T, open Factory) {
	pool := openPool(t, open, psrp.Config{})
	n, err := pool.AvailableRunspaces(ctx(t))
	noError(t, "available runspaces", err)
	equal(t, "available runspaces", 1, n)
	script(t, pool, "$variable = 1")
	equal(t, "variable before the reset", []any{int32(1)}, script(t, pool, "$variable").outputs())
	noError(t, "reset", pool.Reset(ctx(t)))
	equal(t, "variable after the reset", []any{nil}, script(t, pool, "$variable").outputs())
	noError(t, "set maximum", pool.SetMaxRunspaces(ctx(t), 3))
	n, err = pool.AvailableRunspaces(ctx(t))
	noError(t, "available runspaces", err)
	equal(t, "available runspaces", 3, n)
	noError(t, "set minimum", pool.SetMinRunspaces(ctx(t), 2))
	err = pool.SetMinRunspaces(ctx(t), -1)
	check(t, errors.Is(err, psrp.ErrRefused), "a minimum below 0 gives %v", err)
	err = pool.Reset(ctx(t))
	check(t, errors.Is(err, psrp.ErrRefused), "reset with more than one runspace gives %v", err)
}

func secondIsClean(t *testing.T, open Factory) {
	for range 2 {
		pool, err := psrp.Open(ctx(t), open(t), psrp.Config{})
		noError(t, "open pool", err)
		equal(t, "variable", []any{nil, int32(1)}, script(t, pool, "$left; $global:left = 1; $left").outputs())
		noError(t, "close pool", pool.Close(ctx(t)))
	}
}

func closePoolRunning(t *testing.T, open Factory) {
	pool, err := psrp.Open(ctx(t), open(t), psrp.Config{MaxRunspaces: 2})
	noError(t, "open pool", err)
	var runs []*psrp.Run
	for range 2 {
		run := start(t, pool, psrp.Script("'go'; Start-Sleep 600"))
		next(t, run)
		runs = append(runs, run)
	}
	noError(t, "close pool", pool.Close(ctx(t)))
	noError(t, "close pool again", pool.Close(ctx(t)))
	for _, run := range runs {
		equal(t, "state", psrp.PipelineStopped, drain(t, run).state.State)
		closeRun(t, run)
	}
	_, err = pool.Start(ctx(t), psrp.Script("1"))
	check(t, errors.Is(err, psrp.ErrPoolClosed), "a closed pool starts with %v", err)
}
