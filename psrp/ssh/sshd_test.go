package ssh_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/epo-dev/epo/internal/runtime"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/ssh"
	"github.com/epo-dev/epo/psrp/ssh/sshtest"
)

// TestMain runs the tests, or plays a subsystem.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(playSubsystem(role))
	}
	goleak.VerifyTestMain(m)
}

// startSSHD serves until the end of the test, with a real PowerShell. Further
// lines go into its configuration before the rest.
func startSSHD(t testing.TB, lines ...string) *sshtest.Server {
	t.Helper()
	engine, err := foundEngine()
	require.NoError(t, err)
	return sshtest.Start(t, sshtest.Options{PowerShell: append([]string{engine.Path}, engine.Args...), Lines: lines})
}

var foundEngine = sync.OnceValues(func() (runtime.Engine, error) { return runtime.Find(context.Background()) })

// roleVariable makes the test binary play a subsystem.
const roleVariable = "EPO_SSH_TEST_ROLE"

// subsystem is a configuration line that makes this binary play a role.
func subsystem(t testing.TB, name, role string) string {
	self, err := os.Executable()
	require.NoError(t, err)
	return fmt.Sprintf("Subsystem %s /usr/bin/env %s=%s %s", name, roleVariable, role, self)
}

func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return c
}

// dial makes a session that ends with the test.
func dial(t testing.TB, c ssh.Config) *ssh.Session {
	t.Helper()
	s, err := ssh.Dial(ctx(t), c)
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Kill()
		_ = s.Wait()
	})
	return s
}

// hello opens a pool, runs a script in it and closes it.
func hello(t testing.TB, s *ssh.Session) {
	t.Helper()
	pool, err := psrp.Open(ctx(t), s.Transport(), psrp.Config{})
	require.NoError(t, err)
	require.Equal(t, []any{"hello"}, outputs(t, pool, "'hello'"))
	require.NoError(t, pool.Close(ctx(t)))
}

func outputs(t testing.TB, pool *psrp.Pool, script string) []any {
	t.Helper()
	run, err := pool.Start(ctx(t), psrp.Script(script))
	require.NoError(t, err)
	var values []any
	for event, err := range run.Events(ctx(t)) {
		require.NoError(t, err)
		if o, ok := event.(psrp.OutputEvent); ok {
			values = append(values, o.Value)
		}
	}
	require.NoError(t, run.Close(ctx(t)))
	return values
}
