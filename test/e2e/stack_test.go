package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for something that must happen. It is no measure of speed: only a broken product or a
// machine that stands still runs into it.
const patience = 90 * time.Second

// binaries is the folder of the programs under test, built once by TestMain.
var binaries string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "epo-e2e-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err == nil {
		binaries = dir
		build := exec.Command("go", "build", "-o", dir, "../../cmd/epo", "../../cmd/epo-agent")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e: build the binaries:", err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// stack is one `epo up` with its data folder.
type stack struct {
	t    testing.TB
	data string
	args []string
	as   *syscall.Credential // who runs it; nil is us
	env  []string            // added to ours
	cmd  *exec.Cmd
	log  *bytes.Buffer
	upInfo
}

// upInfo is what `epo up --output json` prints when everything is running.
type upInfo struct {
	URL         string `json:"url"`
	Tenant      string `json:"tenant"`
	User        string `json:"user"`
	Password    string `json:"password"`
	PID         int    `json:"pid"`
	PostgresPID int    `json:"postgres_pid"`
	AgentPID    int    `json:"agent_pid"`
	DatabaseURL string `json:"database_url"`
}

// newStack starts `epo up` on a fresh data folder and removes everything at the end of the test.
func newStack(t testing.TB, args ...string) *stack {
	t.Helper()
	s := &stack{t: t, data: publicFolder(t), args: args}
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			s.showLogs()
		}
	})
	s.start()
	return s
}

// start runs `epo up` and returns when it said that everything runs.
func (s *stack) start() {
	s.t.Helper()
	password := s.Password
	args := append([]string{"up", "--data", s.data, "--listen", "127.0.0.1:0", "--output", "json"}, s.args...)
	s.cmd = exec.Command(filepath.Join(binaries, "epo"), args...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.as}
	s.cmd.Env = append(os.Environ(), s.env...)
	s.log = new(bytes.Buffer)
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, s.cmd.Start())
	line := make(chan []byte, 1)
	go func() {
		text, _ := bufio.NewReader(out).ReadBytes('\n')
		line <- text
	}()
	select {
	case text := <-line:
		s.upInfo = upInfo{}
		require.NoError(s.t, json.Unmarshal(text, &s.upInfo), "epo up said %q and\n%s", text, s.log)
	case <-time.After(patience):
		s.kill()
		s.t.Fatalf("epo up did not become ready:\n%s", s.log)
	}
	if s.Password == "" {
		s.Password = password
	}
}

// showLogs puts the ends of all logs into the test's output, for whoever reads why it failed.
func (s *stack) showLogs() {
	files, _ := filepath.Glob(filepath.Join(s.data, "log", "*.log"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		s.t.Logf("%s ends with\n%s", filepath.Base(f), text[max(0, len(text)-4000):])
	}
}

// stop asks `epo up` to end, as Ctrl-C does, and waits for it.
func (s *stack) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		s.t.Errorf("epo up did not end on SIGINT:\n%s", s.log)
	}
	s.cmd = nil
}

// kill ends `epo up` itself with SIGKILL.
func (s *stack) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// user is one signed-in person: a home folder of its own, in which the CLI keeps its session.
type user struct {
	*stack
	home string
}

// signIn signs a user in through the CLI.
func (s *stack) signIn(tenant, name, password string) *user {
	s.t.Helper()
	u := &user{stack: s, home: s.t.TempDir()}
	args := []string{"login", "--server", s.URL, "--user", name, "--password-stdin"}
	if tenant != "" {
		args = append(args, "--tenant", tenant)
	}
	r := u.runInput(password+"\n", args...)
	require.Equal(s.t, 0, r.code, "%s", r)
	return u
}

func (s *stack) admin() *user {
	s.t.Helper()
	return s.signIn("", s.User, s.Password)
}

// result is how one command of the CLI ended.
type result struct {
	args           []string
	stdout, stderr string
	code           int
}

func (r result) String() string {
	return fmt.Sprintf("epo %s: exit code %d\n%s%s", strings.Join(r.args, " "), r.code, r.stdout, r.stderr)
}

func (u *user) run(args ...string) result { return u.runInput("", args...) }

func (u *user) runInput(stdin string, args ...string) result {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := u.command(ctx, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		u.t.Fatalf("epo %v: %v", args, err)
	}
	return result{args, out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

func (u *user) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(binaries, "epo"), args...)
	cmd.Env = append(os.Environ(), "HOME="+u.home, "XDG_CONFIG_HOME="+filepath.Join(u.home, "config"), "XDG_STATE_HOME="+filepath.Join(u.home, "state"), "EPO_SERVER="+u.URL)
	return cmd
}

// ok runs a command that must succeed and returns what it printed.
func (u *user) ok(args ...string) string {
	u.t.Helper()
	r := u.run(args...)
	require.Equal(u.t, 0, r.code, "%s", r)
	return r.stdout
}

// json runs a command that must succeed with --output json and decodes what it printed.
func (u *user) json(into any, args ...string) {
	u.t.Helper()
	text := u.ok(append(args, "--output", "json")...)
	require.NoError(u.t, json.Unmarshal([]byte(text), into), "epo %v printed %q", args, text)
}

// push stores a script and returns its name.
func (u *user) push(name, text string) string {
	u.t.Helper()
	file := filepath.Join(u.t.TempDir(), "script.ps1")
	require.NoError(u.t, os.WriteFile(file, []byte(text), 0o600))
	u.ok("script", "push", file, "--name", name)
	return name
}

// until calls look until it is satisfied.
func until(t testing.TB, what string, look func() bool) {
	t.Helper()
	require.Eventually(t, look, patience, 20*time.Millisecond, "waited for: %s", what)
}
