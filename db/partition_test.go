package db_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/testkit"
)

// maintain makes and drops partitions as the loop of the server does.
func maintain(t *testing.T, d *testkit.Database, ahead, keep int) (made, dropped []string) {
	t.Helper()
	var answer struct{ Created, Dropped []string }
	require.NoError(t, d.Store.System().QueryRow(t.Context(), "select epo.maintain_partitions($1, $2)", ahead, keep).Scan(&answer))
	return answer.Created, answer.Dropped
}

func TestPartitionsAreMadeAheadAndBehindTheWall(t *testing.T) {
	t.Parallel()
	d := testkit.DB(t)
	made, dropped := maintain(t, d, 8, 90)
	require.Empty(t, made, "the migration has made them")
	require.Empty(t, dropped)
	made, _ = maintain(t, d, 45, 90)
	require.GreaterOrEqual(t, len(made), 37+1) // days of logs, a month of the audit
	made, _ = maintain(t, d, 45, 90)
	require.Empty(t, made)
	found, err := broken(t.Context(), superuser(t, d))
	require.NoError(t, err)
	require.Empty(t, found)
}

// The life of a log is decided by its run: an append to an old run goes to the
// day of the run.
func TestLogsAreDroppedWithTheirDay(t *testing.T) {
	t.Parallel()
	b, c := running(t)
	b.append(t, c, 1, 1)
	day := "epo.job_run_logs_" + time.Now().UTC().Format("20060102")
	require.Equal(t, day, testkit.Value[string](t, b.db, "select tableoid::regclass::text from epo.job_run_logs"))
	b.db.Exec(t, `select epo.add_partition('epo.job_run_logs', 'job_run_logs_20200101',
		epo.first_id('2020-01-01')::text, epo.first_id('2020-01-02')::text); alter table epo.job_run_logs_20200101 owner to epo_owner`)
	_, dropped := maintain(t, b.db, 8, 90)
	require.Equal(t, []string{"epo.job_run_logs_20200101"}, dropped)
	require.Equal(t, chunk(1, 1), b.stored(t, c))
}

// Somebody who reads for long must not make everybody else wait behind the loop.
func TestPartitionsAreNotWaitedForLong(t *testing.T) {
	t.Parallel()
	d := testkit.DB(t)
	conn := superuser(t, d)
	_, err := conn.Exec(t.Context(), "begin; lock table epo.job_run_logs in access exclusive mode")
	require.NoError(t, err)
	begin := time.Now()
	_, err = d.Store.System().Exec(t.Context(), "select epo.maintain_partitions(20)")
	require.ErrorContains(t, err, "lock timeout")
	require.Less(t, time.Since(begin), 10*time.Second)
}

func TestIdentifiersLeadToTheirTime(t *testing.T) {
	t.Parallel()
	d := testkit.DB(t)
	require.True(t, testkit.Value[bool](t, d, `
		select bool_and(
			substr(id::text, 15, 1) = '7' and substr(id::text, 20, 1) in ('8', '9', 'a', 'b')
			and id >= epo.first_id(now() - interval '1 second') and id < epo.first_id(now() + interval '1 minute'))
			and count(distinct id) = 10000
		from (select epo.new_id() as id from generate_series(1, 10000)) as ids`))
}

func TestOldTokensArePurged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.refreshToken(t, "old")
	b.refreshToken(t, "new")
	b.db.Exec(t, "update auth.refresh_tokens set expires_at = now() - interval '2 days' where token_hash = sha256('old')")
	b.db.Exec(t, "insert into auth.used_assertions (tenant_id, agent_id, jti, expires_at) select tenant_id, id, 'x', now() - interval '1 hour' from epo.agents")
	var purged map[string]int
	require.NoError(t, b.db.Store.System().QueryRow(t.Context(), "select epo.purge_expired_tokens()").Scan(&purged))
	require.Equal(t, map[string]int{"refresh_tokens": 1, "assertions": 1}, purged)
}
