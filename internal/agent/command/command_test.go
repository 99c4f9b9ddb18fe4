package command

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

type outcome struct {
	out, err string
	code     int
}

func run(stdin string, args ...string) outcome {
	var out, errs bytes.Buffer
	code := Main(args, Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs})
	return outcome{out.String(), errs.String(), code}
}

func script(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hello.ps1")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestHelpTellsHowToBegin(t *testing.T) {
	t.Parallel()
	o := run("", "--help")
	require.Zero(t, o.code)
	for _, word := range []string{"epo-agent enroll --server", "epo-agent doctor", "epo-agent run", "exec", "--config"} {
		require.Contains(t, o.out, word)
	}
	for verb, flag := range map[string]string{"enroll": "--token-stdin", "run": "--drain-timeout", "exec": "--params-json", "doctor": "--json"} {
		o := run("", verb, "--help")
		require.Zero(t, o.code)
		require.Contains(t, o.out, flag, verb)
	}
}

func TestMistakesAreErrorsWithAWayOut(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"rnu"}, "unknown command"},
		{[]string{"run", "--nope"}, "unknown flag"},
		{[]string{"run", "--state", state}, "epo-agent enroll"},
		{[]string{"run", "--state", state, "--log-level", "loud"}, "debug, info, warn or error"},
		{[]string{"run", "--state", state, "--log-format", "xml"}, "text or json"},
		{[]string{"enroll", "--state", state}, "epo agent enroll-token"},
		{[]string{"enroll", "--state", state, "--token", "x", "--server", "http://example.com"}, "use https"},
		{[]string{"enroll", "--state", state, "--token", "x", "--server", "http://127.0.0.1:1"}, "is the server running"},
		{[]string{"exec"}, "--script"},
		{[]string{"exec", "--script", filepath.Join(state, "none.ps1")}, "none.ps1"},
		{[]string{"exec", "--script", "x", "--param", "=1"}, "name=value"},
		{[]string{"exec", "--script", "x", "--params-json", filepath.Join(state, "none.json")}, "none.json"},
		{[]string{"run", "--config", filepath.Join(state, "none.json")}, "read settings"},
	} {
		o := run("", c.args...)
		require.Equal(t, 1, o.code, "%v", c.args)
		require.Contains(t, o.err, c.want, "%v", c.args)
		require.Empty(t, o.out, "%v", c.args)
	}
}

func TestFlagWinsOverEnvironmentAndEnvironmentOverFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "agent.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"capacity": 3, "server": "https://file", "state": "/file", "drain-timeout": "5s"}`), 0o600))
	cmd := newRun()
	cmd.Flags().String("config", "", "")
	require.NoError(t, cmd.Flags().Set("config", file))
	require.NoError(t, cmd.Flags().Set("state", "/flag"))
	env := map[string]string{"EPO_AGENT_SERVER": "https://env", "EPO_AGENT_STATE": "/env", "EPO_AGENT_WARM_MIN": "2"}
	require.NoError(t, applySettings(cmd, func(name string) string { return env[name] }))
	for name, want := range map[string]string{"state": "/flag", "server": "https://env", "capacity": "3", "drain-timeout": "5s", "warm-min": "2"} {
		require.Equal(t, want, cmd.Flag(name).Value.String(), name)
	}
}

func TestSettingsThatMakeNoSenseAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"capcity": 3}`:         `"capcity"`,
		`{"capacity": "many"}`:   "capacity",
		`[]`:                     "read settings",
		`{"token": "in a file"}`: `"token"`,
	} {
		file := filepath.Join(t.TempDir(), "agent.json")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		cmd := newRun()
		cmd.Flags().String("config", file, "")
		require.ErrorContains(t, applySettings(cmd, func(string) string { return "" }), want, text)
	}
}

func TestEverySettingIsAFlagOfRun(t *testing.T) {
	t.Parallel()
	commands := []*cobra.Command{newRun(), newEnroll()}
	for _, name := range settingNames() {
		require.True(t, commands[0].Flag(name) != nil || commands[1].Flag(name) != nil, name)
	}
}

// enrollServer answers an enrollment and every token request.
func enrollServer(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/auth/agent/enroll":
			var e api.Enrollment
			json.NewDecoder(r.Body).Decode(&e)
			if e.Token != "one-time" {
				w.WriteHeader(http.StatusUnauthorized)
				w.Write([]byte(`{"code":"enrollment_token_invalid","message":"the token is not valid"}`))
				return
			}
			w.WriteHeader(http.StatusCreated)
			json.NewEncoder(w).Encode(api.Enrolled{AgentID: "a", TenantID: "t", Pool: "default", Name: e.Name})
		case "/auth/agent/token":
			w.Write([]byte(`{"access_token":"t","expires_in":600}`))
		case "/healthz":
			w.Write([]byte(`{}`))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestEnrollThenDoctor(t *testing.T) {
	t.Parallel()
	s := enrollServer(t)
	state := filepath.Join(t.TempDir(), "state")
	o := run("wrong", "enroll", "--server", s.URL, "--state", state, "--token-stdin")
	require.Equal(t, 1, o.code)
	require.Contains(t, o.err, "epo agent enroll-token")
	o = run(" one-time\n", "enroll", "--server", s.URL, "--state", state, "--name", "web-01", "--token-stdin")
	require.Zero(t, o.code, o.err)
	require.Contains(t, o.out, "Enrolled as web-01 in pool default")
	require.Contains(t, o.out, "epo-agent run --state "+state)
	o = run("one-time", "enroll", "--server", s.URL, "--state", state, "--token-stdin")
	require.Equal(t, 1, o.code)
	require.Contains(t, o.err, "--replace")

	checks := doctorChecks(t, "--state", state)
	for _, name := range []string{"identity", "state folder", "server", "clock", "sign-in", "powershell", "work folder"} {
		require.Equal(t, checkOK, checks[name].Status, "%s: %+v", name, checks[name])
	}
	require.NoError(t, os.Chmod(filepath.Join(state, "signing.key"), 0o644))
	require.Equal(t, checkFail, doctorChecks(t, "--state", state)["identity"].Status)
}

func doctorChecks(t *testing.T, args ...string) map[string]check {
	t.Helper()
	o := run("", append([]string{"doctor", "--json"}, args...)...)
	var list []check
	require.NoError(t, json.Unmarshal([]byte(o.out), &list), "%s%s", o.out, o.err)
	checks, failed := map[string]check{}, false
	for _, c := range list {
		checks[c.Name] = c
		failed = failed || c.Status == checkFail
		if c.Status != checkOK {
			require.NotEmpty(t, c.Advice, "%s says what to do", c.Name)
		}
	}
	require.Equal(t, failed, o.code == 1)
	return checks
}

func TestDoctorWithoutAnything(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	checks := doctorChecks(t, "--state", state)
	require.Equal(t, checkFail, checks["identity"].Status)
	require.Equal(t, checkFail, checks["server"].Status)
	require.NoDirExists(t, state, "nothing is changed")
	o := run("", "doctor", "--state", state)
	require.Contains(t, o.out, "fail  identity")
	require.Contains(t, o.out, "→ make a token with `epo agent enroll-token`")
	require.Equal(t, checkFail, doctorChecks(t, "--state", state, "--server", "http://127.0.0.1:1")["server"].Status)
}

func TestExecRunsAScript(t *testing.T) {
	t.Parallel()
	text := "param([string]$Name, [int]$Times, [switch]$Loud)\n1..$Times | ForEach-Object { \"$Name $Loud\" }\nexit 3\n"
	file := script(t, text)
	values := filepath.Join(t.TempDir(), "values.json")
	require.NoError(t, os.WriteFile(values, []byte(`{"Name":"from file","times":9}`), 0o600))
	o := run("", "exec", "--script", file, "--params-json", values, "--param", "Times=2", "--param", "Loud")
	require.Equal(t, 3, o.code, o.err)
	require.Equal(t, "from file True\nfrom file True\n", o.out)

	o = run("", "exec", "--script", file, "--param", "Name=x", "--param", "Times=1", "--json")
	require.Equal(t, 3, o.code)
	lines := strings.Split(strings.TrimSpace(o.out), "\n")
	var last struct{ Result api.Result }
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	require.Equal(t, 3, *last.Result.ExitCode)
	for i, line := range lines[:len(lines)-1] {
		var r api.Record
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		require.Equal(t, int64(i+1), r.Seq)
	}
}
