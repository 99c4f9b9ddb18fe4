package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/pgserver"
	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/testkit"
)

// ownServer starts a server for a test that does to it what others would mind.
func ownServer(t *testing.T) *pgserver.Server {
	t.Helper()
	config := pgserver.Config{DataDir: filepath.Join(testkit.Folder(t), "postgres"), Account: "nobody", Disposable: true}
	s, err := pgserver.Start(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return s
}

// Roles belong to the cluster: installing into several of its databases at once, on a server where none of them exists
// yet, meets in the catalogue of roles.
func TestConcurrentMigratorsOfAFreshServerDoNotFail(t *testing.T) {
	t.Parallel()
	server, secrets := ownServer(t), store.NewSecrets()
	super, err := pgx.Connect(t.Context(), server.SuperuserURL("postgres"))
	require.NoError(t, err)
	defer super.Close(t.Context())
	urls := []string{server.URL()}
	for _, name := range []string{"second", "third"} {
		_, err := super.Exec(t.Context(), "create database "+name+" owner epo_install")
		require.NoError(t, err)
		urls = append(urls, strings.Replace(server.URL(), "/epo?", "/"+name+"?", 1))
	}
	errs := make([]error, 20)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { _, errs[i] = store.Migrate(t.Context(), urls[i%len(urls)], secrets, nil) })
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
}

// Whatever Do has returned without error is durable, and a killed server is no more than a pause.
func TestKilledServerLosesNoAcknowledgedRequest(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("has no kill -9")
	}
	server, secrets := ownServer(t), store.NewSecrets()
	_, err := scratch(t).Migrate(t.Context(), server.URL(), secrets, nil)
	require.NoError(t, err)
	s, err := store.Open(t.Context(), store.Config{URL: server.URL(), Secrets: secrets})
	require.NoError(t, err)
	defer s.Close()

	const killings, writers = 3, 4
	var mu sync.Mutex
	acknowledged, unknown := map[string]bool{}, 0
	progress := make(chan struct{}, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				note := fmt.Sprintf("%d-%d", w, i)
				_, err := s.Do(context.Background(), as(store.RoleUser, tenantA), "select api.add_note($1)", note)
				mu.Lock()
				switch {
				case err == nil:
					acknowledged[note] = true
				case store.Retryable(err):
					unknown++
				default:
					t.Errorf("not retryable: %v", err)
				}
				mu.Unlock()
				if err == nil {
					select {
					case progress <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	for range killings {
		for range 200 {
			<-progress
		}
		p, err := os.FindProcess(server.PID())
		require.NoError(t, err)
		require.NoError(t, p.Kill())
		require.Eventually(t, func() bool { return s.Ping(t.Context()) == nil && server.PID() != p.Pid }, time.Minute, 5*time.Millisecond)
	}
	cancel()
	group.Wait()
	require.Positive(t, unknown, "the killings were noticed")

	conn, err := pgx.Connect(t.Context(), server.SuperuserURL("epo"))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), "select note from epo.notes")
	require.NoError(t, err)
	notes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	durable := map[string]bool{}
	for _, n := range notes {
		durable[n] = true
	}
	for n := range acknowledged {
		require.True(t, durable[n], "%s was acknowledged", n)
	}
}

// A database given by URL: its administrator may create roles and owns the database, and that is all. A second one in
// the same cluster, by somebody else, cannot share the logins and is told so.
func TestForeignServerNeedsNoSuperuser(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	super, err := pgx.Connect(t.Context(), server.SuperuserURL("postgres"))
	require.NoError(t, err)
	defer super.Close(t.Context())
	administer := func(name string) string {
		for _, sql := range []string{
			"create role " + name + " login createrole password 'x'", "create database " + name + " owner " + name,
		} {
			_, err := super.Exec(t.Context(), sql)
			require.NoError(t, err)
		}
		u, err := url.Parse(server.URL())
		require.NoError(t, err)
		u.User, u.Path = url.UserPassword(name, "x"), "/"+name
		return u.String()
	}
	secrets := store.NewSecrets()
	mine := administer("dba")
	_, err = store.Migrate(t.Context(), mine, secrets, nil)
	require.NoError(t, err)
	s, err := store.Open(t.Context(), store.Config{URL: mine, Secrets: secrets})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.CheckSchema(t.Context()))
	require.NoError(t, s.CheckCatalogue(t.Context()))

	_, err = store.Migrate(t.Context(), administer("other"), secrets, nil)
	require.ErrorContains(t, err, "another administrator")
}
