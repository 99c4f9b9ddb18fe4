package db_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/testkit"
)

// benchBundle has n targets in the queue of one tenant, in runs of 1000.
func benchBundle(b *testing.B, n int) bundle {
	b.Helper()
	d := testkit.DB(b)
	out := bundle{Tenant: d.CreateTenant(b, "bench"), db: d}
	out.agent = out.CreateAgent(b, "agent-1")
	out.scriptID, _ = out.PushScript(b, "noop", "exit 0")
	d.Exec(b, fmt.Sprintf(`insert into epo.targets (tenant_id, name, kind, pool_id)
		select '%s', 'many-' || n, 'local', '%s' from generate_series(1, 1000) as n`, out.ID, out.PoolID))
	ids := testkit.Value[[]string](b, d, "select array_agg(id::text) from epo.targets where name like 'many-%'")
	for queued := 0; queued < n; queued += 1000 {
		out.QueueRun(b, out.scriptID, ids...)
	}
	d.Exec(b, "vacuum analyze")
	return out
}

// BenchmarkRunTargets takes run targets through claim, start and finish, each
// call a durable transaction on the full path; one operation is one run target.
func BenchmarkRunTargets(b *testing.B) {
	for _, batch := range []int{1, 10, 100} {
		b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) {
			bench := benchBundle(b, b.N+8*batch)
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			b.RunParallel(func(p *testing.PB) {
				var work []claimed
				for left.Add(int64(-batch)) > int64(-batch) {
					work = bench.cycle(b, work, batch)
				}
				for p.Next() { // the count is kept above
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "targets/s")
		})
	}
}

// cycle starts and finishes what it has and claims the next with the finish.
func (b bundle) cycle(t testing.TB, work []claimed, n int) []claimed {
	items, results := []any{}, []map[string]any{}
	for _, c := range work {
		items = append(items, c.item("isolation", "account", "engine_version", "7.6.9"))
		results = append(results, c.result(0, "succeeded"))
	}
	if len(work) > 0 {
		_, err := b.db.Call(t.Context(), b.agent, "start_attempts", testkit.Args{"items": items})
		require.NoError(t, err)
	}
	reply, err := b.db.Call(t.Context(), b.agent, "finish_attempts", testkit.Args{"results": results, "claim_max": n})
	var answer struct{ Claimed []claimed }
	require.NoError(t, errors.Join(err, json.Unmarshal(reply.JSON, &answer)))
	return answer.Claimed
}

// BenchmarkAppendLog appends chunks of 100 records of about 100 bytes.
func BenchmarkAppendLog(b *testing.B) {
	bench := benchBundle(b, 1)
	var work []claimed
	reply, err := bench.db.Call(b.Context(), bench.agent, "claim_run_targets", testkit.Args{"max_targets": 1})
	require.NoError(b, errors.Join(err, json.Unmarshal(reply.JSON, &work)))
	const records = 100
	text := chunk(1, records)
	b.ResetTimer()
	for i := range b.N {
		args := testkit.Args{"attempt_id": work[0].AttemptID, "fencing_token": 1, "first_seq": i*records + 1, "record_count": records, "chunk": text}
		_, err := bench.db.Call(b.Context(), bench.agent, "append_log", args)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkQueueRun queues a run of one target, of a script without a job.
func BenchmarkQueueRun(b *testing.B) {
	bench := benchBundle(b, 1)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			_, err := bench.db.Call(b.Context(), bench.Operator, "queue_run", testkit.Args{"script_id": bench.scriptID, "target_ids": []string{bench.TargetID}})
			require.NoError(b, err)
		}
	})
}

// BenchmarkQueueThousandTargets queues a run of a thousand targets in one call.
func BenchmarkQueueThousandTargets(b *testing.B) {
	bench := benchBundle(b, 1)
	ids := testkit.Value[[]string](b, bench.db, "select array_agg(id::text) from epo.targets where name like 'many-%'")
	for b.Loop() {
		_, err := bench.db.Call(b.Context(), bench.Operator, "queue_run", testkit.Args{"script_id": bench.scriptID, "target_ids": ids})
		require.NoError(b, err)
	}
}
