package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

// newFaultStack is a stack on a fixed address with an agent of its own and leases short enough to wait for.
func newFaultStack(t *testing.T) (*stack, *agent, ledger) {
	s := newStack(t, "--no-agent", "--listen", freeAddress(t))
	s.shortLeases()
	return s, s.newAgent(), s.newLedger()
}

// shortLeases makes a lease last three seconds instead of thirty.
func (s *stack) shortLeases() {
	s.t.Helper()
	s.superuser("update epo.tenant_policies set lease_seconds = 3")
}

// superuser does behind everybody's back what a test would have to wait for.
func (s *stack) superuser(sql string) {
	s.t.Helper()
	password, err := os.ReadFile(filepath.Join(s.data, "postgres", "superuser.password"))
	require.NoError(s.t, err)
	config, err := pgx.ParseConfig(s.DatabaseURL)
	require.NoError(s.t, err)
	config.User, config.Password = "epo_superuser", strings.TrimSpace(string(password))
	ctx, cancel := background()
	defer cancel()
	db, err := pgx.ConnectConfig(ctx, config)
	require.NoError(s.t, err)
	defer db.Close(ctx)
	_, err = db.Exec(ctx, sql)
	require.NoError(s.t, err)
}

// require that a run that went through a fault kept every promise: it ended, was started at most once, and if it succeeded
// its log is whole.
func (p *person) promisesKept(l ledger, runID, mark string, lines int) api.Run {
	p.t.Helper()
	run := p.finished(runID)
	require.LessOrEqual(p.t, l.starts(mark), 1, "run %s was started more than once", runID)
	records := p.records(runID) // checks the numbering
	if run.State == "succeeded" {
		require.Equal(p.t, 1, l.starts(mark))
		require.Len(p.t, texts(records, "output"), lines+2, "log of run %s", runID)
	} else {
		require.Equal(p.t, "unknown", p.theTarget(runID).State, "run %s is %s", runID, run.State)
	}
	return run
}

func held(mark string) map[string]any {
	return map[string]any{"Mark": mark, "Hold": true, "Lines": 50}
}

func TestKillAgentWhileQueuedRunsLater(t *testing.T) {
	t.Parallel()
	s, a, l := newFaultStack(t)
	p := s.adminPerson()
	script := p.push("ledger", l.script())
	a.kill()
	id := p.start(script, map[string]any{"Mark": "q"})
	a.start()
	require.Equal(t, "succeeded", p.promisesKept(l, id, "q", 3).State)
}

func TestKillAgentWhileRunningEndsUnknownAndStartsNothingTwice(t *testing.T) {
	t.Parallel()
	s, a, l := newFaultStack(t)
	p := s.adminPerson()
	id := p.start(p.push("ledger", l.script()), held("r"))
	p.started(id, "started")
	a.kill()
	a.start()
	require.Equal(t, "failed", p.promisesKept(l, id, "r", 50).State)
	require.Equal(t, "unknown", p.theTarget(id).State)
	// The agent works on.
	next := p.start(p.push("ledger", l.script()), map[string]any{"Mark": "after"})
	require.Equal(t, "succeeded", p.promisesKept(l, next, "after", 3).State)
}

func TestAgentThatNeverComesBackEndsUnknownWithinTheLease(t *testing.T) {
	t.Parallel()
	s, a, l := newFaultStack(t)
	p := s.adminPerson()
	id := p.start(p.push("ledger", l.script()), held("n"))
	p.started(id, "started")
	a.kill()
	require.Equal(t, "failed", p.promisesKept(l, id, "n", 50).State)
	require.Equal(t, "unknown", p.theTarget(id).State)
	a.start() // for a clean end of the test
}

func TestKillServerWhileRunningLosesNothing(t *testing.T) {
	t.Parallel()
	s, _, l := newFaultStack(t)
	p := s.adminPerson()
	id := p.start(p.push("ledger", l.script()), held("s"))
	p.started(id, "started")
	s.kill()
	l.open("s") // the script ends while nobody can hear it
	s.start()
	require.Equal(t, "succeeded", p.promisesKept(l, id, "s", 50).State)
}

func TestKillServerWhileQueuedRunsLater(t *testing.T) {
	t.Parallel()
	s, a, l := newFaultStack(t)
	p := s.adminPerson()
	script := p.push("ledger", l.script())
	a.kill()
	id := p.start(script, map[string]any{"Mark": "sq"})
	s.kill()
	s.start()
	a.start()
	require.Equal(t, "succeeded", p.promisesKept(l, id, "sq", 3).State)
}

func TestKillPostgresWhileRunningLosesNothing(t *testing.T) {
	t.Parallel()
	s, _, l := newFaultStack(t)
	p := s.adminPerson()
	id := p.start(p.push("ledger", l.script()), held("p"))
	p.started(id, "started")
	require.NoError(t, syscall.Kill(s.PostgresPID, syscall.SIGKILL))
	l.open("p")
	require.Equal(t, "succeeded", p.promisesKept(l, id, "p", 50).State)
}

// TestKillAtRandomMoments kills agent, server and PostgreSQL while short runs stream by, so that kills fall on claim,
// start, append and finish alike. The seed is printed; whatever the moment, the promises hold.
func TestKillAtRandomMoments(t *testing.T) {
	t.Parallel()
	s, a, l := newFaultStack(t)
	p := s.adminPerson()
	script := p.push("ledger", l.script())
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	runs := map[string]string{}
	for round, kill := range []func(){
		func() { a.kill(); a.start() },
		func() { s.kill(); s.start() },
		func() { _ = syscall.Kill(s.PostgresPID, syscall.SIGKILL) },
		func() { a.kill(); s.kill(); s.start(); a.start() },
	} {
		first := ""
		for n := range 8 {
			mark := fmt.Sprintf("k%d.%d", round, n)
			id := p.start(script, map[string]any{"Mark": mark, "Lines": 40})
			runs[mark] = id
			if n == 0 {
				first = id
			}
		}
		until(t, "the first run of the round to be on its way", func() bool {
			rows, err := api.List[api.Run](p.ctx, p.Client, api.ViewRuns, api.Where("id", first))
			return err == nil && len(rows) == 1 && rows[0].State != "queued"
		})
		pause, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(400))*time.Millisecond)
		<-pause.Done()
		cancel()
		kill()
		for n := range 8 {
			mark := fmt.Sprintf("k%d.%d", round, n)
			p.promisesKept(l, runs[mark], mark, 40)
		}
	}
}
