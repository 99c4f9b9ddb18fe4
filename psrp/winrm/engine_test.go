package winrm_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
)

// TestRealEngine runs scripts in a real PowerShell behind every kind of
// authentication.
func TestRealEngine(t *testing.T) {
	t.Parallel()
	for _, name := range variants {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			b := serve(t, name, real(t), nil)
			pool := b.open(t, psrp.Config{})
			require.Regexp(t, `^7\.`, pool.PSVersion())

			events, state := collect(t, pool, psrp.Script(`'hello'; 42; Write-Warning careful; Write-Error bad; [pscustomobject]@{ A = 1 }`))
			require.Equal(t, psrp.PipelineCompleted, state.State)
			require.True(t, state.HadErrors)
			values := outputs(events)
			require.Len(t, values, 3)
			require.Equal(t, []any{"hello", int32(42)}, values[:2])
			require.Len(t, events, 5)

			_, state = collect(t, pool, psrp.Script(`throw 'x'`))
			require.Equal(t, psrp.PipelineFailed, state.State)
			require.Equal(t, "x", state.Error.Message)

			events, _ = collect(t, pool, psrp.Script(`param($a) $a * 2`, psrp.Parameter{Name: "a", Value: int32(21)}))
			require.Equal(t, []any{int32(42)}, outputs(events))
			require.NoError(t, pool.Close(ctx(t)))
			require.Zero(t, b.Shells())
		})
	}
}

// TestCheck03_LongScript: a script of several fragments goes over Command and Send and
// arrives as it was.
func TestCheck03_LongScript(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, real(t), nil)
	pool := b.open(t, psrp.Config{})
	filler := strings.Repeat("é0123456789", 80_000)
	events, state := collect(t, pool, psrp.Script(`param($text) $text.Length; [System.BitConverter]::ToString([System.Security.Cryptography.SHA256]::HashData([System.Text.Encoding]::UTF8.GetBytes($text)))`,
		psrp.Parameter{Name: "text", Value: filler}))
	require.Equal(t, psrp.PipelineCompleted, state.State)
	sum := strings.ToUpper(fmt.Sprintf("%x", sha256.Sum256([]byte(filler))))
	values := outputs(events)
	require.Equal(t, int32(11*80_000), values[0])
	require.Equal(t, sum, strings.ReplaceAll(values[1].(string), "-", ""))
	require.GreaterOrEqual(t, b.count("Send"), 2)
	for _, op := range b.Operations() {
		require.Less(t, op.Size, 512_000, "%v", op)
	}
}

// TestCheck05_LargeOutput: many objects, and objects larger than an envelope.
func TestCheck05_LargeOutput(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, real(t), nil)
	pool := b.open(t, psrp.Config{})
	events, _ := collect(t, pool, psrp.Script(`1..20000`))
	values := outputs(events)
	require.Len(t, values, 20_000)
	for i, v := range values {
		require.Equal(t, int32(i+1), v)
	}
	events, _ = collect(t, pool, psrp.Script(`'x' * 5MB; ,[byte[]]::new(1MB)`))
	values = outputs(events)
	require.Equal(t, strings.Repeat("x", 5<<20), values[0])
	require.Equal(t, make([]byte, 1<<20), values[1])
}

// TestCheck09_Stop: a script that sleeps is stopped, within two seconds on a machine that does nothing else, and the pool
// goes on. The first stop is not measured: the engine then compiles
// what it takes.
func TestCheck09_Stop(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, real(t), nil)
	pool := b.open(t, psrp.Config{})
	stopSleep(t, pool)
	took := stopSleep(t, pool)
	t.Logf("stopped in %v", took)
	require.Less(t, took, 50*time.Second)
	events, _ := collect(t, pool, psrp.Script(`'again'`))
	require.Equal(t, []any{"again"}, outputs(events))
}

// stopSleep tells how long it takes to stop and close a script that sleeps.
func stopSleep(t *testing.T, pool *psrp.Pool) time.Duration {
	t.Helper()
	run, err := pool.Start(ctx(t), psrp.Script(`'started'; Start-Sleep 600`))
	require.NoError(t, err)
	event, err := run.Next(ctx(t))
	require.NoError(t, err)
	require.Equal(t, psrp.OutputEvent{Value: "started"}, event)
	start := time.Now()
	require.NoError(t, run.Stop(ctx(t)))
	_, state := drain(t, run)
	require.Equal(t, psrp.PipelineStopped, state.State)
	require.NoError(t, run.Close(ctx(t)))
	return time.Since(start)
}

// TestCloseWhileRunning: a pipeline that was not read to its end is terminated.
func TestCloseWhileRunning(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, real(t), nil)
	pool := b.open(t, psrp.Config{})
	run, err := pool.Start(ctx(t), psrp.Script(`'started'; Start-Sleep 600`))
	require.NoError(t, err)
	_, err = run.Next(ctx(t))
	require.NoError(t, err)
	require.NoError(t, run.Close(ctx(t)))
	events, _ := collect(t, pool, psrp.Script(`'again'`))
	require.Equal(t, []any{"again"}, outputs(events))
	require.NoError(t, pool.Close(ctx(t)))
}

// TestCheck29_Input: objects are streamed to the pipeline while it runs.
func TestCheck29_Input(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, real(t), nil)
	pool := b.open(t, psrp.Config{})
	values := make([]any, 2000)
	for i := range values {
		values[i] = int32(i)
	}
	p := psrp.Script(`begin { $sum = 0 } process { $sum += $_ } end { $sum }`)
	p.Input = psrp.Values(values...)
	events, _ := collect(t, pool, p)
	require.Equal(t, []any{int32(2000 * 1999 / 2)}, outputs(events))
}

// TestCheck28_Prompt: answers to host calls go over their own stream.
func TestCheck28_Prompt(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, real(t), nil)
	pool := b.open(t, psrp.Config{
		Host:        &psrp.HostInfo{UI: true},
		HostHandler: answers{"ReadLine": "typed"},
	})
	events, state := collect(t, pool, psrp.Script(`$x = $Host.UI.ReadLine(); "got $x"`))
	require.Equal(t, psrp.PipelineCompleted, state.State)
	require.Equal(t, []any{"got typed"}, outputs(events))
}

// TestCheck31_Parallel: pipelines side by side, none mixed up with another.
func TestCheck31_Parallel(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, real(t), nil)
	pool := b.open(t, psrp.Config{MaxRunspaces: 4})
	done := make(chan []any)
	for i := range 8 {
		run, err := pool.Start(ctx(t), psrp.Script(`param($n) 1..50 | ForEach-Object { "$n-$_" }`, psrp.Parameter{Name: "n", Value: int32(i)}))
		require.NoError(t, err)
		go func() {
			events, _ := drain(t, run)
			_ = run.Close(ctx(t))
			done <- outputs(events)
		}()
	}
	seen := map[string]bool{}
	for range 8 {
		values := <-done
		require.Len(t, values, 50)
		n, _, _ := strings.Cut(values[0].(string), "-")
		for i, v := range values {
			require.Equal(t, fmt.Sprintf("%s-%d", n, i+1), v)
		}
		seen[n] = true
	}
	require.Len(t, seen, 8)
}
