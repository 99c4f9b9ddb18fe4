package testkit

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/store"
)

// Database is a database of one test.
type Database struct {
	Name string
	// AdminURL is of the installing role: owner of the database, may create roles, no superuser.
	AdminURL string
	// SuperuserURL is for what a test has to do behind everybody's back.
	SuperuserURL string
	// Secrets are the passwords of the logins.
	Secrets store.Secrets
	// Store has all pools open. Nil for EmptyDB.
	Store *store.Store
}

// installer is the role that pgserver makes.
const installer = "epo_install"

// DB returns a fresh, migrated database. It is removed when the test has passed and kept when it failed.
func DB(t testing.TB) *Database {
	t.Helper()
	s, err := process.get()
	require.NoError(t, err)
	db := s.create(t, "template "+template+" strategy file_copy")
	// The rights on a database itself are not cloned.
	require.NoError(t, s.exec(t.Context(), fmt.Sprintf(`revoke all on database %s from public;
		grant connect on database %s to epo_rest_user, epo_rest_admin, epo_rest_agent, epo_gateway, epo_migrator`, db.Name, db.Name)))
	db.Store, err = store.Open(t.Context(), store.Config{URL: db.AdminURL, Secrets: db.Secrets, MaxConns: 16})
	require.NoError(t, err)
	t.Cleanup(db.Store.Close) // before the database goes
	return db
}

// EmptyDB returns a fresh database that nobody has migrated.
func EmptyDB(t testing.TB) *Database {
	t.Helper()
	s, err := process.get()
	require.NoError(t, err)
	return s.create(t, "template template0")
}

func (s *server) create(t testing.TB, how string) *Database {
	t.Helper()
	name := fmt.Sprintf("t%d_%s", s.names.Add(1), identifier(t.Name()))
	require.NoError(t, s.exec(t.Context(), fmt.Sprintf("create database %s owner %s %s", name, installer, how)))
	t.Cleanup(func() {
		if t.Failed() {
			s.keep.Store(true)
			t.Logf("database %s is kept", name)
			return
		}
		require.NoError(t, s.exec(context.Background(), "drop database "+name+" with (force)"))
	})
	return &Database{Name: name, AdminURL: onDatabase(s.pg.URL(), name), SuperuserURL: s.pg.SuperuserURL(name), Secrets: s.secrets}
}

// Exec runs SQL as superuser, so past row-level security; without arguments it may be several statements.
func (d *Database) Exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	d.as(t, d.SuperuserURL, func(ctx context.Context, conn *pgx.Conn) {
		if len(args) == 0 {
			args = []any{pgx.QueryExecModeSimpleProtocol}
		}
		_, err := conn.Exec(ctx, sql, args...)
		require.NoError(t, err)
	})
}

// Value returns the one value of a query that runs as superuser.
func Value[T any](t testing.TB, d *Database, sql string, args ...any) T {
	t.Helper()
	var value T
	d.as(t, d.SuperuserURL, func(ctx context.Context, conn *pgx.Conn) {
		require.NoError(t, conn.QueryRow(ctx, sql, args...).Scan(&value))
	})
	return value
}

func (d *Database) as(t testing.TB, url string, work func(context.Context, *pgx.Conn)) {
	t.Helper()
	ctx := context.Background() // also in clean-ups, when the test's own context has ended
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer conn.Close(ctx)
	work(ctx, conn)
}

// LoginURL is of another role of the server, for tests of what that role may do.
func (d *Database) LoginURL(t testing.TB, role, password string) string {
	t.Helper()
	u, err := url.Parse(d.AdminURL)
	require.NoError(t, err)
	u.User = url.UserPassword(role, password)
	return u.String()
}

// Role makes a login of the server with the given attributes ("createrole", "superuser" …), removed after the test, and
// returns its name and password. Roles are shared by all databases of the process, so its name is a new one.
func (d *Database) Role(t testing.TB, attributes string) (name, password string) {
	t.Helper()
	name, password = "t_"+strings.ToLower(rand.Text()[:12]), rand.Text()
	s, err := process.get()
	require.NoError(t, err)
	require.NoError(t, s.exec(t.Context(), fmt.Sprintf("create role %s login password '%s' %s", name, password, attributes)))
	return name, password
}

func onDatabase(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic("testkit: " + err.Error()) // pgserver made it
	}
	u.Path = "/" + name
	return u.String()
}

// identifier makes a name that needs no quotes and leaves room for a number.
func identifier(test string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '_'
		}
	}, test)
	return clean[:min(len(clean), 50)]
}
