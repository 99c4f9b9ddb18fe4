package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/epo-dev/epo/internal/account"
	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/runtime"
)

// shared is one executor for all tests that need nothing special.
var shared struct {
	once sync.Once
	dir  string
	*Executor
	err error
}

func TestMain(m *testing.M) {
	if os.Getenv(remoteHelperName) != "" {
		remoteHelper()
		return
	}
	if os.Getenv(helperName) != "" {
		helper()
		return
	}
	code := m.Run()
	if shared.Executor != nil {
		shared.Close()
	}
	_ = os.RemoveAll(shared.dir)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func sharedExecutor(t testing.TB) *Executor {
	t.Helper()
	shared.once.Do(func() {
		var c Config
		if c, shared.dir, shared.err = testConfig(Config{WarmMin: 1, WarmMax: 2, StopGrace: time.Minute}); shared.err == nil {
			shared.Executor, shared.err = New(c)
		}
	})
	require.NoError(t, shared.err)
	return shared.Executor
}

// newTestExecutor makes an executor of the test's own.
func newTestExecutor(t testing.TB, c Config) *Executor {
	t.Helper()
	c, dir, err := testConfig(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	e, err := New(c)
	require.NoError(t, err)
	t.Cleanup(e.Close)
	return e
}

// testConfig adds the real engine, the account for scripts where the test runs
// as root, and a work directory that it can reach, unlike t.TempDir.
func testConfig(c Config) (Config, string, error) {
	var err error
	if c.Engine, err = runtime.Find(context.Background()); err != nil {
		return c, "", err
	}
	if os.Geteuid() == 0 {
		a, _, err := account.Ensure(RunAccount)
		if err != nil {
			return c, "", err
		}
		c.Account = &a
	}
	dir, err := os.MkdirTemp("", "epo-executor-test-")
	if err != nil {
		return c, "", err
	}
	if c.WorkDir == "" {
		c.WorkDir = filepath.Join(dir, "work")
	}
	return c, dir, os.Chmod(dir, 0o711)
}

// outcome is everything that came of a run.
type outcome struct {
	records []api.Record
	result  api.Result
}

// runScript runs a script and checks what holds for every run.
func runScript(t testing.TB, e *Executor, script string, r Request) outcome {
	t.Helper()
	return runContext(t, t.Context(), e, script, r)
}

func runContext(t testing.TB, ctx context.Context, e *Executor, script string, r Request) outcome {
	t.Helper()
	r.Script = []byte(script)
	if r.ScriptName == "" {
		r.ScriptName = "test"
	}
	var o outcome
	o.result = e.Run(ctx, r, func(rec api.Record) { o.records = append(o.records, rec) })
	for i, rec := range o.records {
		require.Equal(t, int64(i+1), rec.Seq, "numbers have no gap")
		require.False(t, rec.Time.IsZero())
	}
	require.Equal(t, o.result.State == api.StateSucceeded, o.result.Error == nil)
	return o
}

func (o outcome) texts(stream string) []string {
	list := []string{}
	for _, r := range o.records {
		if r.Stream == stream {
			list = append(list, r.Text)
		}
	}
	return list
}

// strings gives the string form of all emitted objects.
func (o outcome) strings() []string {
	list := []string{}
	for _, r := range o.records {
		if r.Stream == api.StreamObject {
			var v struct{ String string }
			_ = json.Unmarshal(r.Object, &v)
			list = append(list, v.String)
		}
	}
	return list
}

func (o outcome) streams() []string {
	list := []string{}
	for _, r := range o.records {
		list = append(list, r.Stream)
	}
	return list
}

func (o outcome) exitCode() int {
	if o.result.ExitCode == nil {
		return -999
	}
	return *o.result.ExitCode
}

func (o outcome) code() string {
	if o.result.Error == nil {
		return ""
	}
	return o.result.Error.Code
}

// helperName makes this test binary an agent that can be killed.
const helperName = "EPO_TEST_EXECUTOR"

// helper runs a script that leaves a child behind, says so, and waits.
func helper() {
	c, dir, err := testConfig(Config{WorkDir: os.Getenv(helperName), WarmMin: 1})
	_ = os.Remove(dir)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	e, err := New(c)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	script := "Start-Process setsid -ArgumentList 'sleep', '" + os.Args[len(os.Args)-1] + "'; Start-Sleep -Milliseconds 500; 'go'; Start-Sleep 600"
	e.Run(context.Background(), Request{Script: []byte(script)}, func(r api.Record) {
		if r.Stream == api.StreamOutput {
			fmt.Println(r.Text)
		}
	})
}

// remoteHelperName makes this binary play an agent that runs a script over SSH.
const remoteHelperName = "EPO_EXECUTOR_TEST_REMOTE"

// remoteHelper is the agent of TestAgentDeathLeavesNoRemoteEngine.
func remoteHelper() {
	parts := strings.Split(os.Getenv(remoteHelperName), "|")
	spec, err := api.ParseTargetURL(parts[0])
	if err == nil {
		_, err = Exec(context.Background(), ExecOptions{
			ScriptPath: parts[1], Target: spec, Identities: parts[2], KnownHosts: parts[3:], Out: os.Stdout, ErrOut: os.Stderr,
		})
	}
	if err != nil {
		panic(err)
	}
}
