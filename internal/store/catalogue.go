package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Violation is one broken rule of the catalogue.
type Violation struct {
	Rule    string
	Object  string // what breaks it
	Problem string // how
	Reason  string // why the rule stands
}

// CatalogueError lists what is broken. A server with such a database must not serve.
type CatalogueError struct{ Violations []Violation }

func (e *CatalogueError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the database breaks %d security rules", len(e.Violations))
	for i, v := range e.Violations {
		if i == 10 {
			fmt.Fprintf(&b, "\n  and %d more", len(e.Violations)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s: %s: %s", v.Rule, v.Object, v.Problem)
	}
	return b.String()
}

// CheckCatalogue runs the security rules (forced row-level security, tenant in every key, owners, grants …) against the
// live catalogue and returns a *CatalogueError if one is broken. They are the rules that the tests run.
func (s *Store) CheckCatalogue(ctx context.Context) error {
	conn, err := s.System().Acquire(ctx)
	if err != nil {
		return AsError(err)
	}
	defer conn.Release()
	violations, err := embedded().violations(ctx, conn.Conn())
	if err != nil {
		return err
	}
	if len(violations) > 0 {
		return &CatalogueError{violations}
	}
	return nil
}

// violations runs all rules in one round trip.
func (s source) violations(ctx context.Context, conn *pgx.Conn) ([]Violation, error) {
	var all []Violation
	var batch pgx.Batch
	for _, rule := range s.rules {
		batch.Queue(rule.sql).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				v := Violation{Rule: rule.name, Reason: rule.reason}
				if err := rows.Scan(&v.Object, &v.Problem); err != nil {
					return fmt.Errorf("rule %s: %w", rule.name, err)
				}
				all = append(all, v)
			}
			return rows.Err()
		})
	}
	if err := conn.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, fmt.Errorf("check the catalogue: %w", err)
	}
	return all, nil
}
