package cli

import (
	"context"
	"fmt"

	"github.com/epo-dev/epo/internal/api"
)

// watch shows a run's log. When wait is set it goes on to the run's end and returns an exitError with the run's code.
func (a *app) watch(ctx context.Context, c *api.Client, runID string, o logOptions, wait bool) error {
	view := a.newView(o)
	f := newFollower(c, runID, view)
	f.now, f.note = a.Now, view.note
	if o.target != "" {
		target, err := findRunTarget(ctx, c, runID, o.target)
		if err != nil {
			return err
		}
		f.only = target.ID
	}
	if !wait {
		_, err := f.once(ctx)
		view.done()
		return interrupted(ctx, err)
	}
	run, err := f.follow(ctx)
	view.done()
	if ctx.Err() != nil {
		fmt.Fprintf(a.Err, "Stopped watching; the run goes on.\n  watch again:  epo run logs -f %s\n  end the run:  epo run cancel %s\n", runID, runID)
		return exitError(130)
	}
	if err != nil {
		return err
	}
	return a.conclude(ctx, c, run)
}

func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return exitError(130)
	}
	return err
}

func findRunTarget(ctx context.Context, c *api.Client, runID, given string) (api.RunTarget, error) {
	targets, err := runTargets(ctx, c, runID)
	for _, t := range targets {
		if t.TargetName == given || t.TargetID == given || t.ID == given {
			return t, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("the run has no target %q; `epo run show %s` shows them", given, runID)
	}
	return api.RunTarget{}, err
}

// conclude says how the run ended and turns it into the program's exit code.
func (a *app) conclude(ctx context.Context, c *api.Client, run api.Run) error {
	targets, err := runTargets(ctx, c, run.ID)
	if err != nil {
		return err
	}
	if a.output == "json" {
		if err := a.printLine(map[string]any{"run": run, "targets": targets}); err != nil {
			return err
		}
	} else {
		a.sayEnd(run, targets)
	}
	return exitCode(run, targets)
}

// sayEnd prints one line for a success, to a person only, and the reasons of a failure to everybody.
func (a *app) sayEnd(run api.Run, targets []api.RunTarget) {
	state := a.paint(a.ErrTerminal, stateColour(run.State), run.State)
	if run.State == "succeeded" {
		if a.ErrTerminal {
			fmt.Fprintf(a.Err, "%s in %s\n", state, a.took(run.StartedAt, run.FinishedAt))
		}
		return
	}
	fmt.Fprintf(a.Err, "run %s %s", run.ID, state)
	if run.TargetsTotal > 1 {
		fmt.Fprintf(a.Err, ": %d of %d targets succeeded", run.TargetsSucceeded, run.TargetsTotal)
	}
	fmt.Fprintln(a.Err)
	for _, t := range targets {
		if t.State != "succeeded" {
			fmt.Fprintf(a.Err, "  %s: %s\n", oneLine(t.TargetName), reason(t))
		}
	}
}

func reason(t api.RunTarget) string {
	if t.Error == nil {
		return t.State
	}
	text := t.State
	if t.Error.Code != t.State {
		text += ", " + t.Error.Code
	}
	text += ": " + oneLine(t.Error.Message)
	if advice := api.Advice(t.Error.Code); advice != "" {
		text += " (" + advice + ")"
	}
	return text
}

// exitCode is 0 for a success, the script's own code where one target gave one that is not 0, else 1.
func exitCode(run api.Run, targets []api.RunTarget) error {
	if run.State == "succeeded" {
		return nil
	}
	if len(targets) == 1 && targets[0].ExitCode != nil {
		if code := *targets[0].ExitCode & 0xff; code != 0 {
			return exitError(code)
		}
	}
	return exitError(1)
}
