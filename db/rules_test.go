package db_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/db"
	"github.com/epo-dev/epo/internal/testkit"
)

// violation is a row that a rule returned.
type violation struct{ rule, object, problem string }

func (v violation) String() string { return fmt.Sprintf("%s: %s %s", v.rule, v.object, v.problem) }

// broken runs all rules in one round trip.
func broken(ctx context.Context, conn *pgx.Conn) ([]violation, error) {
	var found []violation
	var batch pgx.Batch
	for _, rule := range db.Rules() {
		batch.Queue(rule.SQL).Query(func(rows pgx.Rows) error {
			v := violation{rule: rule.Name}
			_, err := pgx.ForEachRow(rows, []any{&v.object, &v.problem}, func() error {
				found = append(found, v)
				return nil
			})
			if err != nil {
				return fmt.Errorf("rule %s: %w", rule.Name, err)
			}
			return nil
		})
	}
	return found, conn.SendBatch(ctx, &batch).Close()
}

// superuser connects past every rule; the caller may do anything to the database.
func superuser(t testing.TB, d *testkit.Database) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.SuperuserURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

func TestNoRuleOfTheCatalogueIsBroken(t *testing.T) {
	t.Parallel()
	found, err := broken(t.Context(), superuser(t, testkit.DB(t)))
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestServerMayReadWhatTheRulesAsk(t *testing.T) {
	t.Parallel()
	require.NoError(t, testkit.DB(t).Store.CheckCatalogue(t.Context()))
}

func TestEveryRuleSaysWhy(t *testing.T) {
	t.Parallel()
	for _, rule := range db.Rules() {
		require.NotEmpty(t, rule.Reason, rule.Name)
	}
}
