package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
)

// noun is a kind of thing that has an id and a name.
type noun struct {
	view string
	word string // as people say it
}

func nounAgent() noun  { return noun{api.ViewAgents, "agent"} }
func nounJob() noun    { return noun{api.ViewJobs, "job"} }
func nounPool() noun   { return noun{api.ViewPools, "pool"} }
func nounScript() noun { return noun{api.ViewScripts, "script"} }
func nounTarget() noun { return noun{api.ViewTargets, "target"} }
func nounUser() noun   { return noun{api.ViewUsers, "user"} }

// named is a row of any view with id and name.
type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// unknownError says that a name or id leads to nothing, and what was meant perhaps.
type unknownError struct {
	word, given string
	similar     []string
}

func (e *unknownError) Error() string {
	text := fmt.Sprintf("there is no %s %q", e.word, e.given)
	if len(e.similar) > 0 {
		return text + "; did you mean " + strings.Join(e.similar, " or ") + "?"
	}
	return text + fmt.Sprintf("; `epo %s list` shows what there is", e.word)
}

// resolve turns a name or an id into both.
func (n noun) resolve(ctx context.Context, c *api.Client, given string) (named, error) {
	column := "name"
	if uuid.Validate(given) == nil && len(given) == 36 {
		column = "id"
	}
	rows, err := api.List[named](ctx, c, n.view, api.Where(column, given).Select("id", "name").Limit(2))
	if err != nil {
		return named{}, err
	}
	if len(rows) == 0 {
		return named{}, &unknownError{word: n.word, given: given, similar: n.similar(ctx, c, given)}
	}
	return rows[0], nil
}

// resolveAll resolves each; ids only.
func (n noun) resolveAll(ctx context.Context, c *api.Client, given []string) ([]string, error) {
	ids := make([]string, len(given))
	for i, g := range given {
		row, err := n.resolve(ctx, c, g)
		if err != nil {
			return nil, err
		}
		ids[i] = row.ID
	}
	return ids, nil
}

// only returns the single row of a view, for flags that may be left out where there is no choice.
func (n noun) only(ctx context.Context, c *api.Client, flag string) (named, error) {
	rows, err := api.List[named](ctx, c, n.view, new(api.Query).Select("id", "name").Order("name").Limit(10))
	if err != nil {
		return named{}, err
	}
	switch len(rows) {
	case 0:
		return named{}, fmt.Errorf("there is no %s yet; `epo %s create NAME` makes one", n.word, n.word)
	case 1:
		return rows[0], nil
	}
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.Name
	}
	return named{}, fmt.Errorf("there are several %ss (%s): choose one with %s", n.word, strings.Join(names, ", "), flag)
}

// similar returns up to three names that differ little from what was typed.
func (n noun) similar(ctx context.Context, c *api.Client, given string) []string {
	rows, err := api.List[named](ctx, c, n.view, new(api.Query).Select("id", "name").Order("name").Limit(500))
	if err != nil {
		return nil
	}
	var near []string
	for _, r := range rows {
		a, b := strings.ToLower(r.Name), strings.ToLower(given)
		if distance(a, b) <= 1+len(b)/4 || (len(b) > 2 && strings.Contains(a, b)) {
			near = append(near, r.Name)
		}
	}
	return near[:min(len(near), 3)]
}

// distance counts the letters to insert, delete or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := previous
			if a[i] != b[j] {
				cost++
			}
			previous = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// completion is cobra's signature of a function that completes words.
type completion = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// names completes names of the noun; without a session it offers nothing.
func (a *app) names(n noun) completion {
	return func(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		client, err := a.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, err := client.Names(cmd.Context(), n.view, prefix)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// runIDs completes the ids of the latest runs.
func (a *app) runIDs(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	client, err := a.client()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	runs, err := api.List[api.Run](cmd.Context(), client, api.ViewRuns, new(api.Query).Order("created_at.desc").Limit(50))
	var ids []string
	for _, r := range runs {
		if strings.HasPrefix(r.ID, prefix) {
			ids = append(ids, fmt.Sprintf("%s\t%s, %s", r.ID, r.ScriptName, r.State))
		}
	}
	if err == nil && strings.HasPrefix(lastRun, prefix) {
		ids = append(ids, lastRun+"\tthe latest run")
	}
	return slices.Clip(ids), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// first completes the first argument only.
func first(f completion) completion {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f(cmd, args, prefix)
	}
}

// complete gives a flag its completion; the flag exists, since the command has just defined it.
func complete(cmd *cobra.Command, flag string, f completion) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err)
	}
}

// group makes a command that only holds verbs.
func group(use, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			text += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return errors.New(text)
	}
	cmd.AddCommand(verbs...)
	return cmd
}
