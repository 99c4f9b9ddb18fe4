package db_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/epo-dev/epo/internal/testkit"
)

// However many agents claim at once, and in whatever portions, each target is
// given once, none is left, and each goes to an agent that may have it.
func TestConcurrentClaimsGiveEachTargetOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.targets(t, 60)
	agents := []testkit.Agent{b.agent, b.CreateAgent(t, "agent-2"), b.CreateAgent(t, "agent-3"), b.CreateAgent(t, "agent-4")}
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.IntRange(1, len(ids)).Draw(r, "targets")
		portion := rapid.IntRange(1, 20).Draw(r, "portion")
		runs := rapid.IntRange(1, 3).Draw(r, "runs")
		want := 0
		for range runs {
			b.QueueRun(t, b.scriptID, ids[:size]...)
			want += size
		}
		got := claimAll(r, b, agents, portion)
		slices.Sort(got)
		require.Len(r, got, want)
		require.Len(r, slices.Compact(got), want, "a target was given twice")
		b.db.Exec(t, clearRuns)
	})
}

// clearRuns empties the queue behind the back of the triggers.
const clearRuns = `
	set session_replication_role = replica;
	delete from epo.job_run_logs; delete from epo.attempts; delete from epo.job_run_targets; delete from epo.job_runs;
	reset session_replication_role`

// claimAll lets every agent claim until it finds nothing, all at once, and
// returns the run targets they got.
func claimAll(t require.TestingT, b bundle, agents []testkit.Agent, portion int) []string {
	perAgent := make([][]string, len(agents))
	var group errgroup.Group
	for i, agent := range agents {
		group.Go(func() error {
			for {
				reply, err := b.db.Call(b.context(), agent, "claim_run_targets", testkit.Args{"max_targets": portion})
				var work []claimed
				if err := errors.Join(err, json.Unmarshal(reply.JSON, &work)); err != nil || len(work) == 0 {
					return err
				}
				for _, c := range work {
					perAgent[i] = append(perAgent[i], c.RunTargetID)
				}
			}
		})
	}
	require.NoError(t, group.Wait())
	return slices.Concat(perAgent...)
}

// Many agents finish the targets of the same runs at the same time: each run
// ends once, with the right counts, and nobody waits for each other in a circle.
func TestConcurrentFinishesEndEachRunOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.targets(t, 24)
	runs := make([]string, 4)
	for i := range runs {
		runs[i] = b.QueueRun(t, b.scriptID, ids...)
	}
	work := b.claim(t, 1000)
	require.Len(t, work, len(ids)*len(runs))
	b.start(t, work...)
	// Deal the work out so that each batch has targets of every run.
	batches := make([][]map[string]any, 8)
	for i, c := range work {
		state := "succeeded"
		if c.RunID == runs[0] && i%2 == 0 {
			state = "failed"
		}
		batches[i%len(batches)] = append(batches[i%len(batches)], c.result(0, state))
	}
	var group errgroup.Group
	for _, batch := range batches {
		group.Go(func() error {
			_, err := b.db.Call(t.Context(), b.agent, "finish_attempts", testkit.Args{"results": batch})
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, "partially_failed", b.runState(t, runs[0]))
	for _, run := range runs[1:] {
		require.Equal(t, "succeeded", b.runState(t, run))
	}
	require.EqualValues(t, len(runs), testkit.Value[int](t, b.db,
		"select count(*)::int from audit.audit_log where table_name = 'epo.job_runs' and after ? 'state' and action = 'update' and before ->> 'state' = 'running'"))
}

// With many rows of one tenant waiting, a claim goes to the index of the ready
// rows and to primary keys; a plan that reads the table costs twelve times more.
func TestClaimReadsNoTableWhole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.db.Exec(t, fmt.Sprintf(`insert into epo.targets (tenant_id, name, kind, pool_id)
		select '%s', 'many-' || n, 'local', '%s' from generate_series(1, 3000) as n`, b.ID, b.PoolID))
	ids := testkit.Value[[]string](t, b.db, "select array_agg(id::text) from epo.targets where name like 'many-%'")
	for range 3 {
		b.QueueRun(t, b.scriptID, ids...)
	}
	b.db.Exec(t, "analyze epo.job_run_targets, epo.job_runs, epo.attempts")
	const scans = "select jsonb_object_agg(relname, seq_scan) from pg_stat_all_tables where relname in ('job_run_targets', 'job_runs', 'attempts')"
	before := testkit.Value[map[string]int](t, b.db, scans)
	for range 10 { // past the custom plans, into the generic one
		work := b.claim(t, 10)
		require.Len(t, work, 10)
		b.start(t, work...)
		results := make([]map[string]any, len(work))
		for i, c := range work {
			results[i] = c.result(0, "succeeded")
		}
		b.finishAll(t, results...)
	}
	b.db.Store.Close() // a session reports what it did when it ends
	require.Equal(t, before, testkit.Value[map[string]int](t, b.db, scans))
}
