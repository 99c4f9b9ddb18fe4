package db_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/testkit"
)

// Whenever a schema is made anywhere in the database, as with the first temporary
// table of a session, prepared statements are looked at anew in the role of the
// moment. What every request calls must be in reach of that role.
func TestRequestsSurviveANewSchema(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 3 {
		_, err := b.db.Store.Do(t.Context(), testkit.Request(b.Operator), "select count(*)::text from api.pools")
		require.NoError(t, err)
		b.db.Exec(t, "create schema passing; drop schema passing; create temporary table passing (i int)")
	}
}

func TestLoginsCompileNoPlans(t *testing.T) {
	t.Parallel()
	d := testkit.DB(t)
	for _, pool := range []interface {
		QueryRow(context.Context, string, ...any) pgx.Row
	}{d.Store.Gateway(), d.Store.System(), d.Store.Pool(store.RoleUser), d.Store.Pool(store.RoleAdmin), d.Store.Pool(store.RoleAgent)} {
		var jit string
		require.NoError(t, pool.QueryRow(t.Context(), "show jit").Scan(&jit))
		require.Equal(t, "off", jit)
	}
}
