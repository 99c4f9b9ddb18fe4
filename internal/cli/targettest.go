package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
)

// testPause is how often a test of a connection is asked for its result.
const testPause = 300 * time.Millisecond

func (a *app) targetTest() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "test NAME",
		Short: "Have an agent test the connection to a target",
		Long: `Asks an agent that serves the target to connect to it, step by step, and shows what it found: name, port, TLS or host key,
authentication, PowerShell and what a script may do there. No script of yours runs. The exit code is 1 when the test failed.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: first(a.names(nounTarget())),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, target, err := a.target(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.testTarget(cmd.Context(), client, target, timeout)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "how long to wait for the result")
	return a.addOutput(cmd)
}

func (a *app) testTarget(ctx context.Context, client *api.Client, target api.Target, timeout time.Duration) error {
	id, err := client.InspectTarget(ctx, target.ID)
	if err != nil {
		return err
	}
	test, err := awaitTest(ctx, client, id, timeout)
	if err != nil {
		return err
	}
	if a.output == "json" {
		err = a.printRow(ctx, client, api.ViewTargetTests, id)
	} else {
		err = a.printTest(target, test)
	}
	if err == nil && (test.Result == nil || !test.Result.OK) {
		return exitError(1)
	}
	return err
}

// awaitTest asks until the test has ended, or timeout has passed.
func awaitTest(ctx context.Context, client *api.Client, id string, timeout time.Duration) (api.TargetTest, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no agent has answered within %s", timeout))
	defer cancel()
	ticker := time.NewTicker(testPause)
	defer ticker.Stop()
	state := "pending"
	for {
		test, err := api.One[api.TargetTest](ctx, client, api.ViewTargetTests, api.Where("id", id))
		switch {
		case err == nil && test.FinishedAt != nil:
			return test, nil
		case err == nil:
			state = test.State
		case ctx.Err() == nil:
			return test, err
		}
		select {
		case <-ctx.Done():
			return test, fmt.Errorf("the test is %s: %w; `epo agent list` shows who is online", state, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// printTest shows a test for people: each step, then what to do.
func (a *app) printTest(target api.Target, test api.TargetTest) error {
	switch {
	case test.Error != nil:
		fmt.Fprintf(a.Err, "The connection to %s could not be tested: %s (%s)\n", plainText(target.Name), plainText(test.Error.Message), plainText(test.Error.Code))
		return nil
	case test.Result == nil:
		fmt.Fprintf(a.Err, "The connection to %s was not tested: no agent that serves it was there in time\n", plainText(target.Name))
		return nil
	}
	r := test.Result
	t := table{header: []string{"CHECK", "STATE", "DETAIL"}}
	for _, c := range r.Checks {
		t.add(text(c.Name), checkCell(c.State), text(c.Detail))
	}
	if err := a.print(t, "The agent made no checks."); err != nil {
		return err
	}
	for _, c := range r.Checks {
		if c.Advice != "" && c.State != "ok" {
			fmt.Fprintf(a.Out, "%s: %s\n", plainText(c.Name), plainText(c.Advice))
		}
	}
	if !r.OK {
		fmt.Fprintf(a.Out, "The connection to %s does not work: %s\n", plainText(target.Name), plainText(r.Cause))
		return nil
	}
	fmt.Fprintf(a.Out, "The connection to %s works: PowerShell %s (%s), %.1fs\n", plainText(target.Name), plainText(r.Version), plainText(r.Edition), r.ElapsedMS/1000)
	return nil
}

func checkCell(state string) cell {
	switch state {
	case "ok":
		return cell{state, colourGreen}
	case "warning":
		return cell{state, colourYellow}
	case "failed":
		return cell{state, colourRed}
	}
	return cell{state, colourDim}
}
