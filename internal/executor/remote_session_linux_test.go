package executor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// TestRemoteOptions: what a target says about its sessions.
func TestRemoteOptions(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a [b]")
	require.NoError(t, os.Mkdir(dir, 0o755))
	local := &site{target: api.TargetSpec{Kind: api.TargetLocal}, identities: map[string]map[string]any{}}
	for name, at := range map[string]func(t *testing.T) *site{
		"local": func(*testing.T) *site { return local },
		"ssh":   func(t *testing.T) *site { return sshSite(t) },
		"winrm": func(t *testing.T) *site { return winrmSite(t, winrmtest.NTLM) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := at(t)
			e := s.executor(t, Config{})
			run := func(script string, change func(*api.TargetOptions)) outcome {
				target := s.target
				change(&target.Options)
				return runScript(t, e, script, Request{Target: target})
			}
			folder := func(o *api.TargetOptions) { o.WorkingDirectory = dir }
			if s.target.Local() {
				folder = func(o *api.TargetOptions) { o.WorkingDirectory = "/" }
			}
			o := run("\"$PWD\"; [Environment]::CurrentDirectory", folder)
			want := dir
			if s.target.Local() {
				want = "/"
			}
			require.Equal(t, []string{want, want}, o.texts(api.StreamOutput))

			o = run("1", func(o *api.TargetOptions) { o.WorkingDirectory = "/no/such" })
			require.Equal(t, api.CodeTargetUnsupported, o.code())
			require.Contains(t, o.result.Error.Message, "/no/such does not exist")

			o = run("'{0:n2}' -f 1234.5; (Get-Date 2026-03-01).ToString('MMMM'); [cultureinfo]::CurrentCulture.Name", func(o *api.TargetOptions) { o.Culture = "de-DE" })
			require.Equal(t, []string{"1.234,50", "März", "de-DE"}, o.texts(api.StreamOutput))

			colored := "\"a$([char]27)[31mb$([char]27)[0mc\"; Write-Host \"$([char]27)]0;title$([char]7)x\""
			o = run(colored, func(o *api.TargetOptions) { o.ANSI = api.ANSIStrip })
			require.Equal(t, []string{"abc"}, o.texts(api.StreamOutput))
			require.Equal(t, []string{"x"}, o.texts(api.StreamHost))
			o = run(colored, func(o *api.TargetOptions) { o.ANSI = api.ANSIKeep })
			require.Equal(t, []string{"a\x1b[31mb\x1b[0mc"}, o.texts(api.StreamOutput))

			native := "/bin/sh -c 'exit 3'; \"on $LASTEXITCODE\""
			o = run(native, func(*api.TargetOptions) {})
			require.Empty(t, o.texts(api.StreamError))
			o = run(native, func(o *api.TargetOptions) { o.NativeError = api.NativeRecord })
			require.Len(t, o.texts(api.StreamError), 1)
			require.Equal(t, []string{"on 3"}, o.texts(api.StreamOutput))
			require.Equal(t, api.StateSucceeded, o.result.State)
		})
	}
}

// configuration writes a session configuration file and gives the line that
// makes it a subsystem.
func configuration(t *testing.T, name, content string) (line string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".pssc")
	require.NoError(t, os.WriteFile(path, []byte("@{ SchemaVersion = '2.0.0.0'; GUID = 'd34ed20b-4a4c-4a2c-8a45-5e6b0d4c2f10'\n"+content+" }"), 0o644))
	return "Subsystem " + name + " /usr/bin/env HOME=/tmp LANG=C.UTF-8 NO_COLOR=1 TERM=dumb " + strings.Join(powershell(t), " ") + " -sshs -NoLogo -ConfigurationFile " + path
}

// TestEndpointWithoutLanguage: plain commands run there and give objects;
// everything else is refused with its line.
func TestEndpointWithoutLanguage(t *testing.T) {
	t.Parallel()
	s := sshSite(t, configuration(t, "jea", "SessionType = 'RestrictedRemoteServer'; VisibleCmdlets = 'Get-Culture', 'Write-Output'"))
	s.target.Options.Subsystem = "jea"
	e := s.executor(t, Config{})
	o := runScript(t, e, "# a comment\nWrite-Output 'a b', 7 -NoEnumerate | Write-Output; Write-Output -InputObject \"it's\"\n", Request{Target: s.target})
	require.Equal(t, api.StateSucceeded, o.result.State, "%+v", o)
	require.Equal(t, []string{"a b", "7", "it's"}, o.strings(), "%+v", o)
	require.Equal(t, []string{"a b", "7", "it's"}, o.texts(api.StreamOutput))

	o = runScript(t, e, "Write-Output", Request{Target: s.target, Parameters: []byte(`{"InputObject":"given"}`)})
	require.Equal(t, []string{"given"}, o.strings(), "%+v", o)

	o = runScript(t, e, "Write-Output 1\n$x = 2", Request{Target: s.target})
	require.Equal(t, api.CodeTargetUnsupported, o.code())
	require.Contains(t, o.result.Error.Message, `plain commands only (language mode NoLanguage): line 2: "$x" is not a plain command`)
	require.Empty(t, o.records)

	o = runScript(t, e, "Remove-Item /etc/passwd", Request{Target: s.target})
	require.Equal(t, api.StateFailed, o.result.State)
	require.Equal(t, "CommandNotFoundException", o.result.Error.ErrorID, "%+v", o.result.Error)

	r := inspectTarget(t, e, s.target)
	require.True(t, r.OK, "%+v", r)
	require.Contains(t, states(r), "language_mode warning")
}

// TestConstrainedEndpoint: the text of the script runs.
func TestConstrainedEndpoint(t *testing.T) {
	t.Parallel()
	s := sshSite(t, configuration(t, "constrained", "SessionType = 'Default'; LanguageMode = 'ConstrainedLanguage'"))
	s.target.Options.Subsystem = "constrained"
	e := s.executor(t, Config{})
	o := runScript(t, e, "param([int]$N) $x = $N + 1; \"got $x\"; Write-Warning w; 'b' | Select-Object @{ n = 'A'; e = { $x } }, Length; Write-Error e; exit 4", Request{Target: s.target, Parameters: []byte(`{"N":1}`)})
	require.Equal(t, 4, *o.result.ExitCode, "%+v", o)
	require.Equal(t, []string{"got 2", "A : 2", "Length : 1"}, o.texts(api.StreamOutput))
	require.Equal(t, []string{"w"}, o.texts(api.StreamWarning))
	require.Len(t, o.texts(api.StreamError), 1)

	o = runScript(t, e, "[IO.File]::ReadAllText('/etc/hostname')", Request{Target: s.target})
	require.Contains(t, strings.Join(o.texts(api.StreamError), ""), "in this language mode")

	r := inspectTarget(t, e, s.target)
	require.True(t, r.OK, "%+v", r)
	require.Contains(t, states(r), "language_mode warning")
}

// TestIdentitiesFile: it is its owner's alone, or it is not used; what it holds
// is in no message.
func TestIdentitiesFile(t *testing.T) {
	t.Parallel()
	path := identitiesFile(t, map[string]map[string]any{"default": {"user": "ann", "password": "hunter22"}})
	all, err := readIdentities(path)
	require.NoError(t, err)
	require.Equal(t, "hunter22", all["default"].Password)
	require.NoError(t, os.Chmod(path, 0o640))
	_, err = readIdentities(path)
	require.ErrorContains(t, err, "mode 0640")
	require.ErrorContains(t, err, "chmod 600 "+path)
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chmod(path, 0o600))
		require.NoError(t, os.Chown(path, 12345, 0))
		_, err = readIdentities(path)
		require.ErrorContains(t, err, "belongs to user 12345")
		require.ErrorContains(t, err, "chown 0 "+path)
	}
	none, err := readIdentities(filepath.Join(t.TempDir(), "none"))
	require.NoError(t, err)
	require.Empty(t, none)

	for text, want := range map[string]string{
		`{"identities":{"a":{"password":"hunter22","colour":1}}}`: "near line 1",
		"{\n\"identities\":{\"a\":\n{\"password\":5}}}":           "password is of the wrong type, near line 3",
		"{\n\"hunter22\"":                                              "is not JSON",
		`{"identities":{"a":{"user":"x"}}}`:                            "neither password nor key nor agent",
		`{"identities":{"a":null}}`:                                    `entry "a" is empty`,
		`{"identities":{}} {"x":"hunter22"}`:                           "near line 1",
		`{"identities":{"a":{"key_file":"none"}}}`:                     "none",
		`{"identities":{"a":{"password":"hunter22","known_hosts":7}}}`: "known_hosts is a file or a list",
	} {
		path := filepath.Join(t.TempDir(), "identities.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := readIdentities(path)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "hunter22")
	}
}

// TestIdentityIsChosen by the target's option, by its name, or as default.
func TestIdentityIsChosen(t *testing.T) {
	t.Parallel()
	all := identities{"default": {name: "default"}, "web-1": {name: "web-1"}, "other": {name: "other"}}
	for _, c := range []struct{ option, target, want string }{
		{"", "", "default"}, {"", "web-1", "web-1"}, {"", "web-2", "default"}, {"other", "web-1", "other"},
	} {
		id, err := all.choose(api.TargetSpec{Options: api.TargetOptions{Identity: c.option}}, c.target)
		require.NoError(t, err)
		require.Equal(t, c.want, id.name)
	}
	_, err := all.choose(api.TargetSpec{Options: api.TargetOptions{Identity: "gone"}}, "web-1")
	require.ErrorContains(t, err, `no identity "gone"`)
	_, err = identities{}.choose(api.TargetSpec{}, "web-1")
	require.ErrorContains(t, err, `neither an identity "web-1" nor one named "default"`)
}

// TestUnusableIdentitiesFile: a run that needs it fails with what to do, and one
// that does not goes on.
func TestUnusableIdentitiesFile(t *testing.T) {
	t.Parallel()
	path := identitiesFile(t, map[string]map[string]any{"default": {"user": "ann", "password": "hunter22"}})
	require.NoError(t, os.Chmod(path, 0o644))
	e := newTestExecutor(t, Config{Identities: path})
	o := runScript(t, e, "1", Request{Target: api.TargetSpec{Kind: api.TargetSSH, Options: api.TargetOptions{Address: "127.0.0.1"}}})
	require.Equal(t, api.CodeIdentityUnusable, o.code())
	require.Contains(t, o.result.Error.Message, "chmod 600")
	require.Equal(t, api.StateSucceeded, runScript(t, e, "1", Request{}).result.State)
}

func TestParseCommands(t *testing.T) {
	t.Parallel()
	got, err := parseCommands("Get-Thing -Name 'a''b' x,2, \"c d\" -Deep -On:$false |\n  Select-Object -First 3 # no more\n\nOther\\Do-It `\n  -1", nil)
	require.NoError(t, err)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	require.Equal(t, strings.Join(strings.Fields(`[[{"Text":"Get-Thing","P":[["Name","a'b"],["",["x",2,"cd"]],["Deep",true],["On",false]]},
		{"Text":"Select-Object","P":[["First",3]]}],[{"Text":"Other\\Do-It","P":[["",-1]]}]]`), ""), short(text))
	for script, want := range map[string]string{
		"$x = 1": `"$x" is not a plain`, "Get-A; foreach ($i in 1) { }": `"foreach"`, "Get-A (Get-B)": `"(Get-B)"`, "Get-A > f": `">"`,
		"\n\nGet-A \"$x\"": "line 3", "Get-A 'x": "has no end", "": "no command", "# only": "no command", "| Get-A": "missing", "Get-A |": "missing",
		"& Get-A": `"&"`, "Get-A @{ a = 1 }": `"@{"`, "Get-A `x": "not a plain", "Get-A && Get-B": `"&&"`, ". ./x": `"."`, "./run.sh": "not a plain",
		"Get-A || Get-B": "||", "[int]1": "not a plain", "'text'": "not a plain", "Get-A -Name:": "a value is missing",
	} {
		_, err := parseCommands(script, nil)
		require.ErrorContains(t, err, want, script)
	}
	_, err = parseCommands("Get-A; Get-B", got[0][0].Parameters)
	require.ErrorContains(t, err, "one statement")
}

// short leaves out of the JSON of commands what is not set.
func short(text []byte) string {
	var statements [][]struct {
		Text       string
		Parameters []struct {
			Name  string
			Value any
		}
	}
	if err := json.Unmarshal(text, &statements); err != nil {
		return err.Error()
	}
	var b strings.Builder
	b.WriteString("[")
	for i, s := range statements {
		b.WriteString(strings.Repeat(",", min(i, 1)) + "[")
		for j, c := range s {
			b.WriteString(strings.Repeat(",", min(j, 1)) + `{"Text":` + jsonText(c.Text) + `,"P":[`)
			for k, p := range c.Parameters {
				value, _ := json.Marshal(p.Value)
				b.WriteString(strings.Repeat(",", min(k, 1)) + "[" + jsonText(p.Name) + "," + strings.ReplaceAll(string(value), " ", "") + "]")
			}
			b.WriteString("]}")
		}
		b.WriteString("]")
	}
	return b.String() + "]"
}
