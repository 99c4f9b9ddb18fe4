package executor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/runtime"
)

// inspectorOf is a process for many scripts of one test.
func inspectorOf(t *testing.T) *inspector {
	t.Helper()
	i, err := newTestExecutor(t, Config{}).newInspector(t.Context())
	require.NoError(t, err)
	t.Cleanup(i.close)
	return i
}

func (i *inspector) document(t *testing.T, script string) *api.ScriptDocument {
	t.Helper()
	found := i.inspect(t.Context(), []byte(script))
	require.NotNil(t, found.Document, "%+v", found)
	return found.Document
}

// Scripts that follow each other are read by one process, which is gone soon after. One that was too much for it costs the
// next script nothing.
func TestInspectionsShareAProcessForAMoment(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{})
	found := e.InspectScript(t.Context(), []byte("param([int]$Count)"))
	require.NotNil(t, found.Document, "%+v", found)
	require.Equal(t, e.engine.Version, found.Engine.Version)
	require.Equal(t, "Core", found.Engine.Edition)
	require.Equal(t, "Count", found.Document.Parameters[0].Name)
	first := idleInspector(e)
	require.NotNil(t, first)
	require.NotNil(t, e.InspectScript(t.Context(), []byte("param([int]$Count)")).Document)
	require.Equal(t, 2, first.scripts)
	require.Same(t, first, idleInspector(e))

	first.processor = time.Nanosecond // whatever the next script is, it is too much
	require.NotNil(t, e.InspectScript(t.Context(), []byte("1")).Document, "it was read by another process")
	require.NotSame(t, first, idleInspector(e))
	<-first.worker.process.Done()
	second := idleInspector(e)
	second.scripts = inspectorScripts - 1
	require.NotNil(t, e.InspectScript(t.Context(), []byte("1")).Document)
	require.Nil(t, idleInspector(e), "it has read enough")
	left, err := os.ReadDir(e.dir)
	require.NoError(t, err)
	require.Empty(t, left, "its directory")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NotNil(t, e.InspectScript(ctx, []byte("1")).Error)
	e.Close()
	require.Equal(t, api.CodeInternal, e.InspectScript(t.Context(), []byte("1")).Error.Code)
}

func idleInspector(e *Executor) *inspector {
	e.inspectors.mu.Lock()
	defer e.inspectors.mu.Unlock()
	return e.inspectors.idle
}

// An executor that ends, ends the process that waits for another script.
func TestIdleInspectorEndsWithTheExecutor(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{})
	require.NotNil(t, e.InspectScript(t.Context(), []byte("1")).Document)
	process := idleInspector(e).worker.process
	e.Close()
	<-process.Done()
	require.NoDirExists(t, e.dir)
}

// A spare warm process is taken, the last one is left for a run.
func TestInspectionLeavesTheLastWarmProcess(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{})
	require.Nil(t, e.warm.takeSpare())
	one, two := &worker{}, &worker{}
	e.warm.idle = []*worker{one, two}
	e.warm.idle = e.warm.idle[:1]
	require.Nil(t, e.warm.takeSpare())
	require.Len(t, e.warm.idle, 1)
	e.warm.idle = nil
}

func TestConfigurationIsNotInspected(t *testing.T) {
	t.Parallel()
	i := inspectorOf(t)
	for _, script := range []string{
		"configuration Web { Node localhost { File x { DestinationPath = '/x' } } }", "Configuration\nWeb\n{\n}", "CONFIGURATION $name {}",
		"function f { configuration Web { } }", "& { configuration Web { } }", "\"x $(configuration Web { }) y\"", "1; configuration Web { }",
		"if ($x) {\nconfiguration Web { }", "@\"\n$( \"$(configuration Web {})\" )\n\"@", "class A { [void] M() { configuration Web { } } }",
	} {
		found := i.inspect(t.Context(), []byte(script))
		require.Nil(t, found.Document, script)
		require.Equal(t, api.NotInspectedConfiguration, found.NotInspectedReason, script)
		require.NotEmpty(t, found.Engine.Version)
	}
	d := i.document(t, "param([string]$Configuration = 'configuration x { }')\n# configuration Web { }\n@{ Configuration = 1; configuration = @'\nconfiguration X { }\n'@ }\n"+
		"Get-Configuration -Configuration x; echo configuration; $configuration; $x.configuration; 'configuration'")
	require.Equal(t, "configuration x { }", d.Parameters[0].Default.Value, "the text itself is not changed")
}

// No line of a script is run, however it is hidden.
func TestInspectionRunsNothing(t *testing.T) {
	t.Parallel()
	i := inspectorOf(t)
	mark := filepath.Join(i.worker.dir.work, "ran")
	run := "[System.IO.File]::WriteAllText('" + mark + "', 'x')"
	d := i.document(t, fmt.Sprintf(`[CmdletBinding(DefaultParameterSetName = $(%[1]s))]
param(
  [ValidateScript({ %[1]s; $true })][string]$A = $(%[1]s),
  [Parameter(HelpMessage = "$(%[1]s)")][ArgumentCompleter({ %[1]s })]$B = (& { %[1]s }),
  [ValidateSet([Maker])]$C = [Maker]::new(),
  [ValidateRange((%[1]s), 5)]$D = @{ x = %[1]s }
)
dynamicparam { %[1]s }
begin { %[1]s }
end { %[1]s }
`, run))
	require.Len(t, d.Parameters, 4)
	require.True(t, d.DynamicParam)
	for _, p := range d.Parameters {
		require.Equal(t, "expression", p.Default.Kind, p.Name)
	}
	i.document(t, "enum E { A = 1 }\nclass Maker { static [int]$X = $("+run+"); static Maker() { "+run+" } [string] ToString() { "+run+"; return '' } }\n"+run)
	require.NoFileExists(t, mark)
	left, err := os.ReadDir(i.worker.dir.work)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestInspectionReadsEveryEncoding(t *testing.T) {
	t.Parallel()
	i := inspectorOf(t)
	const text = "param([string]$Größe = 'ü😀')\r\nif ("
	units := utf16.Encode([]rune("\ufeff" + text))
	var little, big []byte
	for _, u := range units {
		little = append(little, byte(u), byte(u>>8))
		big = append(big, byte(u>>8), byte(u))
	}
	for name, script := range map[string][]byte{"utf-8": []byte(text), "with mark": []byte("\ufeff" + text), "utf-16 le": little, "utf-16 be": big} {
		found := i.inspect(t.Context(), script)
		require.NotNil(t, found.Document, "%s: %+v", name, found)
		require.Equal(t, "Größe", found.Document.Parameters[0].Name, name)
		require.Equal(t, "ü😀", found.Document.Parameters[0].Default.Value, name)
		require.Equal(t, 2, found.Document.Errors[0].Line, name)
	}
	require.True(t, i.document(t, "param($A)\n'caf\xe9'").OK, "invalid UTF-8 is what the engine makes of it")
}

// What the database cannot hold is replaced: NUL and half characters.
func TestInspectionIsStorable(t *testing.T) {
	t.Parallel()
	i := inspectorOf(t)
	d := i.document(t, "param([string]$A = \"x`0y\", [ValidateSet(\"`u{D800}\", '\\u0000')]$B = 'back\\slash', $C = 9007199254740993, $D = 1e400, $E = 1.5, $F = 0x10)")
	encoded, err := json.Marshal(d)
	require.NoError(t, err)
	require.Equal(t, "x\u2400y", d.Parameters[0].Default.Value)
	require.Equal(t, `\u0000`, d.Parameters[1].Validation[0].Values[1], "a backslash is no escape")
	require.Equal(t, `back\slash`, d.Parameters[1].Default.Value)
	require.Equal(t, "9007199254740993", d.Parameters[2].Default.Value, "more than a double holds is text")
	require.Equal(t, "Infinity", d.Parameters[3].Default.Value)
	require.Equal(t, []any{1.5, 16.0}, []any{d.Parameters[4].Default.Value, d.Parameters[5].Default.Value})
	require.NotContains(t, string(encoded), `"\u0000`)
	require.NotContains(t, string(encoded), `\ud800`)
}

// Whatever is nested, the parser gives up by itself or is ended; it never takes the agent with it.
func TestDeepNestingEndsWithAnAnswer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, script string }{
		{"parentheses", strings.Repeat("(", 200_000) + "1" + strings.Repeat(")", 200_000)},
		{"blocks", strings.Repeat("{", 100_000)},
		{"strings", strings.Repeat(`"$(`, 5_000) + strings.Repeat(`)"`, 5_000)},
		{"hashtables", strings.Repeat("@{a=", 50_000) + "1" + strings.Repeat("}", 50_000)},
		{"operators", strings.Repeat("-", 100_000) + "1"},
		{"chain", "$x" + strings.Repeat(".a", 200_000)},
		{"ifs", strings.Repeat("if(1){", 50_000) + strings.Repeat("}", 50_000)},
		{"types", "[" + strings.Repeat("a[", 50_000)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			found := sharedExecutor(t).InspectScript(t.Context(), []byte(test.script))
			require.Nil(t, found.Error, "%+v", found.Error)
			t.Logf("reason %q, document %v", found.NotInspectedReason, found.Document != nil)
			if found.Document == nil {
				require.Contains(t, []string{api.NotInspectedCrash, api.NotInspectedMemory, api.NotInspectedTimeout}, found.NotInspectedReason)
			}
		})
	}
}

func TestLargeScriptsStayWithinTheLimits(t *testing.T) {
	t.Parallel()
	const size = 5 << 20
	var code strings.Builder
	code.WriteString("param([string]$Name, [int]$Count = 3)\n")
	for n := 0; code.Len() < size-200; n++ {
		fmt.Fprintf(&code, "function Get-Thing%d($Value) { if ($Value -gt %d) { Write-Output \"$Value is more\" } else { $Value + %d } }\n", n, n, n)
	}
	for _, test := range []struct {
		name, script string
		inspected    bool
	}{
		{"data", "param([string]$Name, [int]$Count = 3)\n$data = @'\n" + strings.Repeat(strings.Repeat("QUJD", 19)+"\n", size/77-10) + "'@\n", true},
		{"comments", "param([string]$Name, [int]$Count = 3)\n" + strings.Repeat("# what everybody should know about this part\n", size/45-10), true},
		{"code", code.String(), false},
		{"statements", strings.Repeat("1;", size/2), false},
		{"errors", strings.Repeat(")\n", size/2), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.LessOrEqual(t, len(test.script), size)
			found := sharedExecutor(t).InspectScript(t.Context(), []byte(test.script))
			require.Nil(t, found.Error, "%+v", found.Error)
			t.Logf("reason %q, document %v", found.NotInspectedReason, found.Document != nil)
			if test.inspected {
				require.NotNil(t, found.Document)
				require.Len(t, found.Document.Parameters, 2)
			}
			if found.Document == nil {
				require.Contains(t, []string{api.NotInspectedMemory, api.NotInspectedTimeout}, found.NotInspectedReason)
			}
			encoded, err := json.Marshal(found)
			require.NoError(t, err)
			require.Less(t, len(encoded), maxDocument)
		})
	}
}

// A process that takes too much memory is ended, and said to have been.
func TestMemoryOfAnInspectionIsLimited(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{})
	w, err := e.startWorker(t.Context())
	require.NoError(t, err)
	w.attach()
	i := newInspector(w)
	defer i.close()
	i.memory = 1 << 20
	found := i.inspect(t.Context(), []byte("1"))
	require.Equal(t, api.NotInspectedMemory, found.NotInspectedReason, "%+v", found)
}

// A parser that works for too long is ended, however much of the machine others have.
func TestProcessorTimeOfAnInspectionIsLimited(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{})
	w, err := e.startWorker(t.Context())
	require.NoError(t, err)
	w.attach()
	i := newInspector(w)
	defer i.close()
	i.processor = 10 * time.Millisecond
	found := i.inspect(t.Context(), []byte("1"))
	require.Equal(t, api.NotInspectedTimeout, found.NotInspectedReason, "%+v", found)
}

func TestStorableJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`"a\u0000b"`: `"a\u2400b"`, `"\\u0000"`: `"\\u0000"`, `"\\\u0000"`: `"\\\u2400"`, `"\n\"\u00e9"`: `"\n\"\u00e9"`, `\`: `\`, "": "", "\xff": "\ufffd",
	} {
		require.Equal(t, want, string(bytes.Clone(storableJSON(in))), in)
	}
}

func TestConnectionOfTheOwnMachine(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{})
	found, err := e.InspectTarget(t.Context(), api.TargetSpec{}, "")
	require.Nil(t, err)
	require.True(t, found.OK, "%+v", found)
	require.Equal(t, []string{"Core", e.engine.Version}, []string{found.Edition, found.Version})
	require.Equal(t, "FullLanguage", found.Checks[2].Detail)
	e.Close()
	_, err = e.InspectTarget(t.Context(), api.TargetSpec{}, "")
	require.Equal(t, api.CodeInternal, err.Code)

	none := newTestExecutor(t, Config{})
	none.engine = runtime.Engine{}
	found, err = none.InspectTarget(t.Context(), api.TargetSpec{}, "")
	require.Nil(t, err)
	require.False(t, found.OK)
	require.NotEmpty(t, found.Cause)
	require.NotEmpty(t, found.Checks[0].Advice)
	require.Equal(t, api.CodeRuntimeMissing, none.InspectScript(t.Context(), []byte("1")).Error.Code)
}

// Whatever JSON an engine gives, what is made of it is JSON that the database keeps, and the same but for NUL.
func FuzzStorableJSON(f *testing.F) {
	for _, seed := range []string{`"a\u0000b"`, `"\\u0000"`, `{"a":["\\\u0000\ud800"]}`, `"\"`, "", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := storableJSON(text)
		if !json.Valid([]byte(text)) {
			return
		}
		var before, after any
		require.NoError(t, json.Unmarshal([]byte(text), &before))
		require.NoError(t, json.Unmarshal(out, &after))
		again, err := json.Marshal(after)
		require.NoError(t, err)
		require.Equal(t, again, storableJSON(string(again)), "there is nothing left to replace")
		want, err := json.Marshal(before)
		require.NoError(t, err)
		if utf8.ValidString(text) && !bytes.Contains(want, []byte(`\u0000`)) {
			require.JSONEq(t, string(want), string(out))
		}
	})
}
