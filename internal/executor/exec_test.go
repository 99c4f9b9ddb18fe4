package executor

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

func writeScript(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hello.ps1")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestExecJSON(t *testing.T) {
	t.Parallel()
	var out, errOut bytes.Buffer
	code, err := Exec(t.Context(), ExecOptions{
		ScriptPath: writeScript(t, "param($Name, [int]$N)\n$N; Write-Warning \"<$Name>\"; $MyInvocation.MyCommand.Name; exit $N"), JSON: true,
		ParamsJSON: []byte(`{"name":"x","N":5}`),
		Out:        &out, ErrOut: &errOut, Account: RunAccount,
	})
	require.NoError(t, err)
	require.Equal(t, 5, code)
	require.Empty(t, errOut.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 6)
	require.Regexp(t, `^\{"seq":1,"time":"[-0-9T:.]+Z","stream":"output","text":"5"\}$`, lines[0])
	require.Regexp(t, `^\{"seq":2,"time":"[-0-9T:.]+Z","stream":"object","object":\{"type":"System.Int32","string":"5","value":5\}\}$`, lines[1])
	require.Contains(t, lines[2], `"stream":"warning","text":"<x>"`)
	require.Contains(t, lines[3], `"hello.ps1"`)
	require.Equal(t, `{"result":{"state":"failed","exit_code":5,"error":{"code":"script_exit","message":"the script ended with exit code 5"}}}`, lines[5])
}

func TestExecText(t *testing.T) {
	t.Parallel()
	var out, errOut bytes.Buffer
	code, err := Exec(t.Context(), ExecOptions{
		ScriptPath: writeScript(t, "'a'; Write-Host 'h'; Write-Warning 'w'; Write-Error 'e'; Write-Information 'i'; Write-Verbose 'v' -Verbose; throw 'end'"),
		Out:        &out, ErrOut: &errOut, Account: RunAccount,
	})
	require.NoError(t, err)
	require.Equal(t, 1, code)
	require.Equal(t, "a\nh\nWARNING: w\nVERBOSE: v\n", out.String())
	require.Contains(t, errOut.String(), "Write-Error: hello.ps1:1")
	require.Contains(t, errOut.String(), "| end\n")
}

func TestExecRefuses(t *testing.T) {
	t.Parallel()
	_, err := Exec(t.Context(), ExecOptions{ScriptPath: filepath.Join(t.TempDir(), "none.ps1")})
	require.ErrorIs(t, err, os.ErrNotExist)
	var errOut bytes.Buffer
	code, err := Exec(t.Context(), ExecOptions{ScriptPath: writeScript(t, "1"), ParamsJSON: []byte("[1]"), ErrOut: &errOut, Account: RunAccount})
	require.NoError(t, err)
	require.Equal(t, 1, code)
	require.Contains(t, errOut.String(), "not a JSON object")
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("pipe is closed") }

func TestExecTellsThatOutputIsLost(t *testing.T) {
	t.Parallel()
	code, err := Exec(t.Context(), ExecOptions{ScriptPath: writeScript(t, "1"), JSON: true, Out: brokenWriter{}, Account: RunAccount})
	require.ErrorContains(t, err, "pipe is closed")
	require.Equal(t, 0, code)
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	n := func(i int) *int { return &i }
	for _, c := range []struct {
		result api.Result
		want   int
	}{
		{api.Result{State: api.StateSucceeded, ExitCode: n(0)}, 0},
		{api.Result{State: api.StateFailed, ExitCode: n(3)}, 3},
		{api.Result{State: api.StateFailed, ExitCode: n(-1)}, -1},
		{api.Result{State: api.StateFailed, ExitCode: n(256)}, 1},
		{api.Result{State: api.StateFailed}, 1},
		{api.Result{State: api.StateCancelled}, 130},
		{api.Result{State: api.StateTimedOut}, 124},
	} {
		require.Equal(t, c.want, ExitCode(c.result))
	}
}

func TestExecTimeout(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	code, err := Exec(t.Context(), ExecOptions{ScriptPath: writeScript(t, "Start-Sleep 600"), Timeout: time.Second, Out: &out, ErrOut: &out, Account: RunAccount})
	require.NoError(t, err)
	require.Equal(t, 124, code)
	require.Equal(t, "timed_out: stopped after 1s, the time limit of the run\n", out.String())
}
