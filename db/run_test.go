package db_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/epo-dev/epo/internal/testkit"
)

func TestRunReachesItsResult(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.QueueRun(t, b.scriptID)
	require.Equal(t, "queued", b.runState(t, run))

	work := b.claim(t, 10)
	require.Len(t, work, 1)
	c := work[0]
	require.Equal(t, run, c.RunID)
	require.Equal(t, 1, c.Number)
	require.Equal(t, 30, c.LeaseSeconds)
	require.Equal(t, "here", c.Target.Name)
	content, err := base64.StdEncoding.DecodeString(c.Script.Content)
	require.NoError(t, err)
	require.Equal(t, "Write-Output 'hello from acme'", string(content))
	require.Equal(t, []string{"claimed"}, b.targetStates(t, run))

	require.Equal(t, []verdict{{AttemptID: c.AttemptID, OK: true}}, b.start(t, c))
	require.Equal(t, "running", b.runState(t, run))
	require.Equal(t, []string{"running"}, b.targetStates(t, run))
	require.EqualValues(t, 4, b.append(t, c, 1, 3))
	require.Equal(t, verdict{AttemptID: c.AttemptID, OK: true}, b.finish(t, c, 3, "succeeded"))
	require.Equal(t, "succeeded", b.runState(t, run))
	require.Equal(t, []string{"succeeded"}, b.targetStates(t, run))
	require.Empty(t, b.claim(t, 10))
}

func TestResultOfARunFollowsItsTargets(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ends []string
		want string
	}{
		{[]string{"succeeded", "succeeded", "succeeded"}, "succeeded"},
		{[]string{"succeeded", "failed", "succeeded"}, "partially_failed"},
		{[]string{"succeeded", "unknown"}, "partially_failed"},
		{[]string{"succeeded", "timed_out"}, "partially_failed"},
		{[]string{"failed", "failed"}, "failed"},
		{[]string{"failed", "timed_out"}, "failed"},
		{[]string{"unknown"}, "failed"},
		{[]string{"cancelled"}, "failed"}, // nobody cancelled the run itself
		{[]string{"timed_out", "timed_out"}, "timed_out"},
	} {
		t.Run(fmt.Sprint(test.ends), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			run := b.QueueRun(t, b.scriptID, b.targets(t, len(test.ends))...)
			work := b.claim(t, 10)
			b.start(t, work...)
			for i, c := range work {
				require.Equal(t, "running", b.runState(t, run))
				require.True(t, b.finish(t, c, 0, test.ends[i]).OK)
			}
			require.Equal(t, test.want, b.runState(t, run))
		})
	}
}

func TestAttemptThatNeverStartedCannotSucceed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.QueueRun(t, b.scriptID)
	c := b.claim(t, 1)[0]
	require.Equal(t, "invalid_argument", b.finish(t, c, 0, "succeeded").Code)
	require.True(t, b.finish(t, c, 0, "failed").OK) // as with runtime_missing
	require.Equal(t, "failed", b.runState(t, run))
}

func TestFinishIsRecordedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.QueueRun(t, b.scriptID, b.targets(t, 2)...)
	work := b.claim(t, 2)
	b.start(t, work...)
	for range 3 { // the answer may be lost on the way
		require.True(t, b.finish(t, work[0], 0, "succeeded").OK)
	}
	require.Equal(t, "conflict", b.finish(t, work[0], 0, "failed").Code)
	require.Equal(t, "running", b.runState(t, run))
	require.EqualValues(t, 1, testkit.Value[int](t, b.db, "select targets_succeeded from epo.job_runs where id = $1", run))
	require.True(t, b.finish(t, work[1], 0, "succeeded").OK)
	require.Equal(t, "succeeded", b.runState(t, run))
}

func TestFinishWaitsForTheLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.QueueRun(t, b.scriptID)
	c := b.claim(t, 1)[0]
	b.start(t, c)
	b.append(t, c, 1, 2)
	got := b.finish(t, c, 5, "succeeded")
	require.Equal(t, verdict{AttemptID: c.AttemptID, Code: "log_gap", Expected: 3}, got)
	require.Equal(t, "running", b.runState(t, run))
	b.append(t, c, 3, 5)
	require.True(t, b.finish(t, c, 5, "succeeded").OK)
}

func TestStaleFencingTokenWritesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.QueueRun(t, b.scriptID)
	stale := b.claim(t, 1)[0]
	b.expireLeases(t)
	b.reap(t)
	fresh := b.claim(t, 1)[0]
	require.Greater(t, fresh.FencingToken, stale.FencingToken)

	forged := fresh // the right attempt, a token of before
	forged.FencingToken = stale.FencingToken
	for _, c := range []claimed{stale, forged} {
		require.Equal(t, "lease_lost", b.start(t, c)[0].Code)
		b.refuse(t, "lease_lost", b.agent, "append_log", c.log(1, 1))
		require.Equal(t, "lease_lost", b.finish(t, c, 0, "failed").Code)
		renewal := ask[struct{ Leases []verdict }](t, b, b.agent, "renew_leases", testkit.Args{"leases": []any{c.item()}})
		require.False(t, renewal.Leases[0].OK)
	}
	require.Equal(t, []string{"claimed"}, b.targetStates(t, run))
	require.Zero(t, testkit.Value[int](t, b.db, "select count(*)::int from epo.job_run_logs"))
	require.True(t, b.start(t, fresh)[0].OK)
}

func TestAgentCannotTouchTheWorkOfAnother(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.QueueRun(t, b.scriptID)
	c := b.claim(t, 1)[0]
	other := b
	other.agent = b.CreateAgent(t, "agent-2")
	require.Equal(t, "lease_lost", other.start(t, c)[0].Code)
	other.refuse(t, "lease_lost", other.agent, "append_log", c.log(1, 1))
	require.Equal(t, "lease_lost", other.finish(t, c, 0, "failed").Code)
	other.refuse(t, "not_found", other.agent, "get_script_content", testkit.Args{"script_version_id": b.versionID})
	require.NotEmpty(t, b.Call(t, b.agent, "get_script_content", testkit.Args{"script_version_id": b.versionID})["content"])
}

func TestStartMayBeRepeated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.QueueRun(t, b.scriptID)
	c := b.claim(t, 1)[0]
	for range 2 {
		require.True(t, b.start(t, c)[0].OK)
	}
	require.EqualValues(t, 1, testkit.Value[int](t, b.db, "select starts from epo.job_run_targets"))
}

func TestCancel(t *testing.T) {
	t.Parallel()
	cancel := func(t *testing.T, b bundle, run string) string {
		return b.Call(t, b.Operator, "cancel_run", testkit.Args{"run_id": run})["state"].(string)
	}
	t.Run("before the claim ends it at once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		run := b.QueueRun(t, b.scriptID)
		require.Equal(t, "cancelled", cancel(t, b, run))
		require.Equal(t, []string{"cancelled"}, b.targetStates(t, run))
		require.Empty(t, b.claim(t, 1))
	})
	t.Run("between claim and start keeps the script from starting", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		run := b.QueueRun(t, b.scriptID)
		c := b.claim(t, 1)[0]
		require.Equal(t, "queued", cancel(t, b, run))
		require.Equal(t, []verdict{{AttemptID: c.AttemptID, Code: "cancelled"}}, b.start(t, c))
		require.Equal(t, "cancelled", b.runState(t, run))
		require.True(t, b.finish(t, c, 0, "cancelled").OK) // an agent that says so as well
	})
	t.Run("while running reaches the agent with its renewal", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		run := b.QueueRun(t, b.scriptID, b.targets(t, 2)...)
		c := b.claim(t, 1)[0]
		b.start(t, c)
		require.Equal(t, "running", cancel(t, b, run))
		require.Equal(t, "running", cancel(t, b, run)) // once more does no harm
		require.ElementsMatch(t, []string{"running", "cancelled"}, b.targetStates(t, run))
		renewal := ask[struct{ Leases []verdict }](t, b, b.agent, "renew_leases", testkit.Args{"leases": []any{c.item()}})
		require.True(t, renewal.Leases[0].Cancel)
		require.True(t, b.finish(t, c, 0, "cancelled").OK)
		require.Equal(t, "cancelled", b.runState(t, run))
	})
	t.Run("after the end is refused", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		run := b.QueueRun(t, b.scriptID)
		c := b.claim(t, 1)[0]
		b.start(t, c)
		b.finish(t, c, 0, "succeeded")
		err := b.refuse(t, "run_finished", b.Operator, "cancel_run", testkit.Args{"run_id": run})
		require.Equal(t, 409, err.Status())
	})
	t.Run("wins over a lease that ends", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		run := b.QueueRun(t, b.scriptID)
		b.claim(t, 1)
		cancel(t, b, run)
		b.expireLeases(t)
		b.reap(t)
		require.Equal(t, "cancelled", b.runState(t, run))
		require.Empty(t, b.claim(t, 1))
	})
}

func TestReaper(t *testing.T) {
	t.Parallel()
	t.Run("gives back what never started", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		run := b.QueueRun(t, b.scriptID)
		for number := 1; number <= 3; number++ {
			require.Equal(t, number, b.claim(t, 1)[0].Number)
			b.expireLeases(t)
			reaped := b.reap(t)
			require.EqualValues(t, 1, reaped["requeued"])
			require.ElementsMatch(t, []any{"run:" + run, "agents:" + b.ID, "tenant:" + b.ID + "#run"}, reaped["wakes"])
		}
		require.Equal(t, []string{"pending"}, b.targetStates(t, run))
	})
	t.Run("says unknown of what started", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		run := b.QueueRun(t, b.scriptID)
		c := b.claim(t, 1)[0]
		b.start(t, c)
		b.expireLeases(t)
		require.EqualValues(t, 1, b.reap(t)["unknown"])
		require.Equal(t, []string{"unknown"}, b.targetStates(t, run))
		require.Equal(t, "failed", b.runState(t, run))
		require.Equal(t, "lease_lost", b.finish(t, c, 0, "succeeded").Code)
		require.Empty(t, b.claim(t, 1), "a script must not run twice")
	})
	t.Run("repeats what is retryable as often as its job says", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		job := b.Call(t, b.Operator, "create_job", testkit.Args{
			"name": "safe", "script_id": b.scriptID, "target_ids": []string{b.TargetID}, "retryable": true, "max_attempts": 2})["id"]
		run := b.Call(t, b.Operator, "queue_run", testkit.Args{"job_id": job})["run_id"].(string)
		for range 2 {
			b.start(t, b.claim(t, 1)...)
			b.expireLeases(t)
			b.reap(t)
		}
		require.Empty(t, b.claim(t, 1))
		require.Equal(t, []string{"unknown"}, b.targetStates(t, run))
	})
	t.Run("leaves a lease alone that was renewed late", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.QueueRun(t, b.scriptID)
		c := b.claim(t, 1)[0]
		b.start(t, c)
		b.expireLeases(t)
		renewal := ask[struct{ Leases []verdict }](t, b, b.agent, "renew_leases", testkit.Args{"leases": []any{c.item()}})
		require.True(t, renewal.Leases[0].OK)
		require.EqualValues(t, 0, b.reap(t)["unknown"])
		require.True(t, b.finish(t, c, 0, "succeeded").OK)
	})
	t.Run("expires what nobody claimed", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		run := b.QueueRun(t, b.scriptID)
		b.db.Exec(t, expireTargets)
		require.EqualValues(t, 1, b.reap(t)["expired"])
		require.Equal(t, "expired", b.runState(t, run))
		require.Empty(t, b.claim(t, 1))
	})
	t.Run("can run on every server at once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		run := b.QueueRun(t, b.scriptID, b.targets(t, 20)...)
		b.start(t, b.claim(t, 20)...)
		b.expireLeases(t)
		var group errgroup.Group
		for range 4 {
			group.Go(func() error {
				_, err := b.db.Store.System().Exec(t.Context(), "select epo.reap_leases()")
				return err
			})
		}
		require.NoError(t, group.Wait())
		require.Equal(t, "failed", b.runState(t, run))
	})
}

// An attempt whose end the agent itself does not know is as good as a lost one.
func TestUnknownOfARetryableJobRunsAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	job := b.Call(t, b.Operator, "create_job", testkit.Args{
		"name": "safe", "script_id": b.scriptID, "target_ids": []string{b.TargetID}, "retryable": true})["id"]
	run := b.Call(t, b.Operator, "queue_run", testkit.Args{"job_id": job})["run_id"].(string)
	c := b.claim(t, 1)[0]
	b.start(t, c)
	require.True(t, b.finish(t, c, 0, "unknown").OK)
	require.Equal(t, []string{"pending"}, b.targetStates(t, run))
	again := b.claim(t, 1)[0]
	require.Equal(t, 2, again.Number)
	b.start(t, again)
	require.True(t, b.finish(t, again, 0, "succeeded").OK)
	require.Equal(t, "succeeded", b.runState(t, run))
}

func TestEndsAreFinal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.QueueRun(t, b.scriptID)
	c := b.claim(t, 1)[0]
	b.start(t, c)
	b.append(t, c, 1, 1)
	b.finish(t, c, 1, "succeeded")
	conn := superuser(t, b.db)
	for _, change := range []string{
		"update epo.job_runs set state = 'running', finished_at = null",
		"update epo.job_run_targets set state = 'failed'",
		"update epo.attempts set exit_code = 7",
		"update epo.script_versions set notes = 'x'",
		"update epo.job_run_logs set chunk = 'x'",
		"delete from epo.job_runs", "delete from epo.job_run_targets", "delete from epo.attempts",
		"delete from epo.script_versions", "delete from epo.job_run_logs",
	} {
		_, err := conn.Exec(t.Context(), change)
		require.ErrorContains(t, err, "the row is final", change)
	}
}

func TestQueueRunIsIdempotent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newBundle(t, b.db, "other")
	args := testkit.Args{"script_id": b.scriptID, "target_ids": []string{b.TargetID}, "idempotency_key": "key"}
	first := b.Call(t, b.Operator, "queue_run", args)
	require.Equal(t, true, first["created"])
	again := b.Call(t, b.Operator, "queue_run", args)
	require.Equal(t, false, again["created"])
	require.Equal(t, first["run_id"], again["run_id"])

	args["parameters"] = map[string]any{"Name": "x"}
	require.Equal(t, 409, b.refuse(t, "conflict", b.Operator, "queue_run", args).Status())
	elsewhere := other.Call(t, other.Operator, "queue_run", testkit.Args{
		"script_id": other.scriptID, "target_ids": []string{other.TargetID}, "idempotency_key": "key"})
	require.Equal(t, true, elsewhere["created"])
}

func TestQueueRunIsIdempotentForMany(t *testing.T) {
	t.Parallel()
	b := setup(t)
	answers := make([]map[string]any, 8)
	var group errgroup.Group
	for i := range answers {
		group.Go(func() error {
			reply, err := b.db.Call(t.Context(), b.Operator, "queue_run", testkit.Args{
				"script_id": b.scriptID, "target_ids": []string{b.TargetID}, "idempotency_key": "key"})
			return errors.Join(err, json.Unmarshal(reply.JSON, &answers[i]))
		})
	}
	require.NoError(t, group.Wait())
	made := 0
	for _, answer := range answers {
		require.Equal(t, answers[0]["run_id"], answer["run_id"])
		if answer["created"] == true {
			made++
		}
	}
	require.Equal(t, 1, made)
	require.EqualValues(t, 1, testkit.Value[int](t, b.db, "select count(*)::int from epo.job_runs"))
}

func TestQueueRunRefusesWhatCannotRun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	disabled := b.CreateTarget(t, "disabled", b.PoolID)
	b.db.Exec(t, "update epo.targets set disabled_at = now() where id = $1", disabled)
	target := []string{b.TargetID}
	for _, test := range []struct {
		name, code string
		args       testkit.Args
	}{
		{"nothing", "invalid_argument", testkit.Args{}},
		{"no targets", "invalid_argument", testkit.Args{"script_id": b.scriptID}},
		{"empty targets", "invalid_argument", testkit.Args{"script_id": b.scriptID, "target_ids": []string{}}},
		{"job and script", "invalid_argument", testkit.Args{"script_id": b.scriptID, "job_id": b.scriptID}},
		{"unknown script", "not_found", testkit.Args{"script_id": uuid.NewString(), "target_ids": target}},
		{"unknown target", "not_found", testkit.Args{"script_id": b.scriptID, "target_ids": []string{b.TargetID, uuid.NewString()}}},
		{"unknown job", "not_found", testkit.Args{"job_id": uuid.NewString()}},
		{"disabled target", "conflict", testkit.Args{"script_id": b.scriptID, "target_ids": []string{disabled}}},
		{"parameters no object", "invalid_argument", testkit.Args{"script_id": b.scriptID, "target_ids": target, "parameters": []int{1}}},
		{"no time", "invalid_argument", testkit.Args{"script_id": b.scriptID, "target_ids": target, "timeout_seconds": 0}},
		{"empty key", "invalid_argument", testkit.Args{"script_id": b.scriptID, "target_ids": target, "idempotency_key": ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.refuse(t, test.code, b.Operator, "queue_run", test.args)
		})
	}
	require.Zero(t, testkit.Value[int](t, b.db, "select count(*)::int from epo.job_runs"))
}

func TestRunOfAJobTakesItsSettings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	job := b.Call(t, b.Operator, "create_job", testkit.Args{
		"name": "nightly", "script_id": b.scriptID, "target_ids": b.targets(t, 2), "timeout_seconds": 60,
		"parameters": map[string]any{"A": 1, "B": 2}})["id"]
	b.PushScript(t, "hello", "Write-Output 2") // the latest at the time of the run
	run := b.Call(t, b.Operator, "queue_run", testkit.Args{"job_id": job, "parameters": map[string]any{"B": 3}})["run_id"]
	var row struct {
		Parameters map[string]int
		Timeout    int
		Version    int
		Total      int
	}
	err := superuser(t, b.db).QueryRow(t.Context(), `
		select r.parameters, r.timeout_seconds, v.version, r.targets_total
		from epo.job_runs as r join epo.script_versions as v on v.id = r.script_version_id where r.id = $1`, run).
		Scan(&row.Parameters, &row.Timeout, &row.Version, &row.Total)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"A": 1, "B": 3}, row.Parameters)
	require.Equal(t, []int{60, 2, 2}, []int{row.Timeout, row.Version, row.Total})
}

// One call, one statement for all targets: the time is reported, the bound is
// wide enough for a busy machine and far below a statement for each.
func TestThousandTargetsAreOneCall(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.db.Exec(t, `insert into epo.targets (tenant_id, name, kind, pool_id)
		select '`+b.ID+`', 'many-' || n, 'local', '`+b.PoolID+`' from generate_series(1, 1000) as n`)
	ids := testkit.Value[[]string](t, b.db, "select array_agg(id::text) from epo.targets where name like 'many-%'")
	best := time.Hour
	for range 3 {
		begin := time.Now()
		run := b.QueueRun(t, b.scriptID, ids...)
		best = min(best, time.Since(begin))
		require.Len(t, b.targetStates(t, run), 1000)
	}
	t.Logf("1000 targets queued in %v", best)
	require.Less(t, best, time.Second)
	require.Len(t, b.claim(t, 1000), 1000)
}

func TestPinnedTargetsWaitForTheirAgent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.CreateAgent(t, "agent-2")
	pinned := b.Call(t, b.Operator, "create_target", testkit.Args{
		"name": "pinned", "kind": "local", "pool_id": b.PoolID, "agent_id": other.ID})["id"].(string)
	b.QueueRun(t, b.scriptID, pinned)
	run := b.QueueRun(t, b.scriptID) // behind the pinned one, for anybody of the pool
	work := b.claim(t, 5)
	require.Len(t, work, 1)
	require.Equal(t, run, work[0].RunID)
	b.agent = other
	require.Equal(t, "pinned", b.claim(t, 5)[0].Target.Name)
}

func TestFinishClaimsTheNextWork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.QueueRun(t, b.scriptID)
	next := b.QueueRun(t, b.scriptID)
	c := b.claim(t, 1)[0]
	b.start(t, c)
	answer := ask[struct {
		Results []verdict
		Claimed []claimed
	}](t, b, b.agent, "finish_attempts", testkit.Args{"results": []any{c.result(0, "succeeded")}, "claim_max": 5})
	require.True(t, answer.Results[0].OK)
	require.Len(t, answer.Claimed, 1)
	require.Equal(t, next, answer.Claimed[0].RunID)
}

func TestWakesNameWhomItConcerns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	reply, err := b.db.Call(t.Context(), b.Operator, "queue_run", testkit.Args{"script_id": b.scriptID, "target_ids": []string{b.TargetID}})
	require.NoError(t, err)
	run := testkit.Value[string](t, b.db, "select id::text from epo.job_runs")
	lists := "tenant:" + b.ID + "#run"
	require.ElementsMatch(t, []string{"agents:" + b.ID, "run:" + run, lists}, reply.Wakes)
	c := b.claim(t, 1)[0]
	b.start(t, c)
	for _, call := range []struct {
		function string
		args     testkit.Args
		wakes    []string
	}{
		{"append_log", c.log(1, 1), []string{"run:" + run}}, // a line of log changes no list
		{"renew_leases", testkit.Args{"leases": []any{c.item()}, "agent": map[string]any{}}, nil},
		{"finish_attempts", testkit.Args{"results": []any{c.result(1, "succeeded")}}, []string{"run:" + run, lists}},
	} {
		reply, err := b.db.Call(t.Context(), b.agent, call.function, call.args)
		require.NoError(t, err)
		require.ElementsMatch(t, call.wakes, reply.Wakes, call.function)
	}
}
