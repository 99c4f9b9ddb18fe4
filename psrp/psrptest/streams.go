package psrptest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// streams are the streams besides output.
func streams() []behaviour {
	return []behaviour{
		{"every stream once and in order", everyStream},
		{"records are typed", typedRecords},
		{"Write-Host is shown once", writeHost},
		{"native commands", nativeCommands},
		{"many objects in order", manyObjects},
	}
}

const allStreams = `$VerbosePreference = $DebugPreference = $InformationPreference = 'Continue'
'out'; Write-Error err; Write-Warning warn; Write-Verbose verb; Write-Debug debug
Write-Information info -Tags a, b; Write-Progress -Activity act -Status st -PercentComplete 40 -Id 3; 'end'
$VerbosePreference = $DebugPreference = $InformationPreference = 'SilentlyContinue'`

func everyStream(t *testing.T, pool *psrp.Pool) {
	for name, host := range map[string]*psrp.HostInfo{"null host": nil, "host with UI": {UI: true, RawUI: true}} {
		p := psrp.Script(allStreams)
		p.Host = host
		r := invoke(t, pool, p)
		completed(t, r)
		var kinds []string
		calls := map[psrp.HostMethod]int{}
		for _, e := range r.events {
			if h, ok := e.(psrp.HostCallEvent); ok {
				calls[h.Method]++
				continue
			}
			kinds = append(kinds, strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", e), "psrp."), "Event"))
		}
		equal(t, "order with the "+name, []string{"Output", "Error", "Warning", "Verbose", "Debug", "Information", "Progress", "Output"}, kinds)
		for _, m := range []psrp.HostMethod{psrp.HostWriteWarningLine, psrp.HostWriteVerboseLine, psrp.HostWriteDebugLine, psrp.HostWriteProgress} {
			want := 0
			if host != nil {
				want = 1
			}
			equal(t, fmt.Sprintf("number of %v with the %s", m, name), want, calls[m])
		}
	}
}

func typedRecords(t *testing.T, pool *psrp.Pool) {
	r := script(t, pool, `Write-Warning warn; Write-Information 5 -Tags a, b
Write-Progress -Activity act -Status st -PercentComplete 40 -Id 3 -CurrentOperation op; Write-Progress act -Completed -Id 3`)
	equal(t, "number of events", 4, len(r.events))
	equal(t, "warning", "warn", r.events[0].(psrp.WarningEvent).Message)
	info := r.events[1].(psrp.InformationEvent)
	equal(t, "message data", any(int32(5)), clixml.Base(info.MessageData))
	equal(t, "tags", []string{"a", "b"}, info.Tags)
	equal(t, "progress", &psrp.ProgressRecord{Activity: "act", ActivityID: 3, ParentActivityID: -1, StatusDescription: "st",
		CurrentOperation: "op", PercentComplete: 40, SecondsRemaining: -1}, r.events[2].(psrp.ProgressEvent).ProgressRecord)
	check(t, r.events[3].(psrp.ProgressEvent).Completed, "the progress is not completed")
}

func writeHost(t *testing.T, pool *psrp.Pool) {
	p := psrp.Script("Write-Host x -ForegroundColor Red -NoNewLine; Write-Host plain")
	r := invoke(t, pool, p)
	equal(t, "number of events", 2, len(r.events))
	host, ok := r.events[0].(psrp.InformationEvent).Host()
	check(t, ok, "not a record of Write-Host")
	equal(t, "text", "x", host.Message)
	equal(t, "color", "Red", host.ForegroundColor)
	check(t, host.NoNewLine, "the line end is not left out")

	p.Host = &psrp.HostInfo{UI: true, RawUI: true}
	text := ""
	for _, c := range invoke(t, pool, p).calls() {
		if n := len(c.Args); n > 0 {
			text += fmt.Sprint(c.Args[n-1], ";")
		}
	}
	equal(t, "text of host calls", "x;plain;", text)
}

// nativeCommands: text comes in UTF-8, standard error as records, the exit code
// only when asked for, and standard input is empty.
func nativeCommands(t *testing.T, pool *psrp.Pool) {
	if r := script(t, pool, "[bool]$IsLinux -or [bool]$IsMacOS"); !r.outputs()[0].(bool) {
		t.Skip("the commands are those of Unix")
	}
	r := script(t, pool, "sh -c 'echo \u00fcn\u00ef; echo wrong >&2; exit 7'; $LASTEXITCODE; sh -c 'cat; echo end'")
	completed(t, r)
	equal(t, "output", []any{"\u00fcn\u00ef", int32(7), "end"}, bases(r.outputs()))
	records := r.errors()
	equal(t, "number of errors", 1, len(records))
	equal(t, "error", "wrong", records[0].Message)
	check(t, strings.HasPrefix(records[0].FullyQualifiedErrorID, "NativeCommandError"), "error id is %s", records[0].FullyQualifiedErrorID)
}

func manyObjects(t *testing.T, pool *psrp.Pool) {
	const count = 5000
	got := script(t, pool, fmt.Sprintf("1..%d", count)).outputs()
	equal(t, "number of objects", count, len(got))
	for i, v := range got {
		if v != int32(i+1) {
			t.Fatalf("object %d is %v", i, v)
		}
	}
}

// commands are pipelines made of commands instead of text.
func commands() []behaviour {
	return []behaviour{
		{"commands with parameters", commandsWithParameters},
		{"several statements", statements},
		{"merged streams", merged},
	}
}

func commandsWithParameters(t *testing.T, pool *psrp.Pool) {
	r := invoke(t, pool, psrp.Pipeline{Commands: []psrp.Command{
		{Text: "Write-Output", Parameters: []psrp.Parameter{parameter("InputObject", []any{3, 1, 2, "; exit 1"})}},
		{Text: "Sort-Object", Parameters: []psrp.Parameter{parameter("Descending", true)}},
		{Text: "Select-Object", Parameters: []psrp.Parameter{parameter("-Last", 3)}},
	}})
	completed(t, r)
	equal(t, "number of outputs", 3, len(r.outputs()))
}

func statements(t *testing.T, pool *psrp.Pool) {
	p := psrp.Script("1; Write-Error x")
	p.Statements = [][]psrp.Command{{{Text: "2", IsScript: true}}, {{Text: "Get-Variable", Parameters: []psrp.Parameter{
		parameter("Name", "PSVersionTable"), parameter("ValueOnly", true)}}}}
	r := invoke(t, pool, p)
	completed(t, r)
	equal(t, "number of outputs", 3, len(r.outputs()))
	equal(t, "number of errors", 1, len(r.errors()))
}

func merged(t *testing.T, pool *psrp.Pool) {
	p := psrp.Script("'o'; Write-Error e; Write-Warning w; Write-Information i -InformationAction Continue")
	p.Commands[0].Merge = psrp.MergeAll()
	r := invoke(t, pool, p)
	completed(t, r)
	equal(t, "number of outputs", 4, len(r.outputs()))
	equal(t, "number of events", 4, len(r.events))
}
