package command

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/epo-dev/epo/internal/account"
	"github.com/epo-dev/epo/internal/agent"
	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/executor"
	"github.com/epo-dev/epo/internal/runtime"
)

// localExecutor runs the agent's work by an executor.Executor.
type localExecutor struct {
	*executor.Executor
	engine    runtime.Engine
	maxStream int64 // bytes of each stream of a run; 0: no limit
}

// Run implements agent.Executor.
func (e localExecutor) Run(ctx context.Context, w agent.Work, emit func(api.Record)) api.Result {
	return e.Executor.Run(ctx, executor.Request{
		AttemptID: w.AttemptID, ScriptName: w.ScriptName, Script: w.Script, SHA256: w.SHA256,
		Parameters: w.Parameters, Timeout: w.Timeout,
		Target: w.Target, TargetName: w.TargetName, MaxStream: e.maxStream,
	}, emit)
}

// InspectTarget implements agent.Executor.
func (e localExecutor) InspectTarget(ctx context.Context, target api.ClaimedTarget) (api.ConnectionResult, *api.ErrorInfo) {
	spec, err := api.DecodeTarget(target.Kind, target.Options)
	if err != nil {
		return api.ConnectionResult{}, &api.ErrorInfo{Code: api.CodeTargetUnsupported, Message: err.Error()}
	}
	return e.Executor.InspectTarget(ctx, spec, target.Name)
}

// Describe implements agent.Executor.
func (e localExecutor) Describe(info *api.AgentInfo) {
	info.Isolation, info.EngineVersion, info.Warm = e.Isolation(), e.engine.Version, e.Warm()
}

// executorOptions are what a run of the agent says about how scripts run.
type executorOptions struct {
	workDir          string
	account          string
	warmMin, warmMax int
	state            string // has known_hosts, and the identities file unless another is named
	identities       string
	maxStream        int64 // MiB
	logger           *slog.Logger
}

// noAccount is the value of --account that lets scripts run as the agent itself.
const noAccount = "none"

// newExecutor finds PowerShell and prepares to run it. Without PowerShell it says so and goes on: each run then fails with
// runtime_missing, which its owner can read.
func newExecutor(ctx context.Context, o executorOptions) (localExecutor, error) {
	engine, err := runtime.Find(ctx)
	if err != nil {
		o.logger.Error("no PowerShell on this machine: every run will fail with runtime_missing; install it and start the agent again", "code", api.CodeRuntimeMissing, "error", err)
		o.warmMin, o.warmMax = 0, 0
	}
	config := executor.Config{Engine: engine, WorkDir: o.workDir, WarmMin: o.warmMin, WarmMax: o.warmMax, Logger: o.logger}
	config.Identities = cmp.Or(o.identities, filepath.Join(o.state, executor.IdentitiesFile))
	config.KnownHosts = []string{filepath.Join(o.state, "known_hosts")}
	if config.Account, err = runAccount(o); err != nil {
		return localExecutor{}, err
	}
	if engine.Found() {
		o.logger.Info("engine found", "engine", engine.String())
	}
	if config.Account == nil {
		o.logger.Warn("isolation none: scripts can do and read what this account can, the agent's keys included")
	}
	e, err := executor.New(config)
	return localExecutor{Executor: e, engine: engine, maxStream: o.maxStream << 20}, err
}

// runAccount returns whom scripts run as: as root an account that may do nothing else, unless root was asked for.
func runAccount(o executorOptions) (*account.Account, error) {
	if os.Geteuid() != 0 || o.account == noAccount {
		return nil, nil
	}
	a, created, err := account.Ensure(o.account)
	if err != nil {
		return nil, fmt.Errorf("account for scripts: %w; --account %s lets them run as root", err, noAccount)
	}
	if created {
		o.logger.Info("account made for scripts", "account", a.Name)
	}
	return &a, nil
}
