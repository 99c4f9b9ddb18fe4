package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/testkit"
)

// The schema that is built in installs into an empty database without superuser, obeys its rules, and once is enough.
func TestBuiltInSchemaInstallsForWhoeverMayOnlyCreateRoles(t *testing.T) {
	t.Parallel()
	db := testkit.EmptyDB(t)
	require.False(t, testkit.Value[bool](t, db, "select rolsuper from pg_roles where rolname = 'epo_install'"))
	report, err := store.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.NoError(t, err)
	require.NotEmpty(t, report.Applied)
	require.True(t, report.Rebuilt)

	s, err := store.Open(t.Context(), store.Config{URL: db.AdminURL, Secrets: db.Secrets})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.CheckSchema(t.Context()))
	require.NoError(t, s.CheckCatalogue(t.Context()))

	report, err = store.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.NoError(t, err)
	require.Empty(t, report.Applied)
	require.False(t, report.Rebuilt)
	status, err := store.Status(t.Context(), db.AdminURL)
	require.NoError(t, err)
	for _, m := range status {
		require.False(t, m.AppliedAt.IsZero() || m.Changed || m.Unknown, m.Name)
	}
}

func TestServerSeesThatItsDatabaseIsBehindOrChanged(t *testing.T) {
	t.Parallel()
	db := testkit.DB(t)
	require.NoError(t, db.Store.CheckSchema(t.Context()))
	db.Exec(t, "update epo_meta.migrations set checksum = 'x' where version = 1")
	require.Equal(t, "migration_changed", store.CodeOf(db.Store.CheckSchema(t.Context())))
	db.Exec(t, "delete from epo_meta.migrations")
	require.Equal(t, "database_behind", store.CodeOf(db.Store.CheckSchema(t.Context())))
	db.Exec(t, "drop schema epo_meta cascade")
	require.Equal(t, "database_behind", store.CodeOf(db.Store.CheckSchema(t.Context())))
}

func TestCatalogueCheckRefusesABrokenRule(t *testing.T) {
	t.Parallel()
	db := testkit.DB(t)
	require.NoError(t, db.Store.CheckCatalogue(t.Context()))
	db.Exec(t, "alter table epo.scripts no force row level security")
	var broken *store.CatalogueError
	require.ErrorAs(t, db.Store.CheckCatalogue(t.Context()), &broken)
	require.Equal(t, "epo.scripts", broken.Violations[0].Object)
}

// A deployment rebuilds functions and views under the feet of other replicas; their prepared statements go on working.
func TestRequestsSurviveARebuildByAnotherReplica(t *testing.T) {
	t.Parallel()
	db := testkit.DB(t)
	tenant := db.CreateTenant(t, "acme")
	agent := tenant.CreateAgent(t, "agent-1")
	work := func() {
		tenant.Call(t, tenant.Operator, "push_script", testkit.Args{"name": "hello", "content": "J2hlbGxvJw=="})
		tenant.Call(t, tenant.Admin, "create_enrollment_token", testkit.Args{"pool_id": tenant.PoolID})
		_, err := db.Call(t.Context(), agent, "claim_run_targets", testkit.Args{"max_targets": 1})
		require.NoError(t, err)
		_, err = db.Store.Do(t.Context(), testkit.Request(tenant.Operator), "select to_jsonb(s) from api.scripts as s")
		require.NoError(t, err)
	}
	for range 8 { // several connections of each pool know the statements
		work()
	}
	db.Exec(t, "update epo_meta.code set digest = 'other'")
	report, err := store.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.NoError(t, err)
	require.True(t, report.Rebuilt)
	for range 8 {
		work()
	}
}

func BenchmarkCheckCatalogue(b *testing.B) {
	db := testkit.DB(b)
	for b.Loop() {
		if err := db.Store.CheckCatalogue(background()); err != nil {
			b.Fatal(err)
		}
	}
}
