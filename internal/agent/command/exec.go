package command

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/executor"
)

// execOptions are the flags of exec.
type execOptions struct {
	script     string
	params     []string
	paramsFile string
	json       bool
	account    string
	timeout    time.Duration
	verbose    bool
	target     targetFlags
}

func newExec() *cobra.Command {
	var o execOptions
	cmd := &cobra.Command{
		Use:   "exec --script FILE",
		Short: "Run a script now, here or on a target, without a server",
		Long: `Runs a script through the same executor that ` + "`run`" + ` uses. The exit code is the script's; 124 after --timeout, 130 after
Ctrl-C. With --json each line is one record of the log, and the last line is the result.

A parameter's value is JSON if it is a whole number, true, false, null, "text", [list] or {object}, else a text; NAME:=JSON
forces JSON, and NAME alone is true, for a switch. PowerShell converts it to the parameter's type.`,
		Example: `  epo-agent exec --script hello.ps1 --target 'ssh://ann@web-1' --host-key SHA256:…
  epo-agent exec --script hello.ps1 --param Name=EPO --param Times=3
  epo-agent exec --script hello.ps1 --params-json values.json --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.script, "script", "", "file of the script")
	f.StringArrayVar(&o.params, "param", nil, "a parameter, NAME=VALUE; may be repeated")
	f.StringVar(&o.paramsFile, "params-json", "", "file with the parameters as a JSON object; --param wins")
	f.BoolVar(&o.json, "json", false, "print records as JSON, one per line, the result last")
	f.DurationVar(&o.timeout, "timeout", 0, "end the script after this time")
	f.StringVar(&o.account, "account", executor.RunAccount, "as root: account that the script runs as; \""+noAccount+"\" lets it run as root")
	o.target.add(f, "where the script runs")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "say what the executor does")
	return cmd
}

func (o *execOptions) run(cmd *cobra.Command) error {
	if o.script == "" {
		return errors.New("no script given: --script FILE")
	}
	var object []byte
	var err error
	if o.paramsFile != "" {
		if object, err = os.ReadFile(o.paramsFile); err != nil {
			return fmt.Errorf("read parameters: %w", err)
		}
	}
	params, err := api.ParseParameters(object, o.params)
	if err != nil {
		return err
	}
	target, err := o.target.spec()
	if err != nil {
		return err
	}
	options := executor.ExecOptions{
		Target: target, Identities: o.target.identities, KnownHosts: o.target.knownHostsFiles(),
		ScriptPath: o.script, ParamsJSON: params, JSON: o.json, Timeout: o.timeout,
		Out: cmd.OutOrStdout(), ErrOut: cmd.ErrOrStderr(), Account: o.account,
	}
	if o.account == noAccount {
		options.Account = ""
	}
	if o.verbose {
		options.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	code, err := executor.Exec(cmd.Context(), options)
	if err != nil {
		return err
	}
	if code != 0 {
		return exitError(code)
	}
	return nil
}
