package stdio_test

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/stdio"
)

// startFake starts the fake engine of that role.
func startFake(t *testing.T, role string, change ...func(*stdio.Config)) *stdio.Process {
	t.Helper()
	c := fakeConfig(role)
	for _, f := range change {
		f(&c)
	}
	p, err := stdio.Start(ctx(t), c)
	require.NoError(t, err)
	t.Cleanup(func() {
		p.Kill()
		_ = p.Wait()
	})
	return p
}

func TestCheck02_StrictProcess(t *testing.T) {
	t.Parallel()
	p := startFake(t, "engine")
	pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.NoError(t, err)
	long := strings.Repeat("line\n", 20_000)
	for range 5 {
		require.Equal(t, []any{long}, script(t, pool, long).outputs())
	}
	require.NoError(t, pool.Close(ctx(t)))
	require.NoError(t, p.Close(ctx(t)))
}

func TestCheck10_DeafEngineIsKilled(t *testing.T) {
	t.Parallel()
	p := startFake(t, "engine")
	pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.NoError(t, err)
	run, err := pool.Start(ctx(t), psrp.Script("deaf"))
	require.NoError(t, err)
	short, cancel := context.WithTimeout(ctx(t), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, run.Stop(short), context.DeadlineExceeded)
	p.Kill()
	var exit *stdio.ExitError
	require.ErrorAs(t, p.Wait(), &exit)
	require.True(t, exit.Killed)
	require.ErrorAs(t, pool.Close(ctx(t)), &exit)
	require.False(t, alive(fmt.Sprint(p.Pid())))
}

// TestCheck11: nothing that an agent started survives its kill -9, except for
// processes that left the process group and that the engine does not know of
// (setsid behind Start-Process): only a cgroup reaches those on Linux.
func TestCheck11_NothingSurvivesTheParent(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"native child":                "sh -c 'echo $$; exec sleep 600'",
		"native child in a session":   "setsid sh -c 'echo $$; exec sleep 600'",
		"engine stuck, Start-Process": "(Start-Process sleep 600 -PassThru).Id; [Threading.Thread]::Sleep(600000)",
		"Start-Job":                   "$j = Start-Job { $PID; Start-Sleep 600 }; while (-not ($c = Receive-Job $j)) { Start-Sleep -Milliseconds 50 }; [int]::Parse($c); Start-Sleep 600",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			require.NoError(t, err)
			parent := exec.Command(self)
			parent.Env = append(os.Environ(), roleVariable+"=parent", "EPO_STDIO_TEST_SCRIPT="+text)
			out, err := parent.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, parent.Start())
			line, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			require.NoError(t, parent.Process.Kill())
			_ = parent.Wait()
			var engine, child int
			_, err = fmt.Sscanf(line, "%d {%d} <nil>", &engine, &child)
			require.NoError(t, err, line)
			waitDead(t, fmt.Sprint(engine), 5*time.Second)
			waitDead(t, fmt.Sprint(child), 5*time.Second)
		})
	}
}

func TestCheck35_EngineDies(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"die", "die inside"} {
		p := startFake(t, "engine")
		pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
		require.NoError(t, err)
		run, err := pool.Start(ctx(t), psrp.Script(text))
		start := time.Now()
		if err == nil {
			_, err = run.Next(ctx(t))
		}
		require.Less(t, time.Since(start), 20*time.Second)
		var exit *stdio.ExitError
		require.ErrorAs(t, err, &exit, text)
		require.Equal(t, 7, exit.Code)
		if text == "die" {
			require.Equal(t, "last words", exit.Stderr)
		}
		<-pool.Done()
		require.ErrorAs(t, pool.Err(), &exit)
		require.ErrorAs(t, p.Wait(), &exit)
	}
}

func TestCheck35_RealEngineDies(t *testing.T) {
	t.Parallel()
	p := newEngine(t)
	pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.NoError(t, err)
	run, err := pool.Start(ctx(t), psrp.Script("'x' * 100000; [Environment]::Exit(5)"))
	require.NoError(t, err)
	for err == nil {
		_, err = run.Next(ctx(t))
	}
	var exit *stdio.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 5, exit.Code)
	var broken *psrp.BrokenError
	require.ErrorAs(t, err, &broken)
}

func TestCheck35_ExitBeforeTheFirstPacket(t *testing.T) {
	t.Parallel()
	p := startFake(t, "exit1", func(c *stdio.Config) {
		c.Redact = func(s string) string { return strings.ReplaceAll(s, "start", "*****") }
	})
	_, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	var exit *stdio.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.Code)
	require.Equal(t, "cannot *****: [hidden]", exit.Stderr)
}

func TestCheck36_NoEngine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, []byte("text"), 0o600))
	for path, want := range map[string]error{
		filepath.Join(dir, "absent"): fs.ErrNotExist, plain: fs.ErrPermission, "epo-no-such-program": exec.ErrNotFound,
	} {
		_, err := stdio.Start(ctx(t), stdio.Config{Path: path})
		var start *stdio.StartError
		require.ErrorAs(t, err, &start)
		require.ErrorIs(t, err, want)
		require.Equal(t, path, start.Path)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := stdio.Start(ended, fakeConfig("engine"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestCheck36_OpenTakesTooLong(t *testing.T) {
	t.Parallel()
	p := startFake(t, "mute", func(c *stdio.Config) { c.CloseGrace = 50 * time.Millisecond })
	_, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{OpenTimeout: 50 * time.Millisecond})
	require.ErrorIs(t, err, psrp.ErrOpenTimeout)
	_, err = psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.ErrorIs(t, err, stdio.ErrBusy)
	var exit *stdio.ExitError
	require.ErrorAs(t, p.Close(ctx(t)), &exit)
	require.True(t, exit.Killed)
	require.False(t, alive(fmt.Sprint(p.Pid())))
	_, err = psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.Error(t, err)
}

func TestCheck38_ExitStatus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		role      string
		closePool bool
		code      int
	}{
		"160 after CloseAck":  {"engine", true, 0},
		"160 before CloseAck": {"engine", false, 160},
		"other code":          {"wrong exit", true, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startFake(t, c.role)
			pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
			require.NoError(t, err)
			if c.closePool {
				require.NoError(t, pool.Close(ctx(t)))
			}
			err = p.Close(ctx(t))
			_ = pool.Close(ctx(t))
			if c.code == 0 {
				require.NoError(t, err)
				return
			}
			var exit *stdio.ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, c.code, exit.Code)
		})
	}
}

func TestProcess_WithoutAPoolEndsCleanly(t *testing.T) {
	t.Parallel()
	c := engineConfig()
	c.CloseGrace = 30 * time.Second // it has to start before it can end
	p, err := stdio.Start(ctx(t), c)
	require.NoError(t, err)
	require.NoError(t, p.Close(ctx(t)))
}

func TestProcess_KillLeavesNoChild(t *testing.T) {
	t.Parallel()
	p := newEngine(t)
	pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.NoError(t, err)
	run, err := pool.Start(ctx(t), psrp.Script("sh -c 'sleep 600 & echo $!; wait'"))
	require.NoError(t, err)
	event, err := run.Next(ctx(t))
	require.NoError(t, err)
	p.Kill()
	require.Error(t, p.Wait())
	waitDead(t, event.(psrp.OutputEvent).Value.(string), time.Second)
	_ = pool.Close(ctx(t))
}

func TestProcess_StderrGoesToTheCallback(t *testing.T) {
	t.Parallel()
	lines := make(chan string, 10)
	p := startFake(t, "engine", func(c *stdio.Config) { c.Stderr = func(line string) { lines <- line } })
	pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.NoError(t, err)
	run, err := pool.Start(ctx(t), psrp.Script("refuse"))
	if err == nil {
		_, err = run.Next(ctx(t))
	}
	var remote *stdio.RemoteError
	require.ErrorAs(t, err, &remote)
	require.Equal(t, "cannot read it", remote.Text)
	require.Equal(t, []any{"fine"}, script(t, pool, "fine").outputs(), "the pool lives on")
	run, err = pool.Start(ctx(t), psrp.Script("die"))
	if err == nil {
		_, err = run.Next(ctx(t))
	}
	require.Error(t, err)
	require.Equal(t, "last words", <-lines, "what the engine says about packets is not passed on")
}

func TestNoise_BeforeTheFirstPacket(t *testing.T) {
	t.Parallel()
	p := startFake(t, "early noise")
	pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.NoError(t, err)
	require.NoError(t, pool.Close(ctx(t)))

	p = startFake(t, "noise")
	_, err = psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.ErrorIs(t, err, stdio.ErrNoise)
	require.ErrorContains(t, err, "No PowerShell here")

	p = startFake(t, "chatty")
	_, err = psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.ErrorIs(t, err, stdio.ErrNoise, "endless noise has a limit")
}

func TestNoise_OfAScriptIsSkipped(t *testing.T) {
	t.Parallel()
	noise := make(chan string, 10)
	c := engineConfig()
	c.Noise = func(text []byte) { noise <- string(text) }
	p, err := stdio.Start(ctx(t), c)
	require.NoError(t, err)
	pool, err := psrp.Open(ctx(t), p.Transport(), psrp.Config{})
	require.NoError(t, err)
	r := script(t, pool, "Start-Process -Wait echo 'a raw line'; Start-Process -Wait printf glued; 'out'")
	require.Equal(t, []any{"out"}, r.outputs())
	require.Equal(t, "a raw line", <-noise)
	require.Equal(t, "glued", <-noise)
	require.NoError(t, pool.Close(ctx(t)))
	require.NoError(t, p.Close(ctx(t)))
}
