package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

// How long a push waits for the inspection of what it pushed, and how often it asks.
const (
	inspectionWait  = 3 * time.Second
	inspectionPause = 100 * time.Millisecond
)

// inspection reads what is known of a script version; nil where nobody has asked.
func inspection(ctx context.Context, c *api.Client, versionID string) (*api.ScriptInspection, error) {
	found, err := api.One[api.ScriptInspection](ctx, c, api.ViewScriptInspections, api.Where("script_version_id", versionID))
	if api.Is(err, api.CodeNotFound) {
		return nil, nil
	}
	return &found, err
}

// awaitInspection waits for an inspection to end, for a moment and only while an agent is there that could do it. What it
// returns may still be pending.
func awaitInspection(ctx context.Context, c *api.Client, versionID string) (*api.ScriptInspection, error) {
	agents, err := api.List[api.Agent](ctx, c, api.ViewAgents, api.Where("online", "true").Select("id").Limit(1))
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, inspectionWait)
	defer cancel()
	ticker := time.NewTicker(inspectionPause)
	defer ticker.Stop()
	for {
		found, err := inspection(ctx, c, versionID)
		if err != nil || found == nil || found.Finished() || len(agents) == 0 {
			return found, err
		}
		select {
		case <-wait.Done():
			return found, ctx.Err()
		case <-ticker.C:
		}
	}
}

// inspectionSummary says in one line what is known.
func (a *app) inspectionSummary(i *api.ScriptInspection) string {
	switch {
	case i == nil:
		return "not inspected"
	case !i.Finished():
		return "not inspected yet; it can run, and its parameters are not checked before"
	case i.Document == nil:
		return "not inspected: " + reasonText(i.NotInspectedReason)
	}
	return fmt.Sprintf("inspected by PowerShell %s (%s): %s, %s", orDash(i.EngineVersion), orDash(i.EngineEdition),
		plural(len(i.Document.Parameters), "parameter"), plural(len(i.Document.Errors), "syntax error"))
}

func plural(n int, word string) string {
	switch n {
	case 0:
		return "no " + word + "s"
	case 1:
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// reasonText explains why a script is not inspected.
func reasonText(reason *string) string {
	switch orDash(reason) {
	case api.NotInspectedConfiguration:
		return "it has a configuration, which PowerShell's parser would act on"
	case api.NotInspectedTimeout:
		return "it takes PowerShell's parser more than 10 s"
	case api.NotInspectedMemory:
		return "it takes PowerShell's parser more than 512 MiB"
	case api.NotInspectedCrash:
		return "PowerShell's parser cannot take it"
	case api.NotInspectedTooLarge:
		return "too much was found in it"
	}
	return "no agent could do it (" + orDash(reason) + "); push it again to have it tried again"
}

// printErrors prints syntax errors as compilers do, so that editors find the place.
func (a *app) printErrors(out io.Writer, file string, found []api.SyntaxError) {
	for _, e := range found {
		note := ""
		if e.Environment {
			note = " (on the agent's machine; another may have it)"
		}
		fmt.Fprintf(out, "%s:%d:%d: %s [%s]%s\n", plainText(file), e.Line, e.Column, oneLine(e.Message), plainText(e.ID), note)
	}
}

// printInspection shows what is known of a version: errors, and parameters as a table.
func (a *app) printInspection(script string, i *api.ScriptInspection) error {
	fmt.Fprintf(a.Out, "\n%s\n", capital(a.inspectionSummary(i)))
	if i == nil || i.Document == nil {
		return nil
	}
	a.printErrors(a.Out, script, i.Document.Errors)
	if len(i.Document.Parameters) == 0 {
		return nil
	}
	fmt.Fprintln(a.Out)
	t := table{header: []string{"PARAMETER", "TYPE", "MANDATORY", "DEFAULT", "ALLOWED", "HELP"}}
	for _, p := range i.Document.Parameters {
		name := p.Name
		if len(p.Aliases) > 0 {
			name += " (" + strings.Join(p.Aliases, ", ") + ")"
		}
		help, _, _ := strings.Cut(strings.TrimSpace(p.Help), "\n")
		t.add(text(name), text(p.Type.Name), text(mandatoryText(p)), text(orDash(p.Default.Text)), text(allowedText(p)), text(help))
	}
	return a.print(t, "")
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// mandatoryText says in which parameter sets a parameter is mandatory.
func mandatoryText(p api.ScriptParameter) string {
	if p.Mandatory {
		return "yes"
	}
	var sets []string
	for _, s := range p.Sets {
		if s.Mandatory {
			sets = append(sets, s.Name)
		}
	}
	if sets == nil {
		return ""
	}
	return "in " + strings.Join(sets, ", ")
}

// allowedText says what a parameter takes beyond its type.
func allowedText(p api.ScriptParameter) string {
	var all []string
	if len(p.Type.Enum) > 0 {
		all = append(all, strings.Join(p.Type.Enum, ", "))
	}
	for _, r := range p.Validation {
		switch {
		case r.Kind == "set" && len(r.Values) > 0:
			all = append(all, joinValues(r.Values))
		case r.Kind == "range" && r.RangeKind != nil:
			all = append(all, *r.RangeKind)
		case r.Kind == "range":
			all = append(all, fmt.Sprintf("%v to %v", r.Min, r.Max))
		case r.Kind == "length":
			all = append(all, fmt.Sprintf("%v to %v characters", r.Min, r.Max))
		case r.Kind == "count":
			all = append(all, fmt.Sprintf("%v to %v values", r.Min, r.Max))
		case r.Kind == "pattern" && r.Pattern != nil:
			all = append(all, "matches "+*r.Pattern)
		case r.Kind == "script":
			all = append(all, "as the script checks")
		}
	}
	return strings.Join(all, "; ")
}

func joinValues(values []any) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ", ")
}

// pushedJSON is what a push prints as JSON.
type pushedJSON struct {
	api.PushedScript
	Inspection *api.ScriptInspection `json:"inspection"`
}

// reportPush prints what was pushed and, if it is to wait, what the inspection says. A push that is stored has succeeded,
// whatever is wrong with the script.
func (a *app) reportPush(ctx context.Context, c *api.Client, p push, pushed api.PushedScript) error {
	var found *api.ScriptInspection
	var err error
	wait := func() {
		if !p.noWait {
			found, err = awaitInspection(ctx, c, pushed.ScriptVersionID)
		}
	}
	if a.output == "json" {
		wait()
		return errors.Join(err, a.printJSON(pushedJSON{pushed, found}))
	}
	verb := "Pushed"
	if !pushed.Created {
		verb = "Unchanged:"
	}
	fmt.Fprintf(a.Out, "%s %s version %d, %d bytes, sha256 %s\n", verb, plainText(p.Name), pushed.Version, pushed.SizeBytes, pushed.SHA256)
	if wait(); err != nil || found == nil {
		return err
	}
	fmt.Fprintln(a.Err, capital(a.inspectionSummary(found)))
	if found.Document != nil {
		a.printErrors(a.Err, p.file, found.Document.Errors)
	}
	return nil
}
