package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
)

// lastRun stands for the id of the run that was started last.
const lastRun = "last"

func (a *app) runCommand() *cobra.Command {
	return group("run", "Start runs, watch them, end them", a.runStart(), a.runList(), a.runShow(), a.runLogs(), a.runCancel())
}

// startOptions are the flags of run start.
type startOptions struct {
	script     string
	version    int
	targets    []string
	parameters parameterFlags
	timeout    time.Duration
	key        string
	wait       bool
}

func (a *app) runStart() *cobra.Command {
	var o startOptions
	cmd := &cobra.Command{
		Use:   "start [JOB | --script SCRIPT --target TARGET…]",
		Short: "Start a job, or a script on targets",
		Long: `Starts a run and prints its id. With --wait it shows the output as it comes and ends when the run does: with 0 if it succeeded,
with the script's exit code if it ran on one target, else with 1. What the script writes to output, host, warning, verbose
and debug goes to standard output, as with pwsh; errors go to standard error. Ctrl-C stops watching and leaves the run alone.`,
		Example: `  epo run start --script hello --target local --param Name=EPO --wait
  epo run start nightly-cleanup --param Days=7 --timeout 10m`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: first(a.names(nounJob())),
		RunE: func(cmd *cobra.Command, args []string) error {
			job := ""
			if len(args) == 1 {
				job = args[0]
			}
			return a.startRun(cmd.Context(), job, &o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.script, "script", "", "`SCRIPT` to run, in place of a job")
	f.IntVar(&o.version, "version", 0, "version of the script (default: the latest)")
	f.StringArrayVar(&o.targets, "target", nil, "`TARGET` to run it on; may be repeated")
	f.DurationVar(&o.timeout, "timeout", 0, "end a script after this time")
	f.StringVar(&o.key, "idempotency-key", "", "a start with a key that was used before gives the run of then")
	f.BoolVarP(&o.wait, "wait", "w", false, "show the output until the run ends, and end with its exit code")
	o.parameters.add(cmd)
	complete(cmd, "script", a.names(nounScript()))
	complete(cmd, "target", a.names(nounTarget()))
	return a.addOutput(cmd)
}

func (a *app) startRun(ctx context.Context, job string, o *startOptions) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	q, err := a.startRequest(ctx, client, job, o)
	if err != nil {
		return err
	}
	queued, err := client.QueueRun(ctx, q)
	if err != nil {
		return err
	}
	if queued.Checked != nil && !*queued.Checked && o.parameters.given() && a.output != "json" {
		fmt.Fprintln(a.Err, "The parameters are not checked: this version of the script is not inspected.")
	}
	switch {
	case o.wait:
		if a.ErrTerminal {
			fmt.Fprintln(a.Err, a.paint(true, colourDim, "run "+queued.RunID+" "+queued.State))
		}
		return a.watch(ctx, client, queued.RunID, logOptions{}, true)
	case a.output == "json":
		return a.printJSON(queued)
	}
	fmt.Fprintf(a.Out, "%s\n", queued.RunID)
	if a.ErrTerminal {
		fmt.Fprintf(a.Err, "%s. Watch it with: epo run logs -f %s\n", queued.State, queued.RunID)
	}
	return nil
}

// check refuses what cannot be meant.
func (o *startOptions) check(job string) error {
	switch {
	case (job == "") == (o.script == ""):
		return errors.New("name either a job, or a script with --script and --target")
	case job != "" && len(o.targets) > 0:
		return errors.New("a job has targets of its own: leave --target out")
	case job != "" && o.version > 0:
		return errors.New("a job says itself which version it runs: leave --version out")
	case job == "" && len(o.targets) == 0:
		return errors.New("no target given: --target")
	}
	return nil
}

// startRequest turns names into what the server takes. A key of its own makes a lost answer harmless.
func (a *app) startRequest(ctx context.Context, c *api.Client, job string, o *startOptions) (q api.QueueRun, err error) {
	if err := o.check(job); err != nil {
		return q, err
	}
	if q.Parameters, err = o.parameters.value(); err != nil {
		return q, err
	}
	if q.TimeoutSeconds, err = wholeSeconds(o.timeout); err != nil {
		return q, err
	}
	if q.IdempotencyKey = o.key; q.IdempotencyKey == "" {
		q.IdempotencyKey = uuid.NewString()
	}
	if job != "" {
		found, err := nounJob().resolve(ctx, c, job)
		q.JobID = found.ID
		return q, err
	}
	script, err := nounScript().resolve(ctx, c, o.script)
	if err != nil {
		return q, err
	}
	if q.ScriptID = script.ID; o.version > 0 {
		versions, err := a.versions(ctx, c, script, o.version)
		if err != nil {
			return q, err
		}
		q.VersionID = versions[0].ID
	}
	q.TargetIDs, err = nounTarget().resolveAll(ctx, c, o.targets)
	return q, err
}

// findRun turns an id, or "last", into a run.
func findRun(ctx context.Context, c *api.Client, given string) (api.Run, error) {
	if given == lastRun {
		run, err := api.One[api.Run](ctx, c, api.ViewRuns, new(api.Query).Order("created_at.desc"))
		if api.Is(err, api.CodeNotFound) {
			err = errors.New("there is no run yet")
		}
		return run, err
	}
	if uuid.Validate(given) != nil || len(given) != 36 {
		return api.Run{}, fmt.Errorf("%q is no id of a run; `epo run list` shows them, and %q is the latest", given, lastRun)
	}
	run, err := api.One[api.Run](ctx, c, api.ViewRuns, api.Where("id", given))
	if api.Is(err, api.CodeNotFound) {
		err = &unknownError{word: "run", given: given}
	}
	return run, err
}

func (a *app) runList() *cobra.Command {
	var state, job string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List the latest runs", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := new(api.Query).Order("created_at.desc").Limit(limit)
			if state != "" {
				q.Eq("state", state)
			}
			if job != "" {
				client, err := a.client()
				if err != nil {
					return err
				}
				found, err := nounJob().resolve(cmd.Context(), client, job)
				if err != nil {
					return err
				}
				q.Eq("job_id", found.ID)
			}
			return list(cmd.Context(), a, api.ViewRuns, q, a.printRuns)
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "only runs in this state")
	cmd.Flags().StringVar(&job, "job", "", "only runs of this job")
	cmd.Flags().IntVar(&limit, "limit", 20, "at most so many")
	complete(cmd, "job", a.names(nounJob()))
	complete(cmd, "state", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"queued", "running", "succeeded", "partially_failed", "failed", "cancelled", "timed_out", "expired"}, cobra.ShellCompDirectiveNoFileComp
	})
	return a.addOutput(cmd)
}

func (a *app) printRuns(runs []api.Run) error {
	t := table{header: []string{"RUN", "STATE", "JOB", "SCRIPT", "TARGETS", "STARTED", "TOOK", "BY"}}
	for _, r := range runs {
		targets := fmt.Sprintf("%d/%d", r.TargetsSucceeded, r.TargetsTotal)
		t.add(text(r.ID), stateCell(r.State), text(orDash(r.JobName)), text(fmt.Sprintf("%s v%d", r.ScriptName, r.ScriptVersion)), text(targets),
			text(a.ago(&r.CreatedAt)), text(a.took(r.StartedAt, r.FinishedAt)), text(orDash(r.RequestedByName)))
	}
	return a.print(t, "No runs. `epo run start` starts one.")
}

func (a *app) runShow() *cobra.Command {
	return a.addOutput(&cobra.Command{
		Use: "show RUN", Short: "Show a run and how it went on each target", Args: cobra.ExactArgs(1),
		ValidArgsFunction: a.runIDs,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			run, err := findRun(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			if a.output == "json" {
				return a.printRow(cmd.Context(), client, api.ViewRuns, run.ID, part{"targets", api.ViewRunTargets, targetQuery(run.ID)})
			}
			targets, err := runTargets(cmd.Context(), client, run.ID)
			if err != nil {
				return err
			}
			return a.showRun(run, targets)
		},
	})
}

func runTargets(ctx context.Context, c *api.Client, runID string) ([]api.RunTarget, error) {
	return api.List[api.RunTarget](ctx, c, api.ViewRunTargets, targetQuery(runID))
}

func targetQuery(runID string) *api.Query {
	return api.Where("run_id", runID).Order("target_name", "id")
}

func (a *app) showRun(r api.Run, targets []api.RunTarget) error {
	a.fields("run", r.ID, "state", r.State, "job", orDash(r.JobName), "script", fmt.Sprintf("%s version %d", r.ScriptName, r.ScriptVersion),
		"sha256", r.ScriptSHA256, "parameters", string(r.Parameters), "checked", checkedText(r.Checked), "by", orDash(r.RequestedByName),
		"queued", a.ago(&r.CreatedAt), "took", a.took(r.StartedAt, r.FinishedAt))
	fmt.Fprintln(a.Out)
	t := table{header: []string{"TARGET", "STATE", "EXIT", "AGENT", "ATTEMPTS", "TOOK", "ERROR"}}
	for _, g := range targets {
		t.add(text(g.TargetName), stateCell(g.State), text(exitText(g.ExitCode)), text(orDash(g.AgentName)), number(g.Attempts),
			text(a.took(g.StartedAt, g.FinishedAt)), text(errorText(g.Error)))
	}
	return a.print(t, "No targets.")
}

func checkedText(checked bool) string {
	if checked {
		return "the parameters fit the inspected script"
	}
	return "no; the script was not inspected when the run was queued"
}

func exitText(code *int) string {
	if code == nil {
		return "-"
	}
	return fmt.Sprint(*code)
}

func errorText(e *api.ErrorInfo) string {
	if e == nil {
		return ""
	}
	return e.Code + ": " + e.Message
}

func (a *app) runCancel() *cobra.Command {
	return a.addOutput(&cobra.Command{
		Use: "cancel RUN", Short: "Ask for the end of a run", Args: cobra.ExactArgs(1),
		ValidArgsFunction: a.runIDs,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			run, err := findRun(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			cancelled, err := client.CancelRun(cmd.Context(), run.ID)
			if err != nil {
				return err
			}
			if a.output == "json" {
				return a.printJSON(cancelled)
			}
			if cancelled.State == "cancelled" {
				fmt.Fprintf(a.Out, "Run %s is cancelled\n", run.ID)
				return nil
			}
			fmt.Fprintf(a.Out, "Run %s is asked to end; it is %s now\n", run.ID, cancelled.State)
			return nil
		},
	})
}

// logOptions say which records of a run are shown, and how.
type logOptions struct {
	follow     bool
	streams    []string
	target     string
	timestamps bool
}

func (a *app) runLogs() *cobra.Command {
	var o logOptions
	cmd := &cobra.Command{
		Use:   "logs RUN",
		Short: "Show what a run wrote, from its first record on",
		Long: `Shows the log of a run. With -f it goes on until the run ends, and ends with the run's exit code. A console view has the streams
output, host, warning, verbose, debug, error and system; --stream names others, and -o json prints every record of every stream,
one JSON object per line.`,
		Example: "  epo run logs last\n  epo run logs -f 0192d1a8-6a3f-7c10-9d5b-0b7f5c1f2a33 --stream error,warning",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: a.runIDs,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			run, err := findRun(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			return a.watch(cmd.Context(), client, run.ID, o, o.follow)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on until the run ends")
	f.StringSliceVar(&o.streams, "stream", nil, "only these streams")
	f.StringVar(&o.target, "target", "", "only this target")
	f.BoolVarP(&o.timestamps, "timestamps", "t", false, "begin each line with its time")
	complete(cmd, "stream", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return allStreams(), cobra.ShellCompDirectiveNoFileComp
	})
	return a.addOutput(cmd)
}
