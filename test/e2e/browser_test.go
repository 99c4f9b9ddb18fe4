package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browserSuites are those of web/e2e that are tests; the others measure.
var browserSuites = []string{"first", "console", "live", "forms", "axe", "faults"}

// suiteLimit is how long one of them may take before it is taken for stuck.
const suiteLimit = 8 * time.Minute

// TestConsole opens the console in a real browser, against a server, an agent and a PowerShell that are real too. The suites
// themselves are JavaScript; what they need done to the stack they ask of a control address.
func TestConsole(t *testing.T) {
	t.Parallel()
	s := newStack(t, "--no-agent", "--listen", freeAddress(t))
	a := s.newAgent()
	people := s.people()
	control := newControl(s, a)
	t.Cleanup(control.close)
	for _, suite := range browserSuites {
		t.Run(suite, func(t *testing.T) {
			node := exec.Command("node", "e2e/run.mjs", suite)
			node.Dir = filepath.Join("..", "..", "web")
			node.Env = append(os.Environ(), append(people, "EPO_URL="+s.URL, "EPO_USER="+s.User, "EPO_PASSWORD="+s.Password, "EPO_TENANT="+s.Tenant,
				"EPO_CONTROL="+control.url(), "EPO_CHROMIUM="+chromium(t))...)
			node.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
			out, err := control.serve(node)
			require.NoError(t, err, "%s", out)
			t.Logf("%s", out)
		})
	}
}

// chromium is the browser that the set-up found.
func chromium(t testing.TB) string {
	t.Helper()
	out, err := exec.Command(filepath.Join("..", "..", "tools", "setup"), "--path", "chromium").Output()
	require.NoError(t, err, "tools/setup chromium finds or installs one")
	return strings.TrimSpace(string(out))
}

// people makes an operator and an auditor beside the administrator, and a second tenant with an administrator of its own; the
// passwords are given to the suites as EPO_PASSWORD_<NAME>.
func (s *stack) people() (env []string) {
	s.t.Helper()
	require.Equal(s.t, 0, epo(s.t, "admin", "tenant", "create", "acme", "--data", s.data).code)
	for _, one := range []struct{ tenant, name, role string }{
		{s.Tenant, "oscar", "operator"}, {s.Tenant, "anna", "auditor"}, {"acme", "olga", "admin"},
	} {
		r := epo(s.t, "admin", "user", "create", one.name, "--tenant", one.tenant, "--role", one.role, "--data", s.data)
		require.Equal(s.t, 0, r.code, "%s", r)
		env = append(env, fmt.Sprintf("EPO_PASSWORD_%s=%s", strings.ToUpper(one.name), shownPassword(s.t, r)))
	}
	return env
}

// control does to a stack what a suite asks for. The work is done by the goroutine of the test, which alone may fail it.
type control struct {
	server *httptest.Server
	work   chan func()
	acts   map[string]func()
}

func newControl(s *stack, a *agent) *control {
	c := &control{work: make(chan func()), acts: map[string]func(){
		"/server/restart": func() { s.kill(); s.start() },
		"/agent/stop":     a.kill,
		"/agent/start":    a.start,
	}}
	c.server = httptest.NewServer(c)
	return c
}

func (c *control) url() string { return c.server.URL }

func (c *control) close() { c.server.Close() }

func (c *control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	act, known := c.acts[r.URL.Path]
	if !known {
		http.NotFound(w, r)
		return
	}
	done := make(chan struct{})
	c.work <- func() { defer close(done); act() }
	<-done
}

// serve runs a command to its end and meanwhile does what is asked for.
func (c *control) serve(cmd *exec.Cmd) (out []byte, err error) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		out, err = cmd.CombinedOutput()
	}()
	limit := time.AfterFunc(suiteLimit, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer limit.Stop()
	for {
		select {
		case act := <-c.work:
			act()
		case <-ended:
			return out, err
		}
	}
}
