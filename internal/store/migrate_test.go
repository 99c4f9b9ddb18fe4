package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/testkit"
)

// Twenty replicas that start at once do the work once, and all of them come up.
func TestConcurrentMigratorsDoTheWorkOnce(t *testing.T) {
	t.Parallel()
	db, src := testkit.EmptyDB(t), scratch(t)
	reports := make([]store.Report, 20)
	errs := make([]error, len(reports))
	var group sync.WaitGroup
	for i := range reports {
		group.Go(func() { reports[i], errs[i] = src.Migrate(t.Context(), db.AdminURL, db.Secrets, nil) })
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	var applied []string
	rebuilt := 0
	for _, r := range reports {
		applied = append(applied, r.Applied...)
		if r.Rebuilt {
			rebuilt++
		}
	}
	require.Equal(t, []string{"0001_create_roles.sql", "0002_create_notes.sql"}, applied)
	require.Equal(t, 1, rebuilt)
	require.Equal(t, 2, testkit.Value[int](t, db, "select count(*) from epo_meta.migrations"))
}

func TestAppliedMigrationsAreNeverEdited(t *testing.T) {
	t.Parallel()
	db, src := testkit.EmptyDB(t), scratch(t)
	_, err := src.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.NoError(t, err)

	src.Migrations[1].SQL += "\n-- a comment more"
	_, err = src.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.Equal(t, "migration_changed", store.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "0002_create_notes.sql")
	status, err := src.Status(t.Context(), db.AdminURL)
	require.NoError(t, err)
	require.Equal(t, []bool{false, true}, []bool{status[0].Changed, status[1].Changed})
}

func TestMigrationsAreNumberedWithoutGap(t *testing.T) {
	t.Parallel()
	db, src := testkit.EmptyDB(t), scratch(t)
	src.Migrations = slices.Delete(src.Migrations, 0, 1)
	_, err := src.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.ErrorContains(t, err, "out of order")
}

func TestFailedMigrationLeavesNothingOfItselfAndSaysWhere(t *testing.T) {
	t.Parallel()
	db, src := testkit.EmptyDB(t), scratch(t)
	broken := store.Script{Name: "0003_create_more.sql", SQL: "create table epo.more (n int);\n-- ünicode\ncreate table epo.more2 (n nonsense);\n"}
	src.Migrations = append(src.Migrations, broken)
	report, err := src.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.ErrorContains(t, err, "0003_create_more.sql, line 3")
	require.Equal(t, []string{"0001_create_roles.sql", "0002_create_notes.sql"}, report.Applied)
	require.Nil(t, testkit.Value[*string](t, db, "select to_regclass('epo.more')::text"))

	src.Migrations[2].SQL = "create table epo.more (n int);"
	report, err = src.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"0003_create_more.sql"}, report.Applied)
	require.True(t, report.Rebuilt)
}

func TestFunctionsAreRebuiltWhenTheirDigestChangesAndOnlyAsAWhole(t *testing.T) {
	t.Parallel()
	db, src := testkit.EmptyDB(t), scratch(t)
	_, err := src.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.NoError(t, err)
	report, err := src.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.NoError(t, err)
	require.Equal(t, store.Report{Warnings: report.Warnings}, report, "nothing to do")

	good := src.Code
	src.Code = append(slices.Clone(good), store.Script{Name: "broken.sql", SQL: "create function api.broken() returns nonsense language sql return 1;"})
	src.Digest = "2"
	_, err = src.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.ErrorContains(t, err, "broken.sql")
	require.NotNil(t, testkit.Value[*string](t, db, "select to_regproc('api.frame')::text"), "the old ones are untouched")

	src.Code = append(slices.Clone(good), store.Script{Name: "more.sql", SQL: "create function api.more() returns int language sql return 1;"})
	report, err = src.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.NoError(t, err)
	require.True(t, report.Rebuilt)
	require.Equal(t, 1, testkit.Value[int](t, db, "select api.more()"))
}

func TestOlderProgramLeavesANewerDatabaseAlone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, sql, code string
	}{
		{"compatible", "create table epo.more (n int);", ""},
		{"breaking", "--! breaking\ncreate table epo.more (n int);", "database_newer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db, older := testkit.EmptyDB(t), scratch(t)
			newer := scratch(t)
			newer.Migrations = append(newer.Migrations, store.Script{Name: "0003_create_more.sql", SQL: test.sql})
			newer.Digest = "newer"
			_, err := newer.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
			require.NoError(t, err)

			report, err := older.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
			require.Equal(t, test.code, store.CodeOf(err), "%v", err)
			require.False(t, report.Rebuilt)
			require.Equal(t, "newer", testkit.Value[string](t, db, "select digest from epo_meta.code"))
			status, err := older.Status(t.Context(), db.AdminURL)
			require.NoError(t, err)
			require.True(t, status[2].Unknown)
			require.Equal(t, "0003_create_more.sql", status[2].Name)
		})
	}
}

func TestStatusOfAnEmptyDatabaseIsPending(t *testing.T) {
	t.Parallel()
	db, src := testkit.EmptyDB(t), scratch(t)
	status, err := src.Status(t.Context(), db.AdminURL)
	require.NoError(t, err)
	require.Len(t, status, 2)
	require.True(t, status[0].AppliedAt.IsZero() && status[1].AppliedAt.IsZero())
	_, err = src.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.NoError(t, err)
	// The server looks as epo_migrator, without the administrator's password.
	status, err = src.Status(t.Context(), db.LoginURL(t, "epo_migrator", db.Secrets.Migrator))
	require.NoError(t, err)
	require.False(t, status[1].AppliedAt.IsZero())
}

// The server sees a verifier, never the password, and one that works.
func TestPasswordsReachTheServerAsVerifiersOnly(t *testing.T) {
	t.Parallel()
	_, db := open(t)
	verifier, err := store.ScramVerifier("epo_gateway", db.Secrets.Gateway)
	require.NoError(t, err)
	require.Equal(t, verifier, testkit.Value[string](t, db, "select rolpassword from pg_authid where rolname = 'epo_gateway'"))
	for login, password := range map[string]string{
		"epo_rest_user": db.Secrets.RestUser, "epo_rest_admin": db.Secrets.RestAdmin, "epo_rest_agent": db.Secrets.RestAgent,
		"epo_gateway": db.Secrets.Gateway, "epo_migrator": db.Secrets.Migrator,
	} {
		conn, err := pgx.Connect(t.Context(), db.LoginURL(t, login, password))
		require.NoError(t, err, login)
		require.NoError(t, conn.Close(t.Context()))
		_, err = pgx.Connect(t.Context(), db.LoginURL(t, login, password+"x"))
		require.Error(t, err, login)
	}
}

func TestMigrateSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	db, src := testkit.EmptyDB(t), scratch(t)
	_, err := src.Migrate(t.Context(), db.LoginURL(t, "epo_install", "wrong"), db.Secrets, nil)
	require.ErrorContains(t, err, "refuses the password")
	_, err = src.Migrate(t.Context(), "postgres://nobody:x@127.0.0.1:1/epo", db.Secrets, nil)
	require.ErrorContains(t, err, "connection refused")
	_, err = src.Migrate(t.Context(), db.AdminURL, store.Secrets{}, nil)
	require.ErrorContains(t, err, "password of epo_rest_user is empty")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = src.Migrate(ctx, db.AdminURL, db.Secrets, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestRulesReportWhatBreaksThem(t *testing.T) {
	t.Parallel()
	db := testkit.EmptyDB(t)
	src := store.Source{Rules: []store.Script{
		{Name: "fine", SQL: "select '', '' where false"},
		{Name: "broken", SQL: "select 'epo.notes', 'is not forced'"},
	}}
	conn, err := pgx.Connect(t.Context(), db.AdminURL)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	violations, err := src.Violations(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, []store.Violation{{Rule: "broken", Object: "epo.notes", Problem: "is not forced", Reason: "so"}}, violations)
	require.ErrorContains(t, &store.CatalogueError{Violations: violations}, "broken: epo.notes: is not forced")
}

func TestVersionFloor(t *testing.T) {
	t.Parallel()
	for number, want := range map[int]struct{ warns, refuses bool }{
		160009: {refuses: true}, 170000: {warns: true}, 170010: {warns: true}, 170011: {}, 180000: {},
	} {
		warning, err := store.JudgeVersion(number)
		require.Equal(t, want.warns, warning != "", fmt.Sprint(number))
		require.Equal(t, want.refuses, err != nil, fmt.Sprint(number))
	}
}
