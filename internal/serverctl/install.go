package serverctl

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/epo-dev/epo/internal/gateway"
	"github.com/epo-dev/epo/internal/store"
)

// firstTenant and firstUser are what `epo up` makes; `epo admin bootstrap` lets one choose.
const (
	firstTenant     = "main"
	firstTenantName = "Main"
	firstUser       = "admin"
)

// firstSignIn is the first administrator. Password is empty when it was not made now.
type firstSignIn struct {
	TenantID, UserID string
	User             string
	Password         string
}

// migrate brings the database up to date, opens it and makes the first tenant and administrator if there are none.
func (u *upRun) migrate(ctx context.Context) (string, error) {
	secrets, err := store.LoadOrCreateSecrets(u.data.secretsFile())
	if err != nil {
		return "", err
	}
	report, err := store.Migrate(ctx, u.database, secrets, u.logger)
	if err != nil {
		return "", err
	}
	u.store, err = store.Open(ctx, store.Config{URL: u.database, Secrets: secrets, Logger: u.logger})
	if err != nil {
		return "", err
	}
	if u.first, err = firstAdministrator(ctx, u.store); err != nil {
		return "", err
	}
	return describe(report), nil
}

// describe says in a few words what Migrate did.
func describe(r store.Report) string {
	var did []string
	if n := len(r.Applied); n > 0 {
		did = append(did, fmt.Sprintf("%d migrations applied", n))
	}
	if r.Rebuilt {
		did = append(did, "functions and views built")
	}
	if len(did) == 0 {
		return "up to date"
	}
	return strings.Join(did, ", ")
}

// firstAdministrator makes the first tenant and administrator, or finds them. A constraint of the database, not this
// code, refuses a second time.
func firstAdministrator(ctx context.Context, s *store.Store) (firstSignIn, error) {
	first := firstSignIn{User: firstUser, Password: gateway.NewPassword()}
	err := bootstrap(ctx, s, firstTenant, firstTenantName, &first)
	switch store.CodeOf(err) {
	case "":
		return first, err
	case "already_bootstrapped", "conflict":
		first.Password = ""
		return first, findFirst(ctx, s, &first)
	}
	return firstSignIn{}, err
}

// bootstrap makes a first tenant and its administrator with the name and password in first, and fills in the ids.
func bootstrap(ctx context.Context, s *store.Store, slug, name string, first *firstSignIn) error {
	hash, err := gateway.HashPassword(first.Password)
	if err != nil {
		return err
	}
	row := s.Gateway().QueryRow(ctx, `select tenant_id::text, user_id::text from auth.bootstrap($1, $2, $3, $4)`, slug, name, first.User, hash)
	return store.AsError(row.Scan(&first.TenantID, &first.UserID))
}

// findFirst looks the first administrator up. That it was renamed or removed since is no error: only the local agent's
// first enrollment needs it.
func findFirst(ctx context.Context, s *store.Store, first *firstSignIn) error {
	rows, err := s.Gateway().Query(ctx, `select tenant_id::text, user_id::text from auth.sign_in_lookup($1, $2) where not disabled`, firstTenant, firstUser)
	if err != nil {
		return store.AsError(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&first.TenantID, &first.UserID); err != nil {
			return store.AsError(err)
		}
	}
	return store.AsError(rows.Err())
}

// openStore is for the commands that run beside a server: it opens a database that is migrated already.
func openStore(ctx context.Context, o databaseOptions, log *slog.Logger) (*store.Store, error) {
	url, secretsFile, err := o.resolve()
	if err != nil {
		return nil, err
	}
	secrets, err := store.LoadOrCreateSecrets(secretsFile)
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, store.Config{URL: url, Secrets: secrets, MaxConns: 8, Logger: log})
}
