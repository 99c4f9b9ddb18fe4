package testkit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testkit.DB(t)
			db.CreateTenant(t, "same")
			require.Equal(t, 1, testkit.Value[int](t, db, "select count(*) from epo.tenants"))
		})
	}
}

func TestTenantIsReadyToRunAScript(t *testing.T) {
	t.Parallel()
	db := testkit.DB(t)
	tenant := db.CreateTenant(t, "acme")
	agent := tenant.CreateAgent(t, "agent-1")
	script, version := tenant.PushScript(t, "hello", "'hello'")
	require.NotEmpty(t, version)
	run := tenant.QueueRun(t, script)

	reply, err := db.Call(t.Context(), agent, "claim_run_targets", testkit.Args{"max_targets": 10})
	require.NoError(t, err)
	require.Contains(t, string(reply.JSON), run)

	_, err = db.Call(t.Context(), tenant.Auditor, "queue_run", testkit.Args{"script_id": script, "target_ids": []string{tenant.TargetID}})
	require.Equal(t, "forbidden", store.CodeOf(err), "%v", err)
}

func BenchmarkClone(b *testing.B) {
	testkit.DB(b) // server and template
	for b.Loop() {
		testkit.DB(b) // all are dropped at the end
	}
}
