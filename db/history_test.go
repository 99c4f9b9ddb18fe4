package db_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/epo-dev/epo/internal/testkit"
)

// history drives runs through whatever order of events chance has, an agent that
// repeats, forgets and lies included, and looks at what must always hold.
type history struct {
	t    *testing.T
	b    bundle
	conn *pgx.Conn // as superuser
	ids  []string
	jobs []any
	held []claimed // everything that was ever claimed, stale ones too
	runs []string
	last map[string]int64 // last appended seq by attempt
}

func TestNoOrderOfEventsBreaksARun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.targets(t, 5)
	h := &history{t: t, b: b, ids: ids, conn: superuser(t, b.db)}
	for _, retryable := range []bool{false, true} {
		name := map[bool]string{false: "once", true: "again"}[retryable]
		h.jobs = append(h.jobs, b.Call(t, b.Operator, "create_job", testkit.Args{
			"name": name, "script_id": b.scriptID, "target_ids": ids, "retryable": retryable})["id"])
	}
	rapid.Check(t, func(r *rapid.T) {
		h.held, h.runs, h.last = nil, nil, map[string]int64{}
		h.exec(clearRuns)
		r.Repeat(map[string]func(*rapid.T){
			"queue":  h.queue,
			"claim":  h.claim,
			"start":  h.start,
			"append": h.append,
			"finish": h.finish,
			"cancel": h.cancel,
			"expire": h.expire,
			"reap":   func(*rapid.T) { b.reap(t) },
			"work":   h.work,
			"lose":   h.lose,
			"":       h.check,
		})
		h.drain()
	})
}

func (h *history) queue(r *rapid.T) {
	if len(h.runs) == 3 {
		return
	}
	job := rapid.SampledFrom(h.jobs).Draw(r, "job")
	h.runs = append(h.runs, h.b.Call(h.t, h.b.Operator, "queue_run", testkit.Args{"job_id": job})["run_id"].(string))
}

func (h *history) claim(r *rapid.T) {
	h.held = append(h.held, h.b.claim(h.t, rapid.IntRange(0, 4).Draw(r, "max"))...)
}

// some draws attempts of now or of before.
func (h *history) some(r *rapid.T) []claimed {
	if len(h.held) == 0 {
		return nil
	}
	return rapid.SliceOfN(rapid.SampledFrom(h.held), 1, 3).Draw(r, "attempts")
}

func (h *history) start(r *rapid.T) { h.b.start(h.t, h.some(r)...) }

func (h *history) append(r *rapid.T) {
	for _, c := range h.some(r) {
		first := h.last[c.AttemptID] + 1
		if _, err := h.b.db.Call(h.t.Context(), h.b.agent, "append_log", c.log(first, first+1)); err == nil {
			h.last[c.AttemptID] = first + 1
		}
	}
}

func (h *history) finish(r *rapid.T) {
	var results []map[string]any
	for _, c := range h.some(r) {
		state := rapid.SampledFrom([]string{"succeeded", "failed", "cancelled", "timed_out", "unknown"}).Draw(r, "state")
		results = append(results, c.result(h.last[c.AttemptID]+int64(rapid.IntRange(0, 1).Draw(r, "missing")), state))
	}
	if results != nil {
		h.b.finishAll(h.t, results...)
	}
}

func (h *history) cancel(r *rapid.T) {
	if len(h.runs) > 0 {
		run := rapid.SampledFrom(h.runs).Draw(r, "run")
		_, _ = h.b.db.Call(h.t.Context(), h.b.Operator, "cancel_run", testkit.Args{"run_id": run}) // it may have ended
	}
}

func (h *history) expire(r *rapid.T) {
	if rapid.Bool().Draw(r, "leases") {
		h.exec(expireLeases)
		return
	}
	h.exec(expireTargets)
}

// work claims and starts, lose ends every lease: together they are what an agent
// that dies over and over does.
func (h *history) work(*rapid.T) {
	claimed := h.b.claim(h.t, 2)
	h.held = append(h.held, claimed...)
	h.b.start(h.t, claimed...)
}

func (h *history) lose(*rapid.T) {
	h.exec(expireLeases)
	h.b.reap(h.t)
}

// wrong counts what must never be, by name.
const wrong = `
	select jsonb_object_agg(w.name, w.n)
	from (
		select 'counts differ from targets' as name, count(*) as n
		from epo.job_runs as r
		join lateral (
			select
				count(*) filter (where t.state = 'succeeded') as succeeded,
				count(*) filter (where t.state in ('failed', 'cancelled', 'timed_out', 'unknown', 'expired')) as failed,
				count(*) as total
			from epo.job_run_targets as t where t.run_id = r.id
		) as t on true
		where (r.targets_succeeded, r.targets_failed, r.targets_total) <> (t.succeeded, t.failed, t.total)
		union all
		select 'run ended before its targets, or not with them', count(*)
		from epo.job_runs as r
		where (r.finished_at is null) <> exists (
			select from epo.job_run_targets as t where t.run_id = r.id and t.finished_at is null)
		union all
		select 'target and its attempt disagree', count(*)
		from epo.job_run_targets as t left join epo.attempts as a on a.id = t.attempt_id
		where (t.state in ('claimed', 'running')) <> coalesce(a.finished_at is null and a.id is not null, false)
			or (t.state in ('claimed', 'running') and t.state <> a.state)
		union all
		select 'live attempt that does not own its target', count(*)
		from epo.attempts as a join epo.job_run_targets as t on t.id = a.run_target_id
		where a.finished_at is null and t.attempt_id <> a.id
		union all
		select 'started twice without being retryable', count(*)
		from epo.job_run_targets as t join epo.job_runs as r on r.id = t.run_id
		where t.starts > r.max_attempts
		union all
		select 'starts differ from started attempts', count(*)
		from epo.job_run_targets as t
		where t.starts <> (select count(*) from epo.attempts as a where a.run_target_id = t.id and a.started_at is not null)
		union all
		select 'log with a gap', count(*)
		from epo.attempts as a
		where a.next_seq - 1 <> (select coalesce(sum(l.last_seq - l.first_seq + 1), 0) from epo.job_run_logs as l where l.attempt_id = a.id)
		union all
		select 'cancelled run that waits', count(*)
		from epo.job_runs as r join epo.job_run_targets as t on t.run_id = r.id
		where r.cancel_requested_at is not null and t.state = 'pending'
	) as w
	where w.n > 0`

func (h *history) check(r *rapid.T) {
	require.Nil(r, h.wrong())
}

func (h *history) wrong() (found map[string]int) {
	require.NoError(h.t, h.conn.QueryRow(h.t.Context(), wrong).Scan(&found))
	return found
}

func (h *history) exec(sql string) {
	_, err := h.conn.Exec(h.t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
	require.NoError(h.t, err)
}

// drain lets everything run out: every run must reach its end though no agent
// ever comes back.
func (h *history) drain() {
	for range 2 {
		h.exec(expireLeases)
		h.exec(expireTargets)
		h.b.reap(h.t)
	}
	h.exec(expireTargets)
	h.b.reap(h.t)
	require.Zero(h.t, testkit.Value[int](h.t, h.b.db, "select count(*)::int from epo.job_runs where finished_at is null"))
	require.Nil(h.t, h.wrong())
}
