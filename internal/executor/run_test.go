package executor

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp"
)

func TestRunRecordsEveryStreamInOrder(t *testing.T) {
	t.Parallel()
	o := runScript(t, sharedExecutor(t), `
'text'
Write-Host 'a' -NoNewline -ForegroundColor Red; Write-Host 'b'
Write-Warning 'w'
Write-Verbose 'v' -Verbose
Write-Debug 'd' -Debug
Write-Information 'i' -Tags x, y
Write-Error 'e' -ErrorId My.Id -Category InvalidData -TargetObject 'tgt'
Write-Progress -Activity act -Status st -PercentComplete 40 -Id 3
[Console]::WriteLine('never shown')
$Host.UI.WriteLine('direct')
5
`, Request{})
	require.Equal(t, api.StateSucceeded, o.result.State, "%+v", o.result.Error)
	require.Equal(t, 0, o.exitCode())
	require.Equal(t, []string{
		"output", "object", "information", "information", "host", "warning", "verbose", "debug", "information",
		"error", "progress", "host", "output", "object",
	}, o.streams())
	require.Equal(t, []string{"text", "5"}, o.texts(api.StreamOutput))
	require.Equal(t, []string{"ab", "direct"}, o.texts(api.StreamHost))
	require.Equal(t, []string{"w"}, o.texts(api.StreamWarning))
	require.Equal(t, []string{"a", "b", "i"}, o.texts(api.StreamInformation))
	require.JSONEq(t, `{"type":"System.Int32","string":"5","value":5}`, string(o.records[13].Object))
	require.JSONEq(t, `{"tags":["x","y"],"source":`+jsonText(sourceOf(t, o.records[8]))+`,"type":"System.String"}`, string(o.records[8].Object))
	require.JSONEq(t, `{"activity":"act","activity_id":3,"parent_activity_id":-1,"status":"st","percent":40,"seconds_remaining":-1,"completed":false}`, string(o.records[10].Object))

	var e api.ErrorInfo
	require.NoError(t, json.Unmarshal(o.records[9].Object, &e))
	require.Equal(t, "e", e.Message)
	require.Equal(t, "My.Id,test.ps1", e.ErrorID)
	require.Equal(t, "InvalidData", e.Category)
	require.Equal(t, "tgt", e.TargetName)
	require.Equal(t, 8, e.Line)
	require.Equal(t, "Write-Error: test.ps1:8\nLine |\n   8 | Write-Error 'e' -ErrorId My.Id -Category InvalidData -TargetObject 'tgt'\n     | e", o.records[9].Text)
}

func jsonText(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func sourceOf(t *testing.T, r api.Record) string {
	t.Helper()
	var i informationData
	require.NoError(t, json.Unmarshal(r.Object, &i))
	return i.Source
}

func TestRunShowsWhereAnErrorIs(t *testing.T) {
	t.Parallel()
	o := runScript(t, sharedExecutor(t), "function f {\n    Get-Item -LiteralPath /none\n}\nf\n1/0", Request{})
	require.Equal(t, []string{
		"Get-Item: test.ps1:2\nLine |\n   2 |     Get-Item -LiteralPath /none\n     |     ~~~~~~~~~~~~~~~~~~~~~~~~~~~\n     | Cannot find path '/none' because it does not exist.",
		"RuntimeException: test.ps1:5\nLine |\n   5 | 1/0\n     | ~~~\n     | Attempted to divide by zero.",
	}, o.texts(api.StreamError))
	var e api.ErrorInfo
	require.NoError(t, json.Unmarshal(o.records[0].Object, &e))
	require.Equal(t, 2, e.Line)
	require.Contains(t, e.StackTrace, "at f, ")
	require.Equal(t, "System.Management.Automation.ItemNotFoundException", e.Exception)
	require.Equal(t, "PathNotFound,Microsoft.PowerShell.Commands.GetItemCommand", e.ErrorID)
}

func TestRunFormatsLikeAConsole(t *testing.T) {
	t.Parallel()
	o := runScript(t, sharedExecutor(t), `
[pscustomobject]@{ Name = 'one'; Size = 1 }
[pscustomobject]@{ Name = 'two'; Size = 22 } | Format-List
`+"\"a`nb\"", Request{})
	require.Equal(t, []string{"@{Name=one; Size=1}", "a\nb"}, o.strings(), "format objects are text only")
	require.Equal(t, "\nName Size\n---- ----\none     1\n\nName : two\nSize : 22\n\na\nb", strings.TrimRight(strings.Join(trimEnd(squeeze(o.texts(api.StreamOutput))), "\n"), "\n"))
}

// TestRunSurvivesTheFormatter has an object that no formatter can take.
func TestRunSurvivesTheFormatter(t *testing.T) {
	t.Parallel()
	o := runScript(t, sharedExecutor(t), "$l = [Collections.ArrayList]::new(); [void]$l.Add('x'); [void]$l.Add($l); 'a'; ,$l; 'b'", Request{})
	require.Equal(t, []string{"a", "x System.Collections.ArrayList", "b"}, o.strings())
	require.Empty(t, o.texts(api.StreamError))
	require.Equal(t, "b", o.texts(api.StreamOutput)[len(o.texts(api.StreamOutput))-1])
}

// squeeze makes runs of empty lines one.
func squeeze(lines []string) []string {
	var out []string
	for _, l := range lines {
		l = strings.TrimRight(l, " ")
		if l == "" && len(out) > 0 && out[len(out)-1] == "" {
			continue
		}
		out = append(out, l)
	}
	return out
}

// TestRunResult is the rule for state and exit code.
func TestRunResult(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script, state, code string
		exit                int
		out                 string
	}{
		"nothing":               {"", "succeeded", "", 0, ""},
		"exit 0":                {"'a'; exit; 'b'", "succeeded", "", 0, "a"},
		"exit 3":                {"'a'; exit 3; 'b'", "failed", "script_exit", 3, "a"},
		"exit in a function":    {"function f { exit 4 }; f; 'b'", "failed", "script_exit", 4, ""},
		"exit -1":               {"exit -1", "failed", "script_exit", -1, ""},
		"exit 256":              {"exit 256", "failed", "script_exit", 256, ""},
		"exit after throw":      {"try { throw 'x' } finally { 'f' }", "failed", "script_error", 1, "f"},
		"exit of another file":  {"'exit 5' > $PSScriptRoot/o.ps1; & $PSScriptRoot/o.ps1; \"$LASTEXITCODE\"", "succeeded", "", 0, "5"},
		"throw":                 {"'a'; throw 'bad'; 'b'", "failed", "script_error", 1, "a"},
		"stop preference":       {"$ErrorActionPreference = 'Stop'; 'a'; Get-Item /none; 'b'", "failed", "script_error", 1, "a"},
		"write-error":           {"Write-Error e; 'b'", "succeeded", "", 0, "b"},
		"statement error":       {"1/0; 'b'", "succeeded", "", 0, "b"},
		"unknown command":       {"nosuchcommand; 'b'", "succeeded", "", 0, "b"},
		"native 7":              {"sh -c 'exit 7'; \"$LASTEXITCODE\"", "succeeded", "", 0, "7"},
		"parse error":           {"'a'\nif (", "failed", "script_error", 1, ""},
		"requires":              {"#Requires -Version 99.0\n'a'", "failed", "script_error", 1, ""},
		"stopped from within":   {"'a'; throw [System.Management.Automation.PipelineStoppedException]::new(); 'b'", "failed", "script_error", 1, "a"},
		"byte order mark":       {"\ufeff'é'", "succeeded", "", 0, "é"},
		"carriage returns":      {"'a'\r\n'b'\r\nexit 2\r\n", "failed", "script_exit", 2, "a b"},
		"prompt":                {"try { Read-Host 'name' } catch { 'refused' }", "succeeded", "", 0, "refused"},
		"mandatory in function": {"function f { param([Parameter(Mandatory)]$X) $X }; f; 'b'", "succeeded", "", 0, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := runScript(t, sharedExecutor(t), c.script, Request{})
			require.Equal(t, c.state, o.result.State, "%+v", o.result.Error)
			require.Equal(t, c.code, o.code())
			require.Equal(t, c.exit, o.exitCode())
			require.Equal(t, c.out, strings.Join(o.strings(), " "))
			if c.code == "script_error" && name != "stopped from within" {
				require.Len(t, o.texts(api.StreamSystem), 1, "the log says why")
				require.Empty(t, o.texts(api.StreamError), "once")
			}
		})
	}
}

func TestRunParameters(t *testing.T) {
	t.Parallel()
	const advanced = `[CmdletBinding()] param([Parameter(Mandatory)][string]$Name, [ValidateRange(1,5)][int]$Level = 1, [Alias('Srv')][string[]]$Server, [switch]$Force, [datetime]$When)
"$Name|$Level|$($Server -join ',')|$Force|$($When.Year)"`
	const simple = `param($A, [Alias('Bee')]$B, $Cee) "$($A.GetType().FullName)|$B|$Cee|$($args.Count)"`
	for name, c := range map[string]struct {
		script, params, out, rejected string
	}{
		"all types":           {advanced, `{"name":"n","Level":"3","server":["a","b"],"force":true,"when":"2026-11-05"}`, "n|3|a,b|True|2026", ""},
		"alias and false":     {advanced, `{"Name":"n","srv":"x","Force":false}`, "n|1|x|False|", ""},
		"wrong type":          {advanced, `{"Name":"n","Level":"many"}`, "", "Level"},
		"not valid":           {advanced, `{"Name":"n","Level":9}`, "", "Level"},
		"unknown, advanced":   {advanced, `{"Name":"n","Nope":1}`, "", "Nope"},
		"missing":             {advanced, `{}`, "", "Name"},
		"unknown, simple":     {simple, `{"A":1,"Nope":2}`, "", "Nope"},
		"no param block":      {`"$args"`, `{"Nope":2}`, "", "Nope"},
		"prefix, alias":       {simple, `{"a":1,"bee":2,"Ce":3}`, "System.Int32|2|3|0", ""},
		"long":                {simple, `{"a":5000000000}`, "System.Int64|||0", ""},
		"huge":                {simple, `{"a":123456789012345678901234}`, "System.Decimal|||0", ""},
		"double":              {simple, `{"a":1.0}`, "System.Double|||0", ""},
		"long fraction":       {`param($A) "$($A.GetType()) $A"`, `{"a":-0.12345678901234567890}`, "decimal -0.12345678901234567890", ""},
		"fraction that fits":  {`param($A) "$($A.GetType()) $($A.ToString('R'))"`, `{"a":3.141592653589793}`, "double 3.141592653589793", ""},
		"fraction as double":  {`param([double]$A) "$($A.GetType()) $A"`, `{"a":0.30000000000000001}`, "double 0.3", ""},
		"hashtable":           {`param($A) "$($A.GetType().Name) $($A.x.y -join ',')"`, `{"a":{"x":{"y":[1,2]}}}`, "Hashtable 1,2", ""},
		"array":               {`param($A) "$($A.GetType().Name) $($A.Count) $($A[1].GetType().Name)"`, `{"a":["x",2,null]}`, "Object[] 3 Int32", ""},
		"empty array":         {`param($A) "$($A.GetType().Name) $($A.Count)"`, `{"a":[]}`, "Object[] 0", ""},
		"null":                {`param($A = 5) "$($null -eq $A)"`, `{"a":null}`, "True", ""},
		"text is not code":    {simple, `{"a":"$(throw 1); exit 9 # ' \" \u0000 😀"}`, "System.String|||0", ""},
		"dynamic parameter":   {"[CmdletBinding()] param() dynamicparam { $d = [System.Management.Automation.RuntimeDefinedParameterDictionary]::new(); $c = [System.Collections.ObjectModel.Collection[Attribute]]::new(); $c.Add([Parameter]::new()); $d.Add('Dyn', [System.Management.Automation.RuntimeDefinedParameter]::new('Dyn', [string], $c)); $d } end { \"dyn $($PSBoundParameters.Dyn)\" }", `{"Dyn":"x"}`, "dyn x", ""},
		"common parameter":    {advanced, `{"Name":"n","Verbose":true}`, "n|1||False|", ""},
		"not an object":       {simple, `[1]`, "", "-"},
		"not JSON":            {simple, `{"a":`, "", "a"},
		"twice":               {simple, `{"a":1,"A":2}`, "", "A"},
		"no name":             {simple, `{"":1}`, "", "-"},
		"too deep":            {simple, `{"a":` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `}`, "", "a"},
		"more than one value": {simple, `{"a":1} {}`, "", "-"},
		"too large a number":  {simple, `{"a":1e999}`, "", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := runScript(t, sharedExecutor(t), c.script, Request{Parameters: []byte(c.params)})
			if c.rejected != "" {
				require.Equal(t, api.StateFailed, o.result.State)
				require.Equal(t, api.CodeParameterRejected, o.code(), "%+v", o.result.Error)
				require.Equal(t, strings.Trim(c.rejected, "-"), o.result.Error.Parameter)
				require.Contains(t, strings.ToLower(o.result.Error.Message), strings.ToLower(o.result.Error.Parameter))
				require.Empty(t, o.strings(), "nothing of the script ran")
				return
			}
			require.Equal(t, api.StateSucceeded, o.result.State, "%+v", o.result.Error)
			require.Equal(t, []string{c.out}, o.strings())
		})
	}
}

func TestRunAsAFile(t *testing.T) {
	t.Parallel()
	o := runScript(t, sharedExecutor(t), "$MyInvocation.MyCommand.Name\n$PSCommandPath -eq (Join-Path $PSScriptRoot $MyInvocation.MyCommand.Name)\n"+
		"$PWD.Path -eq [Environment]::CurrentDirectory\n(Get-ChildItem -Force).Count\n(Get-FileHash -LiteralPath $PSCommandPath).Hash", Request{ScriptName: "a b [1] 'é' $x.ps1"})
	require.Equal(t, api.StateSucceeded, o.result.State, "%+v", o.result.Error)
	script := "$MyInvocation.MyCommand.Name\n$PSCommandPath -eq (Join-Path $PSScriptRoot $MyInvocation.MyCommand.Name)\n" +
		"$PWD.Path -eq [Environment]::CurrentDirectory\n(Get-ChildItem -Force).Count\n(Get-FileHash -LiteralPath $PSCommandPath).Hash"
	sum := sha256.Sum256([]byte(script))
	require.Equal(t, []string{"a b [1] 'é' $x.ps1", "True", "True", "0", strings.ToUpper(hex.EncodeToString(sum[:]))}, o.strings())
}

func TestRunRefusesOtherBytes(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("'approved'"))
	want := hex.EncodeToString(sum[:])
	o := runScript(t, sharedExecutor(t), "'approved' ", Request{SHA256: want})
	require.Equal(t, api.CodeDigestMismatch, o.code())
	require.Empty(t, o.records)
	o = runScript(t, sharedExecutor(t), "'approved'", Request{SHA256: strings.ToUpper(want)})
	require.Equal(t, []string{"approved"}, o.strings())
}

func TestRunWithoutEngine(t *testing.T) {
	t.Parallel()
	e, err := New(Config{WorkDir: t.TempDir(), WarmMin: 1})
	require.NoError(t, err)
	defer e.Close()
	o := runScript(t, e, "'a'", Request{})
	require.Equal(t, api.CodeRuntimeMissing, o.code())
	require.Equal(t, "none", e.Isolation())
}

func TestRunEngineThatDoesNotStart(t *testing.T) {
	t.Parallel()
	e, err := New(Config{WorkDir: t.TempDir(), OpenTimeout: 2 * time.Second})
	require.NoError(t, err)
	defer e.Close()
	e.engine.Path = "/bin/cat"
	o := runScript(t, e, "'a'", Request{})
	require.Equal(t, api.CodeEngineDied, o.code())
	e.engine.Path = "/nonexistent/pwsh"
	o = runScript(t, e, "'a'", Request{})
	require.Equal(t, api.CodeEngineDied, o.code())
	require.Contains(t, o.result.Error.Message, "no such file")
}

// TestRunOddText: NUL, bytes that are no UTF-8, surrogates and control
// characters come through every stream as JSON that can be read.
func TestRunOddText(t *testing.T) {
	t.Parallel()
	o := runScript(t, sharedExecutor(t), `
"a$([char]0)b"
"$([char]0xD83D)x"
printf 'x\0y\377z\n'
sh -c "printf 'e\0r\376r\n' 1>&2"
Start-Process -FilePath printf -ArgumentList 'p\0q\375r\n' -Wait
Write-Warning "w$([char]0)"
"$([char]27)[31mred"
`, Request{})
	require.Equal(t, api.StateSucceeded, o.result.State, "%+v", o.result.Error)
	require.Equal(t, "a\x00b", o.strings()[0])
	require.Contains(t, string(o.records[3].Object), `"value":"\ud83dx"`)
	require.Equal(t, "x\x00y\ufffdz", o.strings()[2])
	require.Contains(t, o.texts(api.StreamHost), "p\x00q\ufffdr")
	require.Equal(t, []string{"w\x00"}, o.texts(api.StreamWarning))
	for _, r := range o.records {
		b, err := json.Marshal(r)
		require.NoError(t, err)
		require.NotContains(t, string(b), "\x00")
		var back api.Record
		require.NoError(t, json.Unmarshal(b, &back))
	}
}

func TestRunEnvironmentIsFixed(t *testing.T) {
	t.Parallel()
	o := runScript(t, sharedExecutor(t), "(Get-ChildItem env:).Name | Sort-Object\n", Request{})
	allowed := []string{"PATH", "HOME", "TMPDIR", "LANG", "TERM", "NO_COLOR", "POWERSHELL_TELEMETRY_OPTOUT", "POWERSHELL_UPDATECHECK",
		"POWERSHELL_DIAGNOSTICS_OPTOUT", "DOTNET_EnableDiagnostics", "DOTNET_ROOT", markName, "USER", "LOGNAME", "TZ", "PSModulePath"}
	require.Subset(t, allowed, o.strings())
	require.Contains(t, o.strings(), "HOME")
}

// TestRunSeesAFreshSession compares a warmed process with a cold one: nothing
// of the warm-up may be visible.
func TestRunSeesAFreshSession(t *testing.T) {
	t.Parallel()
	const script = `
(Get-Variable -Scope Global).Name -notmatch '^(_|args|input|MyInvocation|PSBoundParameters|PSCommandPath|PSScriptRoot|this|foreach|switch|Matches|StackTrace|\^|\$|\?)$' -join ','
(Get-ChildItem function:).Name -join ','
(Get-Alias).Count
$Error.Count
(Get-Job).Count
(Get-EventSubscriber).Count
$null -eq $LASTEXITCODE
(Get-ChildItem -Recurse $env:HOME, $env:TMPDIR -File).Count
(Get-PSBreakpoint).Count
"$ErrorActionPreference $VerbosePreference"
`
	cold := newTestExecutor(t, Config{})
	warm := newTestExecutor(t, Config{WarmMin: 1})
	require.Eventually(t, func() bool { return warm.Warm() == 1 }, time.Minute, 10*time.Millisecond)
	want := runScript(t, cold, script, Request{})
	got := runScript(t, warm, script, Request{})
	require.Equal(t, want.strings(), got.strings())
	require.Len(t, got.strings(), 10)
}

func TestRunLeavesNoFiles(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{})
	outside := e.config.WorkDir + "-outside"
	require.NoError(t, os.Mkdir(outside, 0o777))
	require.NoError(t, os.Chmod(outside, 0o777))
	require.NoError(t, os.WriteFile(outside+"/keep", nil, 0o666))
	o := runScript(t, e, `
New-Item -ItemType Directory closed/inner | Out-Null
'x' > closed/inner/file
chmod 000 closed/inner closed
ln -s '`+outside+`' $env:HOME/link
ln -s / $env:TMPDIR/root
'y' > $env:TMPDIR/left
`, Request{})
	require.Equal(t, api.StateSucceeded, o.result.State)
	entries, err := os.ReadDir(e.dir)
	require.NoError(t, err)
	require.Empty(t, entries)
	require.FileExists(t, outside+"/keep", "links are not followed")
}

// TestExitWithoutTheFlag: where the engine does not let the flag be set, the
// number of `exit N` comes from $LASTEXITCODE.
func TestExitWithoutTheFlag(t *testing.T) {
	t.Parallel()
	e := sharedExecutor(t)
	for script, want := range map[string]int{"exit 7": 7, "'a'": 0} {
		w, err := e.warm.take(t.Context())
		require.NoError(t, err)
		a := &attempt{
			executor: e, request: Request{Script: []byte(script)},
			recorder: &recorder{emit: func(api.Record) {}, now: time.Now},
		}
		_, err = a.pre(t.Context(), w)
		require.NoError(t, err)
		_, err = w.quiet(t.Context(), localScript(strings.ReplaceAll(preScript, "($x, $true)", "($x, $false)"),
			psrp.Parameter{Name: "Location", Value: w.dir.work}))
		require.NoError(t, err)
		w.flag = false
		result := a.main(t.Context(), w)
		a.finish(w)
		require.Equal(t, want, *result.ExitCode)
	}
}
