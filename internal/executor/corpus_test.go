package executor

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp/clixml"
)

// golden is what the corpus says about a script; its README has the format.
type golden struct {
	Script   string
	Args     json.RawMessage
	Events   []goldenEvent
	End      goldenEnd
	Rendered []string
}

type goldenEvent struct {
	Stream                string
	Type, String          *string
	CLIXML                string
	FQID, Category        string
	Message               string
	Exception, TargetName string
	Tags                  []string
	Foreground            string
	NoNewLine             bool
	Activity, Status      string
	Operation             string
	ActivityID, Percent   int
}

type goldenEnd struct {
	State     string
	HadErrors bool
	ExitCode  *int
	Error     *goldenEvent
}

// sampleStep: one script in so many of each area is in the sample.
const sampleStep = 8

// TestCorpus runs scripts of the corpus and wants the recorded results. By
// default a fixed sample, with EPO_CORPUS=all all of them, with any other value
// those whose path contains it.
func TestCorpus(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{WarmMin: 2, WarmMax: 2, Env: []string{"TZ=UTC"}, ProgressInterval: -1})
	for _, g := range corpus(t, os.Getenv("EPO_CORPUS")) {
		t.Run(g.Script, func(t *testing.T) {
			t.Parallel()
			runGolden(t, e, g, "local", api.TargetSpec{}).require()
		})
	}
}

// require wants no difference but those by design.
func (c *comparison) require() {
	c.t.Helper()
	reasons := designReasons(c.golden.Script, c.at)
	for _, d := range c.differences() {
		if _, ok := reasons[d.aspect]; !ok {
			c.t.Errorf("%s\n got  %s\n want %s", d.aspect, d.got, d.want)
		}
	}
}

// corpus reads the wanted scripts in the order of their paths.
func corpus(t *testing.T, want string) []golden {
	t.Helper()
	var list []golden
	inArea := map[string]int{}
	err := filepath.WalkDir(corpusDir, func(file string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".json") {
			return err
		}
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var g golden
		require.NoError(t, json.Unmarshal(data, &g), file)
		area := path.Dir(g.Script)
		inArea[area]++
		switch want {
		case "":
			if inArea[area]%sampleStep != 1 {
				return nil
			}
		case "all":
		default:
			if !strings.Contains(g.Script, want) {
				return nil
			}
		}
		list = append(list, g)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}

// comparison is a script's golden result and what came now.
type comparison struct {
	t       *testing.T
	at      string // local, ssh or winrm
	golden  golden
	records []api.Record
	result  api.Result
	found   []difference
}

type difference struct{ aspect, got, want string }

func runGolden(t *testing.T, e *Executor, g golden, at string, target api.TargetSpec) *comparison {
	t.Helper()
	script, err := os.ReadFile(filepath.Join(corpusDir, g.Script))
	require.NoError(t, err)
	c := &comparison{t: t, at: at, golden: g}
	c.result = e.Run(t.Context(), Request{ScriptName: path.Base(g.Script), Script: script, Parameters: g.Args, Target: target},
		func(r api.Record) { c.records = append(c.records, r) })
	for i, r := range c.records {
		require.Equal(t, int64(i+1), r.Seq)
	}
	return c
}

func (c *comparison) differ(aspect, got, want string) {
	if got != want {
		c.found = append(c.found, difference{aspect, got, want})
	}
}

// differences compares everything.
func (c *comparison) differences() []difference {
	var got []string
	for _, r := range c.records {
		if s := recordLine(r); s != "" {
			got = append(got, s)
		}
	}
	var want []string
	for _, e := range c.golden.Events {
		want = append(want, goldenLine(e))
	}
	c.compareLines("records", got, want)
	c.compareEnd()
	if c.golden.Rendered != nil {
		var lines []string
		for _, r := range c.records {
			if r.Stream == api.StreamOutput {
				lines = append(lines, r.Text)
			}
		}
		c.compareLines("rendered", trimEnd(lines), trimEnd(splitLines(c.golden.Rendered)))
	}
	return c.found
}

func splitLines(list []string) []string {
	var out []string
	for _, s := range list {
		for line := range strings.SplitSeq(s, "\n") {
			out = append(out, strings.TrimSuffix(line, "\r"))
		}
	}
	return out
}

// trimEnd drops empty lines at the end, which depend on what is rendered last.
func trimEnd(lines []string) []string {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// compareLines reports the first line that differs.
func (c *comparison) compareLines(aspect string, got, want []string) {
	at := func(list []string, i int) string {
		if i < len(list) {
			return c.masked(list[i])
		}
		return "(nothing)"
	}
	for i := range max(len(got), len(want)) {
		if g, w := at(got, i), at(want, i); g != w {
			c.differ(aspect, fmt.Sprintf("%d of %d: %s", i, len(got), g), fmt.Sprintf("%d of %d: %s", i, len(want), w))
			return
		}
	}
}

func (c *comparison) compareEnd() {
	want := api.StateSucceeded
	end := c.golden.End
	if end.State == "failed" || end.ExitCode != nil && *end.ExitCode != 0 {
		want = api.StateFailed
	}
	c.differ("state", c.result.State, want)
	code := 0
	switch {
	case end.ExitCode != nil:
		code = *end.ExitCode
	case want == api.StateFailed:
		code = 1
	}
	if rejected := c.result.Error != nil && c.result.Error.Code == api.CodeParameterRejected; !rejected { // it never ran
		require.NotNil(c.t, c.result.ExitCode)
		c.differ("exit code", fmt.Sprint(*c.result.ExitCode), fmt.Sprint(code))
	}
	if end.Error != nil && c.result.Error != nil {
		got, want := c.masked(errorLine(*c.result.Error)), c.masked(goldenLine(*end.Error))
		if end.Error.Exception == incompleteParse {
			got = incompletePosition.ReplaceAllString(got, "")
			want = strings.ReplaceAll(want, incompleteParse, "System.Management.Automation.ParseException")
		}
		c.differ("ending error", got, want)
	}
}

// incompleteParse is what a text that could go on gives. A file cannot go on:
// there it is a ParseException whose message begins with the position.
const incompleteParse = "System.Management.Automation.IncompleteParseException"

var incompletePosition = regexp.MustCompile(`At line:[0-9]+ char:[0-9]+\n\+.*\n\+ +~*\n`)

// recordLine gives what of a record the corpus knows too, "" if nothing.
func recordLine(r api.Record) string {
	switch r.Stream {
	case api.StreamObject:
		return "object " + string(r.Object)
	case api.StreamWarning, api.StreamVerbose, api.StreamDebug:
		return r.Stream + " " + r.Text
	case api.StreamError:
		var e api.ErrorInfo
		_ = json.Unmarshal(r.Object, &e)
		return errorLine(e)
	case api.StreamInformation:
		var i informationData
		_ = json.Unmarshal(r.Object, &i)
		return fmt.Sprintf("information %s %v %s %s %v", r.Text, i.Tags, i.Type, i.Foreground, i.NoNewLine)
	case api.StreamProgress:
		var p progressData
		_ = json.Unmarshal(r.Object, &p)
		return fmt.Sprintf("progress %d %s %s %s %d", p.ActivityID, p.Activity, p.Status, p.Operation, p.Percent)
	}
	return ""
}

func errorLine(e api.ErrorInfo) string {
	return fmt.Sprintf("error %s | %s | %s | %s | %s", e.ErrorID, e.Category, e.Exception, e.TargetName, e.Message)
}

func goldenLine(e goldenEvent) string {
	switch e.Stream {
	case "output":
		v, err := clixml.Decode([]byte(e.CLIXML), clixml.DecodeOptions{})
		if err != nil {
			return "bad clixml: " + err.Error()
		}
		return "object " + string(objectJSON(v))
	case "information":
		return fmt.Sprintf("information %s %v %s %s %v", e.Message, e.Tags, *e.Type, e.Foreground, e.NoNewLine)
	case "progress":
		return fmt.Sprintf("progress %d %s %s %s %d", e.ActivityID, e.Activity, e.Status, e.Operation, e.Percent)
	case "warning", "verbose", "debug":
		return e.Stream + " " + e.Message
	}
	return fmt.Sprintf("error %s | %s | %s | %s | %s", e.FQID, e.Category, e.Exception, e.TargetName, e.Message)
}

var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(/?)[^ "';:|]*/x-[0-9a-f]{16}/a-[0-9a-f]{16}/work`), "${1}CWD"},
	{regexp.MustCompile(`(/?)[^ "';:|]*/x-[0-9a-f]{16}/a-[0-9a-f]{16}/home`), "${1}HOME"},
	{regexp.MustCompile(`(/?)[^ "';:|]*/x-[0-9a-f]{16}/a-[0-9a-f]{16}/tmp`), "${1}tmp"},
	{regexp.MustCompile(`(/?)[^ "';:|]*/epo-remote-home`), "${1}HOME"},
	{regexp.MustCompile(`(/?)tmp/epo-[0-9a-f]{32}/work`), "${1}CWD"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "GUID"},
	{regexp.MustCompile(`[0-9a-f]{32}`), "GUID"},
	{regexp.MustCompile(`("(Used|Free)":\{"type":"[^"]*","string":)"[0-9]+","value":[0-9]+`), `$1"0","value":0`},
}

// masked hides what the corpus hides (places, GUIDs, free space), and the two
// things that running a file instead of its text changes everywhere: a position
// names the file, and an error id that ends in the command ends in its name.
func (c *comparison) masked(s string) string {
	for _, m := range masks {
		s = m.pattern.ReplaceAllString(s, m.with)
	}
	name := regexp.QuoteMeta(path.Base(c.golden.Script))
	s = regexp.MustCompile(`At [^\n"]*/script/`+name+`:([0-9]+) char`).ReplaceAllString(s, "At line:$1 char")
	return regexp.MustCompile(`^(error [^ ]*),`+name+` `).ReplaceAllString(s, "$1 ")
}

// designReasons gives the aspects of a script that differ by design.
func designReasons(script, at string) map[string]string {
	reasons := map[string]string{}
	for _, d := range designDifferences {
		if ok, _ := path.Match(d.script, script); ok && (d.at == "" || d.at == at) {
			reasons[d.aspect] = d.reason
		}
	}
	return reasons
}

// designDifferences is the whole list of scripts that differ from the corpus,
// whose scripts were run as text, in a host without a user interface. What
// running a file changes everywhere is in masked and compareEnd: positions name
// the file, error ids of a script's own errors end in its name, and a text that
// ends too early is a ParseException. In stream information the host's own
// colors are left out, and the type name of an object comes without
// "Deserialized.".
var designDifferences = func() []designDifference {
	const (
		errorID  = "the script prints the id of an error of its own, which ends in the file's name"
		requires = "#Requires is enforced for files"
		ui       = "a host with colors fills them in"
		position = "the script prints an error with its position, which names the file"
		all      = "the file cannot go on: all errors are named, not only the first"
		widths   = "columns are sized by the first rows, as at a console, not by all rows"
	)
	return []designDifference{
		{"cmdlets/streams/09-write-host-captured.ps1", "records", ui, ""},
		{"cmdlets/streams/09-write-host-captured.ps1", "rendered", ui, ""},
		{"cmdlets/streams/12-write-error-options.ps1", "records", errorID, ""},
		{"cmdlets/streams/12-write-error-options.ps1", "rendered", errorID, ""},
		{"cmdlets/streams/17-write-error-preference-stop.ps1", "records", errorID, ""},
		{"cmdlets/streams/17-write-error-preference-stop.ps1", "rendered", errorID, ""},
		{"cmdlets/streams/37-large-objects.ps1", "rendered", widths, ""},
		{"language/errors/24-write-error-forms.ps1", "records", errorID, ""},
		{"language/errors/24-write-error-forms.ps1", "rendered", errorID, ""},
		{"language/errors/25-write-error-record.ps1", "records", errorID, ""},
		{"language/errors/25-write-error-record.ps1", "rendered", errorID, ""},
		{"language/param-metadata/3[56]-requires-*.ps1", "records", requires, ""},
		{"language/param-metadata/3[56]-requires-*.ps1", "rendered", requires, ""},
		{"language/param-metadata/3[56]-requires-*.ps1", "state", requires, ""},
		{"language/param-metadata/3[56]-requires-*.ps1", "exit code", requires, ""},
		{"language/parse-errors/09-indented-here-string-footer.ps1", "ending error", all, ""},
		{"language/redirection-streams/19-error-record-in-output.ps1", "records", position, ""},
		{"language/redirection-streams/19-error-record-in-output.ps1", "rendered", position, ""},
	}
}()

// designDifference excuses one aspect of the scripts that match a pattern, at one
// kind of target or everywhere.
type designDifference struct{ script, aspect, reason, at string }
