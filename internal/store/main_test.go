package store_test

import (
	"context"
	"embed"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/testkit"
)

func TestMain(m *testing.M) {
	code := testkit.Run(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left:", err)
			code = 1
		}
	}
	os.Exit(code)
}

//go:embed testdata
var testdata embed.FS

// scratch is a small schema with the frame of the real one.
func scratch(t testing.TB) store.Source {
	read := func(name string) string {
		text, err := testdata.ReadFile("testdata/" + name)
		require.NoError(t, err)
		return string(text)
	}
	return store.Source{
		Migrations: []store.Script{
			{Name: "0001_create_roles.sql", SQL: read("0001_create_roles.sql")},
			{Name: "0002_create_notes.sql", SQL: read("0002_create_notes.sql")},
		},
		Code:   []store.Script{{Name: "code.sql", SQL: read("code.sql")}},
		Digest: "1",
	}
}

// open returns a store on a database with the scratch schema.
func open(t testing.TB, configure ...func(*store.Config)) (*store.Store, *testkit.Database) {
	t.Helper()
	db := testkit.EmptyDB(t)
	_, err := scratch(t).Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.NoError(t, err)
	c := store.Config{URL: db.AdminURL, Secrets: db.Secrets, MaxConns: 16}
	for _, f := range configure {
		f(&c)
	}
	s, err := store.Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s, db
}

const (
	tenantA = "0198c0de-0000-7000-8000-00000000000a"
	tenantB = "0198c0de-0000-7000-8000-00000000000b"
)

func as(role store.Role, tenant string) store.Request {
	return store.Request{Role: role, Claims: fmt.Sprintf(`{"role":%q,"tenant_id":%q}`, role, tenant)}
}

func background() context.Context { return context.Background() }
