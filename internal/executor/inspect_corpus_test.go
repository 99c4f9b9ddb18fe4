package executor

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

// parsedGolden is what the corpus says of a script without running it.
type parsedGolden struct {
	Script string
	Parse  *struct {
		Errors []struct {
			ID                               string
			Line, Column, EndLine, EndColumn int
			Incomplete                       bool
			Message                          string
		}
		Requires *struct {
			Version   *string
			Editions  []string
			Modules   []struct{ Name string }
			Elevation bool
		}
		Help *struct {
			Synopsis, Description, Notes *string
			Parameters                   map[string]string
			Examples, Links              []string
		}
		Binding []struct {
			Name  string
			Named map[string]string
		}
		Parameters []goldenParameter
		Sets       []struct {
			Name       string
			Default    bool
			Parameters []struct {
				Name      string
				Mandatory bool
				Position  *int
			}
		}
	}
	End goldenEnd
}

type goldenParameter struct {
	Name       string
	Line       int
	Type       string
	TypeText   *string
	Switch     bool
	Mandatory  bool
	Aliases    []string
	Default    *string
	Help       *string
	Attributes []struct {
		Name   string
		Values []*string
		Named  map[string]string
	}
	Sets map[string]struct {
		Mandatory, Pipeline, PipelineByName, Remaining bool
		Position                                       *int
		HelpMessage                                    *string
	}
}

// parsed reads all scripts of the corpus that a parser has something to say of.
func parsed(t *testing.T) []parsedGolden {
	t.Helper()
	var list []parsedGolden
	require.NoError(t, filepath.WalkDir(corpusDir, func(file string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".json") {
			return err
		}
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var g parsedGolden
		require.NoError(t, json.Unmarshal(data, &g), file)
		if g.Parse != nil {
			list = append(list, g)
		}
		return nil
	}))
	require.Greater(t, len(list), 130)
	return list
}

var updateDocuments = flag.Bool("update-documents", false, "write testdata/inspections.json anew")

// documentsFile has the documents of scripts with parameters, for tests that have no engine.
const documentsFile = "../../testdata/inspections.json"

// Every script of the corpus that has an error or a param() block is inspected,
// and what is found is what a real engine said. Two processes share the work;
// one process to each script, as agents do it, would take minutes.
func TestInspectionOfTheCorpus(t *testing.T) {
	t.Parallel()
	e := newTestExecutor(t, Config{})
	work := make(chan parsedGolden)
	var group sync.WaitGroup
	var mu sync.Mutex
	documents := map[string]*api.ScriptDocument{}
	for range 2 {
		i, err := e.newInspector(t.Context())
		require.NoError(t, err)
		defer i.close()
		group.Go(func() {
			for g := range work {
				document := inspectGolden(t, i, g)
				if len(g.Parse.Parameters) > 0 {
					mu.Lock()
					documents[g.Script] = document
					mu.Unlock()
				}
			}
		})
	}
	for _, g := range parsed(t) {
		work <- g
	}
	close(work)
	group.Wait()

	got, err := json.MarshalIndent(documents, "", " ")
	require.NoError(t, err)
	if *updateDocuments {
		require.NoError(t, os.WriteFile(documentsFile, append(got, '\n'), 0o644))
	}
	want, err := os.ReadFile(documentsFile)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got), "run the test with -update-documents and read the difference")
}

func inspectGolden(t *testing.T, i *inspector, g parsedGolden) *api.ScriptDocument {
	script, err := os.ReadFile(filepath.Join(corpusDir, g.Script))
	require.NoError(t, err)
	found := i.inspect(t.Context(), script)
	if found.Document == nil {
		t.Errorf("%s: not inspected: %+v", g.Script, found)
		return nil
	}
	d := found.Document
	for _, c := range [][3]any{
		{"errors", shownErrors(d), wantedErrors(g)},
		{"parameters", shownParameters(d, g), wantedParameters(g)},
		{"sets", shownSets(d, g), wantedSets(g)},
		{"rules", shownRules(d), wantedRules(g)},
		{"requires", shownRequires(d), wantedRequires(g)},
		{"help", shownHelp(d), wantedHelp(g)},
	} {
		if got, want := fmt.Sprint(c[1]), fmt.Sprint(c[2]); got != want {
			t.Errorf("%s: %s\n got  %s\n want %s", g.Script, c[0], got, want)
		}
	}
	return d
}

func shownErrors(d *api.ScriptDocument) (lines []string) {
	for _, e := range d.Errors {
		lines = append(lines, fmt.Sprintf("%s %d:%d-%d:%d %v %s\n", e.ID, e.Line, e.Column, e.EndLine, e.EndColumn, e.Incomplete, e.Message))
	}
	return lines
}

// lateError takes apart what the engine said when it made the types.
var lateError = regexp.MustCompile(`(?s)^At line:(\d+) char:(\d+)\n\+ [^\n]*\n\+ ( *)(~+)\n(.*)$`)

func wantedErrors(g parsedGolden) (lines []string) {
	for _, e := range g.Parse.Errors {
		lines = append(lines, fmt.Sprintf("%s %d:%d-%d:%d %v %s\n", e.ID, e.Line, e.Column, e.EndLine, e.EndColumn, e.Incomplete, e.Message))
	}
	if e := g.End.Error; lines == nil && e != nil && e.Category == "ParserError" {
		if m := lateError.FindStringSubmatch(e.Message); m != nil {
			var line, column int
			fmt.Sscan(m[1]+" "+m[2], &line, &column)
			lines = append(lines, fmt.Sprintf("%s %d:%d-%d:%d false %s\n", e.FQID, line, column, line, column+len(m[4]), m[5]))
		}
	}
	return lines
}

func shownParameters(d *api.ScriptDocument, g parsedGolden) (lines []string) {
	for i, p := range d.Parameters {
		if g.Parse.Help == nil && i < len(g.Parse.Parameters) && g.Parse.Parameters[i].Help == nil && p.Sets[0].HelpMessage == nil {
			p.Help = "" // Get-Help shows comments only beside other help; a form always does
		}
		lines = append(lines, fmt.Sprintf("%s line %d type %s switch %v aliases %q default %s help %q\n",
			p.Name, p.Line, orNone(p.Type.Resolved), p.Switch, p.Aliases, orNone(p.Default.Text), p.Help))
	}
	return lines
}

// assembly is the part of a generic type's name that names where it was found.
var assembly = regexp.MustCompile(`\[([^\[\],]+), [^\]]*\]`)

func wantedParameters(g parsedGolden) (lines []string) {
	for _, p := range g.Parse.Parameters {
		help := ""
		if p.Help != nil {
			help = *p.Help
		}
		for _, a := range p.Attributes { // Get-Help does not show it; a form does
			if help == "" && a.Name == "Parameter" {
				help = strings.Trim(a.Named["HelpMessage"], "'\"")
			}
		}
		lines = append(lines, fmt.Sprintf("%s line %d type %s switch %v aliases %q default %s help %q\n",
			p.Name, p.Line, assembly.ReplaceAllString(p.Type, "$1"), p.Switch, p.Aliases, orNone(p.Default), help))
	}
	return lines
}

func orNone(s *string) string {
	if s == nil {
		return "(none)"
	}
	return *s
}

func shownSets(d *api.ScriptDocument, g parsedGolden) (lines []string) {
	for _, p := range d.Parameters {
		for _, s := range p.Sets {
			lines = append(lines, fmt.Sprintf("%s in %s mandatory %v position %s pipeline %v %v remaining %v help %s\n",
				p.Name, s.Name, s.Mandatory, orNumber(s.Position), s.Pipeline, s.PipelineByName, s.Remaining, orNone(s.HelpMessage)))
		}
	}
	if len(g.Parse.Sets) > 0 { // some cannot be asked, as those with errors
		lines = append(lines, fmt.Sprintf("default %v", d.CmdletBinding["DefaultParameterSetName"]))
	}
	return lines
}

func wantedSets(g parsedGolden) (lines []string) {
	byDefault := "<nil>"
	for _, s := range g.Parse.Sets {
		if s.Default {
			byDefault = s.Name
		}
	}
	for _, p := range g.Parse.Parameters {
		// Attributes stand in the order of the script, sets do not.
		var names []string
		for _, a := range p.Attributes {
			if a.Name == "Parameter" {
				name := strings.Trim(a.Named["ParameterSetName"], "'\"")
				if name == "" {
					name = api.AllParameterSets
				}
				names = append(names, name)
			}
		}
		if names == nil {
			names = []string{api.AllParameterSets}
		}
		for _, name := range names {
			s := p.Sets[name]
			lines = append(lines, fmt.Sprintf("%s in %s mandatory %v position %s pipeline %v %v remaining %v help %s\n",
				p.Name, name, s.Mandatory, orNumber(s.Position), s.Pipeline, s.PipelineByName, s.Remaining, orNone(s.HelpMessage)))
		}
	}
	if len(g.Parse.Sets) > 0 {
		lines = append(lines, "default "+byDefault)
	}
	return lines
}

func orNumber(n *int) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

// rules are shown as the attributes that they were.
func shownRules(d *api.ScriptDocument) (lines []string) {
	for _, p := range d.Parameters {
		for _, r := range p.Validation {
			values := r.Values
			switch {
			case r.Kind == "pattern":
				values = []any{*r.Pattern}
			case r.Kind == "script":
				values = []any{*r.Text}
			case r.Min != nil:
				values = []any{r.Min, r.Max}
			}
			lines = append(lines, fmt.Sprintf("%s Validate%s%s %v\n", p.Name, strings.ToUpper(r.Kind[:1]), r.Kind[1:], values))
		}
	}
	return lines
}

func wantedRules(g parsedGolden) (lines []string) {
	for _, p := range g.Parse.Parameters {
		for _, a := range p.Attributes {
			if !strings.HasPrefix(a.Name, "Validate") {
				continue
			}
			values := []string{}
			for _, v := range a.Values {
				values = append(values, orNone(v))
			}
			lines = append(lines, fmt.Sprintf("%s %s %v\n", p.Name, a.Name, values))
		}
	}
	return lines
}

func shownRequires(d *api.ScriptDocument) string {
	r := d.Requires
	if r == nil {
		return "none"
	}
	var modules []string
	for _, m := range r.Modules {
		modules = append(modules, m.Name)
	}
	return fmt.Sprintf("version %s editions %v modules %v elevated %v", orNone(r.Version), r.Editions, modules, r.Elevated)
}

func wantedRequires(g parsedGolden) string {
	r := g.Parse.Requires
	if r == nil {
		return "none"
	}
	var modules []string
	for _, m := range r.Modules {
		modules = append(modules, m.Name)
	}
	return fmt.Sprintf("version %s editions %v modules %v elevated %v", orNone(r.Version), r.Editions, modules, r.Elevation)
}

func shownHelp(d *api.ScriptDocument) string {
	h := d.Help
	if h == nil {
		return "none"
	}
	return fmt.Sprintf("%s %s %s %q %q %q", orNone(h.Synopsis), orNone(h.Description), orNone(h.Notes), h.Parameters, h.Examples, h.Links)
}

func wantedHelp(g parsedGolden) string {
	h := g.Parse.Help
	if h == nil {
		return "none"
	}
	return fmt.Sprintf("%s %s %s %q %q %q", orNone(h.Synopsis), orNone(h.Description), orNone(h.Notes), h.Parameters, h.Examples, h.Links)
}
