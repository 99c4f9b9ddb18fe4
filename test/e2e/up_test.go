package e2e

import (
	"net"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// epo runs a command of the server's machine.
func epo(t testing.TB, args ...string) result {
	t.Helper()
	out, err := exec.Command(filepath.Join(binaries, "epo"), args...).CombinedOutput()
	code := 0
	if err != nil {
		exit, ok := err.(*exec.ExitError)
		require.True(t, ok, "%v", err)
		code = exit.ExitCode()
	}
	return result{args, string(out), "", code}
}

// publicFolder is a temporary folder that every account can reach, unlike t.TempDir.
func publicFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "epo-data-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

func TestUpRefusesASecondStartAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := newStack(t, "--no-agent")
	r := epo(t, "up", "--data", s.data, "--listen", "127.0.0.1:0")
	require.NotEqual(t, 0, r.code)
	require.Contains(t, r.stdout, "already running")
	require.Contains(t, r.stdout, "epo down")
}

func TestUpSaysThatThePortIsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	data := publicFolder(t)
	r := epo(t, "up", "--data", data, "--listen", l.Addr().String(), "--no-agent")
	require.NotEqual(t, 0, r.code)
	require.Contains(t, r.stdout, "address already in use")
	require.Contains(t, r.stdout, "--listen")
	require.Equal(t, 0, epo(t, "down", "--data", data).code)
}

func TestUpRefusesPlainHTTPBeyondLoopback(t *testing.T) {
	t.Parallel()
	data := publicFolder(t)
	r := epo(t, "up", "--data", data, "--listen", "0.0.0.0:0", "--no-agent")
	require.NotEqual(t, 0, r.code)
	require.Contains(t, r.stdout, "loopback")
}

func TestDataSurvivesARestartAndThePasswordIsShownOnce(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	p := s.adminPerson()
	id := p.start(p.push("kept", "'kept'"), nil)
	require.Equal(t, "succeeded", p.finished(id).State)
	password := s.Password
	s.stop()
	s.Password = ""
	s.start()
	require.Empty(t, s.Password, "the first password is shown once")
	s.Password = password
	p = s.adminPerson()
	require.Equal(t, "succeeded", p.run(id).State)
	again := p.start(p.push("kept", "'kept'"), nil)
	require.Equal(t, "succeeded", p.finished(again).State)
}

func TestDownStopsEverythingAndDeletesWhatItIsTold(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	postgres := s.PostgresPID
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	r := epo(t, "down", "--data", s.data)
	require.Equal(t, 0, r.code, "%s", r)
	require.NoError(t, <-ended)
	s.cmd = nil
	require.ErrorIs(t, syscall.Kill(postgres, 0), syscall.ESRCH, "PostgreSQL still runs")
	require.False(t, processMentioning(s.data), "something still runs on the data folder")
	r = epo(t, "down", "--data", s.data)
	require.Contains(t, r.stdout, "nothing runs")
}

// processMentioning reports whether a process has text on its command line.
func processMentioning(text string) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		if line, err := os.ReadFile(f); err == nil && strings.Contains(string(line), text) {
			return true
		}
	}
	return false
}

func TestKillOfUpLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.kill()
	until(t, "every child to end after its parent was killed", func() bool { return !processMentioning(s.data) })
}

func TestAdminCommands(t *testing.T) {
	t.Parallel()
	s := newStack(t, "--no-agent")
	r := epo(t, "admin", "bootstrap", "--data", s.data)
	require.NotEqual(t, 0, r.code)
	require.Contains(t, r.stdout, "exists already")
	require.Equal(t, 0, epo(t, "admin", "tenant", "create", "acme", "--data", s.data).code)
	r = epo(t, "admin", "user", "create", "olga", "--tenant", "acme", "--role", "operator", "--data", s.data)
	require.Equal(t, 0, r.code, "%s", r)
	s.signIn("acme", "olga", shownPassword(t, r))
	r = epo(t, "admin", "user", "reset-password", "olga", "--tenant", "acme", "--data", s.data)
	require.Equal(t, 0, r.code, "%s", r)
	u := s.signIn("acme", "olga", shownPassword(t, r))
	require.Contains(t, u.ok("whoami"), "olga")
	require.Contains(t, epo(t, "migrate", "status", "--data", s.data).stdout, "0001_")
	require.Contains(t, epo(t, "migrate", "up", "--data", s.data).stdout, "up to date")
}

func shownPassword(t testing.TB, r result) string {
	t.Helper()
	_, rest, ok := strings.Cut(r.stdout, "shown once: ")
	require.True(t, ok, "%s", r)
	return strings.TrimSpace(rest)
}

// TestUpAsAnOrdinaryUserBelowAPrivateHome is what happens to somebody who is not root: everything works, and EPO says
// that scripts are not isolated.
func TestUpAsAnOrdinaryUserBelowAPrivateHome(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("the other tests run as an ordinary user already")
	}
	nobody, err := osuser.Lookup("nobody")
	require.NoError(t, err)
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	require.NoError(t, err)
	home, err := os.MkdirTemp("", "epo-home-")
	require.NoError(t, err)
	defer os.RemoveAll(home)
	require.NoError(t, os.Chmod(home, 0o700))
	require.NoError(t, os.Chown(home, int(uid), int(gid)))
	s := &stack{t: t, data: filepath.Join(home, "data"), as: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, env: []string{"HOME=" + home}}
	defer s.stop()
	s.start()
	p := s.adminPerson()
	id := p.start(p.push("who", "id -un"), nil)
	require.Equal(t, "succeeded", p.finished(id).State)
	require.Equal(t, []string{"nobody"}, texts(p.records(id), "output"))
	require.Contains(t, s.admin().ok("agent", "list"), "none")
}
