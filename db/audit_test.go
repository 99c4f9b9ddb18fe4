package db_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/testkit"
)

// entry is an audit row as a reader sees it.
type entry struct {
	Actor, Action, Table string
	Key, Before, After   map[string]any
	RequestID            *string
}

// audited returns the audit rows of one table, in the order they were written.
func (b bundle) audited(t *testing.T, table string) []entry {
	t.Helper()
	rows, err := superuser(t, b.db).Query(t.Context(), `
		select actor, action, table_name, row_key, before, after, request_id
		from audit.audit_log where tenant_id = $1 and table_name = $2 order by at`, b.ID, table)
	require.NoError(t, err)
	entries, err := pgx.CollectRows(rows, pgx.RowToStructByPos[entry])
	require.NoError(t, err)
	return entries
}

func TestChangesAreAuditedWithWhoAndWhat(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.QueueRun(t, b.scriptID)
	c := b.claim(t, 1)[0]
	b.start(t, c)
	b.finish(t, c, 0, "succeeded")

	runs := b.audited(t, "epo.job_runs")
	require.Len(t, runs, 3)
	require.Equal(t, "user:"+b.Operator.ID, runs[0].Actor)
	require.Equal(t, "insert", runs[0].Action)
	require.Equal(t, map[string]any{"id": run}, runs[0].Key)
	require.Nil(t, runs[0].Before)
	require.Equal(t, "queued", runs[0].After["state"])
	require.EqualValues(t, 1, runs[0].After["targets_total"])
	require.Equal(t, "test", *runs[0].RequestID)

	agent := "agent:" + b.agent.ID
	require.Equal(t, entry{Actor: agent, Action: "update", Table: "epo.job_runs", Key: map[string]any{"id": run}, RequestID: runs[1].RequestID,
		Before: map[string]any{"state": "queued"}, After: map[string]any{"state": "running"}}, runs[1])
	require.Equal(t, map[string]any{"state": "running", "targets_succeeded": 0.0}, runs[2].Before)
	require.Equal(t, map[string]any{"state": "succeeded", "targets_succeeded": 1.0}, runs[2].After)

	for _, e := range b.audited(t, "epo.attempts")[1:] {
		require.Equal(t, agent, e.Actor)
		require.Equal(t, "update", e.Action)
	}
}

func TestPartsOfTheSystemAreNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.QueueRun(t, b.scriptID)
	b.claim(t, 1)
	b.expireLeases(t)
	b.reap(t)
	attempts := b.audited(t, "epo.attempts")
	last := attempts[len(attempts)-1]
	require.Equal(t, "system:reaper", last.Actor)
	require.Equal(t, "abandoned", last.After["state"])
	require.Equal(t, "platform:gateway", b.audited(t, "epo.agents")[0].Actor)
	require.Equal(t, "platform:epo_gateway", b.audited(t, "epo.tenants")[0].Actor)
	require.Equal(t, "user:"+b.Admin.ID, b.audited(t, "epo.pools")[0].Actor)
}

// What a caller says of itself changes nothing while there are claims.
func TestActorComesFromClaims(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.db.Store.Do(t.Context(), testkit.Request(b.Operator),
		"select api.create_pool(set_config('epo.actor', 'system:reaper', true))")
	require.NoError(t, err)
	pools := b.audited(t, "epo.pools")
	require.Equal(t, "user:"+b.Operator.ID, pools[len(pools)-1].Actor)
}

func TestSecretsAreNeverAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secrets := []string{"hash-of-a-password", hex.EncodeToString(sum("refresh-1")), hex.EncodeToString(sum("refresh-2"))}
	token := b.Call(t, b.Admin, "create_enrollment_token", testkit.Args{"pool_id": b.PoolID})["token"].(string)
	secrets = append(secrets, token, hex.EncodeToString(sum(token)), "unmistakable content")
	b.PushScript(t, "s", "unmistakable content")
	b.refreshToken(t, "refresh-1")
	rotate(t, b.db, "refresh-1", "refresh-2", "cli")
	_, err := b.db.Store.Gateway().Exec(t.Context(), "select auth.set_password('acme', 'operator', 'hash-of-a-password')")
	require.NoError(t, err)

	all := testkit.Value[string](t, b.db, "select string_agg(concat(row_key, before, after), ' ') from audit.audit_log")
	for _, secret := range secrets {
		require.NotContains(t, all, secret)
	}
	identities := b.audited(t, "auth.identities")
	last := identities[len(identities)-1]
	require.Equal(t, map[string]any{"password_hash": "changed"}, last.After)
	require.Equal(t, "changed", b.audited(t, "auth.refresh_tokens")[0].After["token_hash"])
}

func TestHeartbeatsAreNotAudited(t *testing.T) {
	t.Parallel()
	b, c := running(t)
	count := func() int { return testkit.Value[int](t, b.db, "select count(*)::int from audit.audit_log") }
	before := count()
	for range 3 {
		b.Call(t, b.agent, "renew_leases", testkit.Args{
			"leases": []any{c.item()}, "agent": map[string]any{"warm": 2, "engine_version": "7.6.9", "isolation": "account"}})
	}
	require.Equal(t, before, count())
	require.Equal(t, "7.6.9", testkit.Value[string](t, b.db, "select engine_version from epo.agent_status"))
}

func TestAppendsAreAuditedByCountAndDigest(t *testing.T) {
	t.Parallel()
	b, c := running(t)
	b.append(t, c, 1, 5)
	b.append(t, c, 1, 5)
	entries := b.audited(t, "epo.job_run_logs")
	require.Len(t, entries, 1)
	digest := sha256.Sum256([]byte(chunk(1, 5)))
	require.Equal(t, "append", entries[0].Action)
	require.Equal(t, map[string]any{"run_id": c.RunID, "attempt_id": c.AttemptID}, entries[0].Key)
	require.Equal(t, map[string]any{"first_seq": 1.0, "records": 5.0, "sha256": hex.EncodeToString(digest[:])}, entries[0].After)
}

// The plan of a trigger is kept from the first statement on; a thousand rows
// must not pay for a plan that was made for one.
func TestAuditOfManyRowsIsNotQuadratic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn := superuser(t, b.db)
	for range 8 {
		_, err := conn.Exec(t.Context(), "update auth.users set display_name = display_name || 'x' where name = 'operator'")
		require.NoError(t, err)
	}
	_, err := conn.Exec(t.Context(), fmt.Sprintf(`insert into auth.users (tenant_id, name, display_name)
		select '%s', 'user-' || n, 'x' from generate_series(1, 5000) as n`, b.ID))
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "set statement_timeout = '5s'; update auth.users set display_name = 'y'")
	require.NoError(t, err)
}

func TestAuditCannotBeChangedByAnybody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := testkit.Value[int](t, b.db, "select count(*)::int from audit.audit_log")
	partitions := testkit.Value[[]string](t, b.db, "select array_agg(inhrelid::regclass::text) from pg_inherits where inhparent = 'audit.audit_log'::regclass")
	require.GreaterOrEqual(t, len(partitions), 1)
	for _, role := range []string{"none", "audit_owner", "epo_owner", "epo_system", "epo_definer", "app_admin"} {
		for _, replication := range []string{"origin", "replica"} {
			for _, table := range append(partitions, "audit.audit_log") {
				for _, change := range []string{"update %s set actor = 'x'", "delete from %s", "truncate %s", "delete from %s where false"} {
					err := tryAs(t, b.db, role, replication, fmt.Sprintf(change, table))
					require.Error(t, err, "%s %s %s", role, replication, change)
					if role == "none" || role == "audit_owner" {
						require.ErrorContains(t, err, "audit is append-only")
					}
				}
			}
		}
	}
	require.Equal(t, before, testkit.Value[int](t, b.db, "select count(*)::int from audit.audit_log"))
}

// tryAs runs a statement as superuser under a role; it is taken back.
func tryAs(t *testing.T, d *testkit.Database, role, replication, sql string) error {
	t.Helper()
	conn := superuser(t, d)
	_, err := conn.Exec(t.Context(), fmt.Sprintf("begin; set session_replication_role = %s; set role %s; %s; rollback", replication, role, sql),
		pgx.QueryExecModeSimpleProtocol)
	return err
}

// A statement that changes nothing of what is recorded leaves no row.
func TestUnchangedRowsAreNotAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := len(b.audited(t, "auth.users"))
	b.db.Exec(t, "update auth.users set last_sign_in_at = now(), name = name")
	require.Len(t, b.audited(t, "auth.users"), before)
}

// Nothing of EPO changes a key; somebody with more rights might.
func TestChangedKeysAreAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.db.Exec(t, "update auth.user_roles set role_name = 'auditor' where role_name = 'operator' and user_id = $1", b.Operator.ID)
	entries := b.audited(t, "auth.user_roles")
	all := fmt.Sprint(entries[len(entries)-2:])
	require.Contains(t, all, "role_name:operator")
	require.Contains(t, all, "role_name:auditor")
}
