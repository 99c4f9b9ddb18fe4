package command

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/agent"
	"github.com/epo-dev/epo/internal/executor"
)

// The agent is small and mostly waits: it trades some work of the collector for memory.
const (
	gcPercent   = 50
	memoryLimit = 512 << 20 // bytes; a burst may pass it, the collector then works harder
)

// runOptions are the flags of run.
type runOptions struct {
	config              agent.Config
	executor            executorOptions
	logLevel, logFormat string
	drain               time.Duration
}

func newRun() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Work for the server until SIGTERM or Ctrl-C",
		Long: `Waits for work, runs it, and sends every record and result to the server. On SIGTERM or Ctrl-C it takes no new work, lets
running scripts end for --drain-timeout, ends those that are left, and sends their results; a second signal ends it at
once. What could not be sent lies in the spool of the state folder and is sent at the next start.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.config.StateDir, "state", defaultState(), "folder for identity, keys and spool")
	f.StringVar(&o.executor.workDir, "work-dir", "", "folder that scripts run in (default: the state folder's name with -work)")
	f.StringVar(&o.config.Server, "server", "", "address of the server (default: the one it was enrolled at)")
	f.IntVar(&o.config.Capacity, "capacity", 0, "scripts at once (default: two per CPU, between 2 and 16)")
	f.IntVar(&o.executor.warmMin, "warm-min", 1, "PowerShell processes that always wait ready, about 60 MB each")
	f.IntVar(&o.executor.warmMax, "warm-max", 4, "at most so many when there is demand")
	f.StringVar(&o.executor.account, "account", executor.RunAccount, "as root: account that scripts run as; \""+noAccount+"\" lets them run as root")
	f.StringVar(&o.executor.identities, "identities", "", "file that tells whom to be on remote targets (default: identities.json in the state folder)")
	f.Int64Var(&o.executor.maxStream, "max-stream", 0, "MiB that each stream of a run may have; what is more is left out of the log, and the log says so (0: no limit)")
	f.DurationVar(&o.drain, "drain-timeout", 30*time.Second, "how long a stop waits for running scripts")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&o.logFormat, "log-format", "text", "text or json")
	return cmd
}

func (o *runOptions) run(cmd *cobra.Command) error {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
	logger, err := newLogger(cmd.ErrOrStderr(), o.logLevel, o.logFormat)
	if err != nil {
		return err
	}
	if _, err := agent.LoadIdentity(o.config.StateDir); err != nil {
		return explain(err, o.config.StateDir)
	}
	o.executor.logger = logger
	o.executor.state = o.config.StateDir
	o.executor.workDir = workDir(o.config.StateDir, o.executor.workDir)
	e, err := newExecutor(cmd.Context(), o.executor)
	if err != nil {
		return err
	}
	defer e.Close()
	o.config.Executor, o.config.Logger, o.config.DrainTimeout = e, logger, o.drain
	if o.drain == 0 {
		o.config.DrainTimeout = -1 // not at all
	}
	a, err := agent.New(o.config)
	if err != nil {
		return err
	}
	return a.Run(cmd.Context())
}

// explain adds what to type.
func explain(err error, state string) error {
	if errors.Is(err, agent.ErrNotEnrolled) {
		return fmt.Errorf("%w: %s holds no identity; `epo-agent enroll` makes one", err, state)
	}
	return err
}

func newLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: want debug, info, warn or error", level)
	}
	o := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return nil, fmt.Errorf("log format %q: want text or json", format)
}
