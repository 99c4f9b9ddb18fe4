package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/version"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// exitError ends the program with a code of its own; what there is to say has been said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Main runs one command and returns the program's exit code. SIGINT and SIGTERM ask it to stop; a second one ends it.
func Main(args []string, s Streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from then on a signal has its usual effect
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if code, ok := errors.AsType[exitError](err); ok {
		return int(code)
	}
	if err != nil {
		fmt.Fprintln(s.Err, "epo-agent:", err)
		if advice := api.Advice(api.CodeOf(err)); advice != "" {
			fmt.Fprintln(s.Err, "  "+advice)
		}
		return 1
	}
	return 0
}

func newRoot(s Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "epo-agent",
		Short: "Runs PowerShell scripts on this machine for an EPO server",
		Long: `epo-agent runs PowerShell scripts on this machine. It asks an EPO server for work over outbound HTTPS and opens
no port of its own. Begin with:

  epo-agent enroll --server https://epo.example.com --token …   a token comes from ` + "`epo agent enroll-token`" + `
  epo-agent doctor                                              what is in order and what is not
  epo-agent run                                                 work until SIGTERM or Ctrl-C

Settings (` + "`--state`, `--server`, `--capacity`" + ` and so on) can also be given in the environment, as EPO_AGENT_STATE and so on,
or as members of the JSON object in the file of --config: {"state": "/srv/agent", "capacity": 8}. A flag wins over the
environment, and the environment over the file.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version.String(),
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.PersistentFlags().String("config", "", "JSON file with settings; its members are named like the flags")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return applySettings(cmd, os.Getenv) }
	root.AddCommand(newEnroll(), newRun(), newExec(), newDoctor(), newVersion())
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of this build", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), version.String()) },
	}
}
