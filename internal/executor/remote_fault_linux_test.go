package executor

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// cable is a way to a server that can be cut.
type cable struct {
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
	cutOff   bool
	work     sync.WaitGroup
}

// lay puts a cable between the executor and a site.
func lay(t *testing.T, s *site) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{listener: l}
	to := s.target.HostPort()
	c.work.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil || !c.hold(near, far) {
				_ = near.Close()
				continue
			}
			c.work.Go(func() { pass(far, near) })
			c.work.Go(func() { pass(near, far) })
		}
	})
	t.Cleanup(func() {
		c.cut()
		c.work.Wait()
	})
	s.address(t, l.Addr().String())
	return c
}

func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}

func (c *cable) hold(near, far net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cutOff {
		_ = far.Close()
		return false
	}
	c.conns = append(c.conns, near, far)
	return true
}

// cut ends all connections, and no more are made.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cutOff = true
	_ = c.listener.Close()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// running tells whether a process lives; one that only waits to be buried does not.
func running(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	_, state, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// numberOf gives the first text of a run that is a number.
func numberOf(records []api.Record) string {
	for _, r := range records {
		if _, err := strconv.Atoi(r.Text); err == nil && r.Stream == api.StreamOutput {
			return r.Text
		}
	}
	return ""
}

// TestConnectionLost: nobody knows how the script ended, and the result says so.
// The engine on the other side ends with the connection, and removes what was
// uploaded.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	s := sshSite(t)
	e := s.executor(t, Config{})
	c := lay(t, s)
	var o outcome
	o.result = e.Run(t.Context(), Request{Script: []byte("$PID; Split-Path $PSScriptRoot; 'go'; Start-Sleep 600"), Target: s.target}, func(r api.Record) {
		o.records = append(o.records, r)
		if r.Text == "go" {
			c.cut()
		}
	})
	require.Equal(t, api.StateUnknown, o.result.State)
	require.Equal(t, api.CodeConnectionLost, o.code(), o.result.Error.Message)
	pid, dir := numberOf(o.records), o.texts(api.StreamOutput)[1]
	eventually(t, "the engine has ended", func() bool { return !running(pid) })
	require.NoDirExists(t, dir)
}

// TestWinRMConnections: connections that break are made anew, unless that does
// not work either; a shell that is gone has ended.
func TestWinRMConnections(t *testing.T) {
	t.Parallel()
	s := winrmSite(t, winrmtest.NTLM)
	e := s.executor(t, Config{})
	o := outcome{}
	o.result = e.Run(t.Context(), Request{Script: []byte("'go'; Start-Sleep 1; 'more'"), Target: s.target}, func(r api.Record) {
		o.records = append(o.records, r)
		if r.Text == "go" {
			s.winrm.DropConnections()
		}
	})
	require.Equal(t, api.StateSucceeded, o.result.State, "%+v", o.result.Error)
	require.Equal(t, []string{"go", "more"}, o.strings())

	o.result = e.Run(t.Context(), Request{Script: []byte("'go'; Start-Sleep 600"), Target: s.target}, func(r api.Record) {
		if r.Text == "go" {
			s.winrm.DropShells()
		}
	})
	require.Equal(t, api.CodeEngineDied, o.code(), o.result.Error.Message)
	require.Equal(t, api.StateFailed, o.result.State)
}

// TestRemoteEngineDies: that is not a lost connection.
func TestRemoteEngineDies(t *testing.T) {
	t.Parallel()
	s := sshSite(t)
	e := s.executor(t, Config{})
	o := runScript(t, e, "'a'; [Environment]::Exit(3)", Request{Target: s.target})
	require.Equal(t, api.CodeEngineDied, o.code(), o.result.Error.Message)
	require.Equal(t, api.StateFailed, o.result.State)
	require.Equal(t, 3, *o.result.ExitCode)
}

// TestRemoteKilledWhenDeaf: a script that no stop reaches loses its connection
// after two seconds, and its processes are ended from another session.
func TestRemoteKilledWhenDeaf(t *testing.T) {
	t.Parallel()
	for name, at := range bothSites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := at(t)
			e := s.executor(t, Config{})
			ctx, seen := whenSeen(t, "go")
			var o outcome
			o.result = e.Run(ctx, Request{
				Script: []byte("$PID; Split-Path $PSScriptRoot; Start-Process sleep 600; (Get-Process sleep | Where-Object { $_.Parent.Id -eq $PID }).Id\ntry { 'go' } finally { [Threading.Thread]::Sleep(600000) }"), Target: s.target,
			}, func(r api.Record) {
				o.records = append(o.records, r)
				seen(r)
			})
			require.Equal(t, api.StateCancelled, o.result.State)
			require.Equal(t, api.CodeKilled, o.code(), o.result.Error.Message)
			texts := o.texts(api.StreamOutput)
			eventually(t, "the engine has ended", func() bool { return !running(texts[0]) })
			require.Contains(t, o.result.Error.Message, "its processes were killed")
			eventually(t, "what the script started has ended", func() bool { return !running(texts[2]) })
			require.NoDirExists(t, texts[1])
		})
	}
}

// TestAgentDeathLeavesNoRemoteEngine: the channel closes with the agent, and the
// engine ends with the channel.
func TestAgentDeathLeavesNoRemoteEngine(t *testing.T) {
	t.Parallel()
	s := sshSite(t)
	script := filepath.Join(t.TempDir(), "s.ps1")
	require.NoError(t, os.WriteFile(script, []byte("$PID; Split-Path $PSScriptRoot; 'go'; Start-Sleep 600"), 0o600))
	keys := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(keys, must(os.ReadFile(s.ssh.KnownHosts(s.ssh.HostKeys...))), 0o600))
	agent := exec.Command(must(os.Executable()))
	agent.Env = append(os.Environ(), remoteHelperName+"="+strings.Join([]string{
		s.target.Name(), script, identitiesFile(t, s.identities), keys,
	}, "|"))
	out, err := agent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, agent.Start())
	t.Cleanup(func() { _ = agent.Wait() })
	var said strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(said.String(), "go\n") {
		n, err := out.Read(buffer)
		said.Write(buffer[:n])
		require.NoError(t, err, said.String())
	}
	require.NoError(t, agent.Process.Kill())
	lines := strings.Split(said.String(), "\n")
	eventually(t, "the engine has ended", func() bool { return !running(lines[0]) })
	require.NoDirExists(t, lines[1])
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestRemoteTimeoutAndOverflow: the limits of a run hold there too.
func TestRemoteTimeoutAndOverflow(t *testing.T) {
	t.Parallel()
	s := sshSite(t)
	e := s.executor(t, Config{})
	o := runScript(t, e, "'a'; Start-Sleep 600", Request{Target: s.target, Timeout: time.Second})
	require.Equal(t, api.StateTimedOut, o.result.State)
	require.Equal(t, api.CodeTimedOut, o.code())
	o = runScript(t, e, "while ($true) { 'x' * 1000 }", Request{Target: s.target, MaxOutput: 1 << 20})
	require.Equal(t, api.CodeOutputOverflow, o.code())
}

// TestRemoteBeforeTheStart: a cancel while the connection is made costs nothing.
func TestRemoteBeforeTheStart(t *testing.T) {
	t.Parallel()
	s := sshSite(t)
	s.target.Options.Port = silentPort(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	o := runContext(t, ctx, s.executor(t, Config{}), "'a'", Request{Target: s.target})
	require.Equal(t, api.StateCancelled, o.result.State, "%+v", o.result.Error)
	require.Contains(t, o.result.Error.Message, "before the script started")
	require.Empty(t, o.records)
}

// silentPort accepts connections and says nothing.
func silentPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}
