package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/filelock"
	"github.com/epo-dev/epo/internal/version"
)

// Agent works for the tenant it is enrolled at. Make one with New, then call Run once.
type Agent struct {
	config   Config
	identity Identity
	client   *api.Client
	logger   *slog.Logger
	table    *table
	crew     *crew
	draining atomic.Bool

	dispatcher *dispatcher
	services   []func(context.Context) error
}

// New reads the identity and prepares everything; it connects to nothing and starts nothing.
func New(c Config) (*Agent, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	identity, err := LoadIdentity(c.StateDir)
	if err != nil {
		return nil, err
	}
	a := &Agent{config: c, identity: identity, table: newTable()}
	a.logger = c.Logger.With("agent_id", identity.AgentID, "tenant_id", identity.TenantID)
	if a.client, err = a.connect(); err != nil {
		return nil, err
	}
	a.wire()
	return a, nil
}

// Identity returns who the agent is.
func (a *Agent) Identity() Identity { return a.identity }

// connect makes the client whose tokens come by assertion. Its own repeats are short: the services try on by themselves.
func (a *Agent) connect() (*api.Client, error) {
	server := a.config.Server
	if server == "" {
		server = a.identity.Server
	}
	c := api.Config{Server: server, HTTP: a.config.HTTP, Retry: api.Retry{Tries: 2}, UserAgent: "epo-agent/" + version.String()}
	plain, err := api.New(c)
	if err != nil {
		return nil, err
	}
	c.HTTP = plain.HTTPClient()
	c.Tokens = &tokens{identity: a.identity, client: plain, clock: a.config.Clock}
	return api.New(c)
}

func (a *Agent) wire() {
	c := a.config
	link := &link{logger: a.logger}
	work, renew, inspect := newBell(), newBell(), newBell()
	a.crew = &crew{
		config: c, client: a.client, link: link, logger: a.logger, table: a.table,
		contents: newContents(a.client.ScriptContent),
	}
	a.dispatcher = &dispatcher{
		client: a.client, clock: c.Clock, link: link, logger: a.logger, table: a.table, wake: work, poll: c.Poll,
		capacity: c.Capacity, draining: &a.draining, begin: a.crew.begin, again: a.crew.upload,
	}
	a.crew.dispatcher = a.dispatcher
	beats := &heartbeat{
		client: a.client, clock: c.Clock, link: link, logger: a.logger, table: a.table, wake: renew, every: c.Heartbeat, info: a.info,
	}
	wait := &waiter{client: a.client, clock: c.Clock, link: link, timeout: c.WaitTimeout, bells: []bell{work, renew, inspect}}
	inspections := &inspections{
		client: a.client, clock: c.Clock, link: link, logger: a.logger, wake: inspect, poll: c.Poll, draining: &a.draining,
		executor: c.Executor, contents: a.crew.contents, doing: map[string]int{},
	}
	a.services = []func(context.Context) error{wait.run, a.dispatcher.run, beats.run, inspections.run}
}

// info is what a heartbeat says.
func (a *Agent) info() api.AgentInfo {
	host, _ := os.Hostname()
	info := api.AgentInfo{Version: version.String(), Hostname: host, OS: runtime.GOOS, Arch: runtime.GOARCH, Capacity: a.config.Capacity}
	a.config.Executor.Describe(&info)
	return info
}

// Run works until ctx ends, then stops claiming, lets scripts end for DrainTimeout, ends those that are left, brings their
// results out, and returns nil. It returns early with an error when another agent holds the state folder (ErrRunning) or
// when the server has revoked this one (api.CodeAgentRevoked). No script runs any more when it returns.
func (a *Agent) Run(ctx context.Context) error {
	lock, err := filelock.Try(filepath.Join(a.config.StateDir, lockFile))
	if errors.Is(err, filelock.ErrHeld) {
		return fmt.Errorf("%w on %s", ErrRunning, a.config.StateDir)
	}
	if err != nil {
		return err
	}
	defer lock.Release()
	segment := min(a.config.SpoolBytes, 4<<20)
	a.crew.spool, err = openSpool(a.config.spoolDir(), journalOptions{segmentBytes: segment, maxUnsent: a.config.SpoolBytes}, a.logger)
	if err != nil {
		return err
	}
	journals, err := a.crew.spool.recover()
	if err != nil {
		return err
	}
	return a.serve(ctx, journals)
}

// serve runs the services under a context of their own, so that they outlive ctx while the agent drains.
func (a *Agent) serve(ctx context.Context, journals []*journal) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	group, life := errgroup.WithContext(life)
	a.crew.life = life
	a.crew.recover(journals)
	for _, service := range a.services {
		group.Go(func() error { return service(life) })
	}
	a.logger.Info("agent works", "server", a.client.Server(), "name", a.identity.Name, "pool", a.identity.Pool, "capacity", a.config.Capacity)
	group.Go(func() error {
		defer end()
		select {
		case <-life.Done():
		case <-ctx.Done():
			a.drain(life)
		}
		return nil
	})
	err := group.Wait()
	a.crew.wait.Wait()
	a.client.CloseIdle()
	return err
}

// drain is a stop with patience: for the scripts first, then for their results.
func (a *Agent) drain(life context.Context) {
	a.draining.Store(true)
	_, busy := a.table.counts()
	a.logger.Info("agent stops: no new work is taken", "running", busy)
	idle := func(_, busy int) bool { return busy == 0 }
	if a.config.DrainTimeout > 0 {
		a.table.await(life, a.config.Clock.After(a.config.DrainTimeout), idle)
	}
	for _, at := range a.table.all() {
		at.stop(errStopped)
	}
	empty := func(attempts, _ int) bool { return attempts == 0 }
	a.table.await(life, nil, idle) // the executor ends what it runs, by force if need be
	if !a.table.await(life, a.config.Clock.After(a.config.FinishTimeout), empty) {
		left, _ := a.table.counts()
		a.logger.Warn("results could not be sent; the next start sends them", "attempts", left)
	}
}
