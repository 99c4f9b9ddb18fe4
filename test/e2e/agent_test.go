package e2e

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

// agent is an epo-agent of its own, beside an `epo up --no-agent`, so that each can be killed alone.
type agent struct {
	*stack
	state string
	cmd   *exec.Cmd
	log   bytes.Buffer
}

// freeAddress returns an address that nobody listens on; a stack that is killed and started again needs a fixed one.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// newAgent makes pool and target of the usual names, enrolls an agent and starts it.
func (s *stack) newAgent() *agent {
	s.t.Helper()
	p := s.adminPerson()
	pool, err := p.CreatePool(s.t.Context(), "default", "")
	require.NoError(s.t, err)
	_, err = p.CreateTarget(s.t.Context(), api.NewTarget{Name: "local", Kind: "local", PoolID: pool.ID})
	require.NoError(s.t, err)
	token, err := p.CreateEnrollmentToken(s.t.Context(), pool.ID, 0)
	require.NoError(s.t, err)
	a := &agent{stack: s, state: filepath.Join(s.data, "lone-agent")}
	enroll := exec.Command(filepath.Join(binaries, "epo-agent"), "enroll", "--server", s.URL, "--name", "lone", "--state", a.state, "--token-stdin")
	enroll.Stdin = strings.NewReader(token.Token)
	out, err := enroll.CombinedOutput()
	require.NoError(s.t, err, "%s", out)
	a.start()
	s.t.Cleanup(a.stop)
	return a
}

func (a *agent) start() {
	a.t.Helper()
	a.cmd = exec.Command(filepath.Join(binaries, "epo-agent"), "run", "--state", a.state, "--server", a.URL)
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	a.cmd.Stdout, a.cmd.Stderr = &a.log, &a.log
	require.NoError(a.t, a.cmd.Start())
}

// kill ends the agent with SIGKILL.
func (a *agent) kill() {
	_ = a.cmd.Process.Kill()
	_ = a.cmd.Wait()
	a.cmd = nil
}

func (a *agent) stop() {
	if a.cmd == nil {
		return
	}
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	ended := make(chan struct{})
	go func() { _ = a.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		_ = a.cmd.Process.Kill()
		a.t.Errorf("the agent did not end on SIGTERM")
	}
	if a.t.Failed() {
		a.t.Logf("agent's log:\n%s", a.log.String())
	}
}

// ledger is a folder in which scripts leave a mark each time they start, where every account can write.
type ledger struct {
	s   *stack
	dir string
}

func (s *stack) newLedger() ledger {
	s.t.Helper()
	l := ledger{s, filepath.Join(s.data, "ledger")}
	require.NoError(s.t, os.MkdirAll(l.dir, 0o777))
	require.NoError(s.t, os.Chmod(l.dir, 0o777))
	return l
}

// script is one that marks its start under the name given as parameter Mark, writes Lines lines, and, if Hold is set,
// goes on only when the test opens the gate.
func (l ledger) script() string {
	return `param([string]$Mark, [int]$Lines = 3, [switch]$Hold)
[IO.File]::WriteAllText("` + l.dir + `/start-$Mark-$([guid]::NewGuid())", '')
'started'
while ($Hold -and -not [IO.File]::Exists("` + l.dir + `/gate-$Mark")) { Start-Sleep -Milliseconds 20 }
1..$Lines
'ended'`
}

// starts counts how often the script with that mark was started.
func (l ledger) starts(mark string) int {
	found, err := filepath.Glob(filepath.Join(l.dir, "start-"+mark+"-*"))
	require.NoError(l.s.t, err)
	return len(found)
}

// open lets the scripts with that mark go on.
func (l ledger) open(mark string) {
	l.s.t.Helper()
	require.NoError(l.s.t, os.WriteFile(filepath.Join(l.dir, "gate-"+mark), nil, 0o644))
}
