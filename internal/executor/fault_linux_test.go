package executor

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

// whenSeen cancels a context as soon as a script has shown a text.
func whenSeen(t *testing.T, text string) (context.Context, func(api.Record)) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, func(r api.Record) {
		if r.Text == text {
			cancel()
		}
	}
}

// cancelled runs a script, cancels it once it has shown "go", and gives how
// long the end took.
func cancelled(t *testing.T, e *Executor, script string) (outcome, time.Duration) {
	t.Helper()
	ctx, see := whenSeen(t, "go")
	var o outcome
	var at time.Time
	o.result = e.Run(ctx, Request{ScriptName: "test", Script: []byte(script)}, func(r api.Record) {
		o.records = append(o.records, r)
		if r.Text == "go" {
			at = time.Now()
		}
		see(r)
	})
	require.False(t, at.IsZero(), "the script began: %+v", o.result)
	return o, time.Since(at)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"sleep":         "'go'; Start-Sleep 600; 'never'",
		"busy loop":     "'go'; while ($true) { }",
		"flood":         "'go'; while ($true) { 'x' * 1000 }",
		"native":        "'go'; sleep 600",
		"deaf child":    "'go'; sh -c 'trap \"\" TERM INT HUP; sleep 600; sleep 600'",
		"setsid":        "'go'; setsid sleep 600",
		"start-process": "'go'; Start-Process sleep 600 -Wait",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, took := cancelled(t, sharedExecutor(t), script)
			require.Equal(t, api.StateCancelled, o.result.State, "%+v", o.result.Error)
			require.Equal(t, api.CodeCancelled, o.code())
			require.Nil(t, o.result.ExitCode)
			require.NotContains(t, o.strings(), "never")
			require.Less(t, took, 50*time.Second)
		})
	}
}

// TestCancelKeepsWhatWasSaid: output of finally blocks still comes.
func TestCancelKeepsWhatWasSaid(t *testing.T) {
	t.Parallel()
	o, _ := cancelled(t, sharedExecutor(t), "try { 'go'; Start-Sleep 600 } finally { Write-Warning 'tidy' }")
	require.Equal(t, api.StateCancelled, o.result.State)
	require.Equal(t, []string{"tidy"}, o.texts(api.StreamWarning))
}

// TestKilledWhenDeaf has scripts that no stop reaches.
func TestKilledWhenDeaf(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{StopGrace: 300 * time.Millisecond})
	for name, script := range map[string]string{
		"stuck in .NET":   "try { 'go' } finally { [Threading.Thread]::Sleep(600000) }", // wherever the stop falls
		"endless finally": "try { 'go'; Start-Sleep 600 } finally { while ($true) { } }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, took := cancelled(t, e, script)
			require.Equal(t, api.StateCancelled, o.result.State)
			require.Equal(t, api.CodeKilled, o.code())
			require.Less(t, took, 50*time.Second)
		})
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	o := runScript(t, sharedExecutor(t), "'a'; Start-Sleep 600", Request{Timeout: 15 * time.Second}) // enough for the first line on a busy machine
	require.Equal(t, api.StateTimedOut, o.result.State)
	require.Equal(t, api.CodeTimedOut, o.code())
	require.Contains(t, o.result.Error.Message, "15s")
	require.Equal(t, []string{"a"}, o.strings())
}

func TestCancelledBeforeTheStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := runContext(t, ctx, newTestExecutor(t, Config{}), "'a'", Request{})
	require.Equal(t, api.StateCancelled, o.result.State)
	require.Empty(t, o.records)
}

func TestCloseCancels(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{})
	var o outcome
	o.result = e.Run(t.Context(), Request{Script: []byte("'go'; Start-Sleep 600")}, func(r api.Record) {
		if r.Text == "go" {
			go e.Close()
		}
	})
	require.Equal(t, api.StateCancelled, o.result.State)
	e.Close()
	require.NoDirExists(t, e.dir)
	require.Equal(t, api.CodeInternal, runScript(t, e, "1", Request{}).code(), "nothing starts any more")
}

func TestEngineDies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		exit   int
		says   string
	}{
		"kills itself":  {"'a'; Stop-Process -Id $PID -Force; Start-Sleep 60", -999, "killed"},
		"exits":         {"'a'; [Environment]::Exit(5)", 5, "exit code 5"},
		"exits with 0":  {"'a'; [Environment]::Exit(0)", -999, "exit code 0"},
		"fails fast":    {"'a'; [Environment]::FailFast('broken pump')", -999, "broken pump"},
		"SIGTERM":       {"'a'; kill -TERM $PID; Start-Sleep 60", -999, "terminated"},
		"group":         {"'a'; sh -c 'kill -9 0'; Start-Sleep 60", -999, "killed"},
		"out of memory": {"'a'; $p = [Diagnostics.Process]::GetCurrentProcess(); $p.Kill(); Start-Sleep 60", -999, "killed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := runScript(t, sharedExecutor(t), c.script, Request{})
			require.Equal(t, api.StateFailed, o.result.State)
			require.Equal(t, api.CodeEngineDied, o.code(), "%+v", o.result.Error)
			require.Equal(t, c.exit, o.exitCode())
			said := o.result.Error.Message + strings.Join(o.texts(api.StreamHost), "\n")
			require.Contains(t, said, c.says)
		})
	}
	require.Equal(t, []string{"alive"}, runScript(t, sharedExecutor(t), "'alive'", Request{}).strings())
}

// TestChildrenDie: whatever a script leaves behind is gone when Run returns.
func TestChildrenDie(t *testing.T) {
	t.Parallel()
	contained := newTestExecutor(t, Config{})
	plain := newTestExecutor(t, Config{})
	plain.forest.remove()
	plain.forest = &forest{}
	scripts := map[string]string{
		"start-process":  "Start-Process sleep %s",
		"setsid":         "setsid nohup sleep %s >/dev/null 2>&1 & \n Start-Sleep -Milliseconds 300",
		"double fork":    "Start-Process sh -ArgumentList '-c', '\"(setsid sleep %s >/dev/null 2>&1 &) &\"' -Wait",
		"background job": "Start-Job { sleep %s } | Out-Null; Start-Sleep 3",
		"after exit":     "Start-Process sleep %s; exit 3",
		"after its end":  "Start-Process sleep %s; Stop-Process -Id $PID -Force",
	}
	for kind, e := range map[string]*Executor{"cgroup": contained, "no cgroup": plain} {
		for name, script := range scripts {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				mark := fmt.Sprintf("86399.%d", randomNumber())
				runScript(t, e, fmt.Sprintf(script, mark), Request{})
				require.Empty(t, processesWith(mark))
			})
		}
	}
}

// TestCgroupHolds: in a cgroup even a child that hides all other traces dies.
func TestCgroupHolds(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{})
	if e.forest.dir == "" {
		t.Logf("no cgroup can be made here; the tree is found by marks, see TestChildrenDie")
		return
	}
	mark := fmt.Sprintf("86398.%d", randomNumber())
	o := runScript(t, e, "Start-Process sh -ArgumentList '-c', '\"(env -i setsid sleep "+mark+" >/dev/null 2>&1 &) &\"' -Wait", Request{})
	require.Equal(t, api.StateSucceeded, o.result.State, "%+v", o.result.Error)
	require.Empty(t, processesWith(mark))
}

var numbers atomic.Int64

func randomNumber() int64 { return time.Now().UnixNano()%1_000_000*100 + numbers.Add(1) }

// processesWith finds processes that have a text as an argument.
func processesWith(arg string) []string {
	var found []string
	for _, p := range processTable() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
		if err != nil {
			continue
		}
		for word := range strings.SplitSeq(string(line), "\x00") {
			if word == arg {
				found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
			}
		}
	}
	return found
}

// TestFloodUsesBoundedMemory lets a script write for ever to a slow reader.
func TestFloodUsesBoundedMemory(t *testing.T) { // not parallel: the heap is everybody's
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var before, during runtime.MemStats
	runtime.ReadMemStats(&before)
	records, most := 0, uint64(0)
	result := sharedExecutor(t).Run(ctx, Request{Script: []byte("while ($true) { 'x' * 100000 }")}, func(api.Record) {
		records++
		if records%50 == 0 {
			runtime.ReadMemStats(&during)
			most = max(most, during.HeapAlloc)
		}
		if records == 1000 {
			cancel()
		}
	})
	require.Equal(t, api.StateCancelled, result.State)
	require.GreaterOrEqual(t, records, 1000)
	require.Less(t, most, before.HeapAlloc+256<<20)
}

// TestBlockedReaderStopsTheScript: while Emit waits, the engine waits too.
func TestBlockedReaderStopsTheScript(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	e := newTestExecutor(t, Config{})
	done := make(chan api.Result)
	last := ""
	go func() {
		done <- e.Run(t.Context(), Request{Script: []byte("1..200 | ForEach-Object { 'x' * 1MB }; 'end'")}, func(r api.Record) {
			if r.Seq == 1 {
				<-release
			}
			if r.Stream == api.StreamOutput {
				last = r.Text
			}
		})
	}()
	select {
	case r := <-done:
		t.Fatalf("ended although nobody reads: %+v", r)
	case <-time.After(8 * time.Second):
	}
	close(release)
	require.Equal(t, api.StateSucceeded, (<-done).State)
	require.Equal(t, "end", last)
}

func TestOutputLimit(t *testing.T) {
	t.Parallel()
	o := runScript(t, sharedExecutor(t), "while ($true) { 'x' * 1000 }", Request{MaxOutput: 50_000})
	require.Equal(t, api.StateFailed, o.result.State)
	require.Equal(t, api.CodeOutputOverflow, o.code())
	require.Less(t, len(o.records), 200)
	last := o.records[len(o.records)-1]
	require.Equal(t, api.StreamSystem, last.Stream, "the log says that something is missing")

	o = runScript(t, sharedExecutor(t), "'x' * 1000", Request{MaxOutput: 50_000})
	require.Equal(t, api.StateSucceeded, o.result.State)
}

// TestProtocolIsSealed: scripts and their children cannot write into the
// protocol or read from it.
func TestProtocolIsSealed(t *testing.T) {
	t.Parallel()
	forged := "<DataAck PSGuid='00000000-0000-0000-0000-000000000000' />"
	o := runScript(t, sharedExecutor(t), `
$ErrorActionPreference = 'Stop'
$forged = "`+forged+`"
$s = [Console]::OpenStandardOutput(); $b = [Text.Encoding]::UTF8.GetBytes("console $forged" + [char]10); $s.Write($b, 0, $b.Length); $s.Flush()
Start-Process printf -ArgumentList 'child\n' -Wait
[IO.File]::AppendAllText('/dev/stdout', "device $forged`+"`n"+`")
[IO.File]::AppendAllText("/proc/$PID/fd/1", "descriptor $forged`+"`n"+`")
$p = [Diagnostics.ProcessStartInfo]::new('cat'); $c = [Diagnostics.Process]::Start($p)
if (-not $c.WaitForExit(20000)) { 'cat still waits for input' } else { 'end of input' }
[Console]::In.ReadLine() -eq $null
`, Request{})
	require.Equal(t, api.StateSucceeded, o.result.State, "%+v", o.result.Error)
	require.Equal(t, []string{"end of input", "True"}, o.strings())
	host := strings.Join(o.texts(api.StreamHost), "\n")
	for _, text := range []string{"console " + forged, "child", "device " + forged, "descriptor " + forged} {
		require.Contains(t, host, text)
	}
}

// TestAccount: as root, scripts have an account of their own that cannot read
// what is the agent's.
func TestAccount(t *testing.T) {
	t.Parallel()
	e := sharedExecutor(t)
	if os.Geteuid() != 0 {
		require.Equal(t, "none", e.Isolation())
		return
	}
	require.Equal(t, "account", e.Isolation())
	secret := e.config.WorkDir + "-secret"
	require.NoError(t, os.WriteFile(secret, []byte("key"), 0o600))
	o := runScript(t, e, `
id -un; id -G
try { Get-Content -ErrorAction Stop '`+secret+`' } catch { 'refused' }
try { New-Item -ErrorAction Stop -Path '`+e.config.WorkDir+`/planted' } catch { 'refused' }
try { Get-ChildItem -ErrorAction Stop '`+e.config.WorkDir+`' } catch { 'refused' }
sh -c 'kill -9 `+fmt.Sprint(os.Getpid())+` 2>/dev/null'; $LASTEXITCODE
`, Request{})
	require.Equal(t, []string{RunAccount, fmt.Sprint(e.config.Account.GID), "refused", "refused", "refused", "1"}, o.strings())
}

// TestPanicInEmit: Run never panics and still cleans up.
func TestPanicInEmit(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{})
	result := e.Run(t.Context(), Request{Script: []byte("'a'; Start-Sleep 600")}, func(api.Record) { panic("reader is broken") })
	require.Equal(t, api.CodeInternal, result.Error.Code)
	entries, err := os.ReadDir(e.dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}
