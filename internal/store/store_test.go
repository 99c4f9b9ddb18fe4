package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/testkit"
)

func TestSecretsAreMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secrets.json")
	all := make([]store.Secrets, 20)
	errs := make([]error, len(all))
	var group sync.WaitGroup
	for i := range all {
		group.Go(func() { all[i], errs[i] = store.LoadOrCreateSecrets(path) })
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	for _, s := range all {
		require.Equal(t, all[0], s)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1)

	require.NoError(t, os.Chmod(path, 0o640))
	_, err = store.LoadOrCreateSecrets(path)
	require.ErrorContains(t, err, "others can read")
	require.NoError(t, os.WriteFile(path, []byte(`{"epo_gateway":"x"}`), 0o600))
	require.NoError(t, os.Chmod(path, 0o600))
	_, err = store.LoadOrCreateSecrets(path)
	require.ErrorContains(t, err, "is empty")
}

func TestSecretsNeverShow(t *testing.T) {
	t.Parallel()
	s := store.NewSecrets()
	encoded, err := json.Marshal(map[string]any{"s": s, "p": &s})
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secrets", s, "config", fmt.Sprint(store.Config{Secrets: s}))
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v %s", s, s, s), string(encoded), log.String()} {
		require.Contains(t, text, "[redacted]")
		for _, secret := range []string{s.RestUser, s.RestAdmin, s.RestAgent, s.Gateway, s.Migrator} {
			require.NotContains(t, text, secret)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, db := open(t)
	wrong := store.NewSecrets()
	tests := map[string]struct {
		config store.Config
		want   string
	}{
		"password": {store.Config{URL: db.AdminURL, Secrets: wrong}, "`epo migrate up`"},
		"database": {store.Config{URL: strings.Replace(db.AdminURL, db.Name, "missing", 1), Secrets: db.Secrets}, "make the database first"},
		"away":     {store.Config{URL: "postgres://127.0.0.1:1/epo", Secrets: db.Secrets}, "connection refused"},
		"url":      {store.Config{URL: "postgres://%%", Secrets: db.Secrets}, "read the database URL"},
		"budget":   {store.Config{URL: db.AdminURL, Secrets: db.Secrets, MaxConns: 4}, "at least 5"},
		"secrets":  {store.Config{URL: db.AdminURL}, "is empty"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Open(t.Context(), test.config)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), db.Secrets.Migrator)
			require.NotContains(t, err.Error(), wrong.Migrator)
		})
	}
}

func TestConnectionBudgetIsSplit(t *testing.T) {
	t.Parallel()
	for _, budget := range []int{5, 16, 40, 100} {
		total := 0
		for login, size := range store.Split(budget) {
			require.Positive(t, size, login)
			total += int(size)
		}
		require.LessOrEqual(t, total, budget)
	}
}

func TestListenerHearsConnectsAnewAndEnds(t *testing.T) {
	t.Parallel()
	s, db := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	connected, heard, ended := make(chan struct{}, 10), make(chan string, 10), make(chan error, 1)
	go func() {
		ended <- s.Listen(ctx, "epo_wake", func() { connected <- struct{}{} }, func(payload string) { heard <- payload })
	}()
	<-connected
	require.NoError(t, s.Notify(t.Context(), "epo_wake", "one"))
	require.Equal(t, "one", <-heard)

	db.Exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'epo listener' and datname = current_database()")
	<-connected
	require.NoError(t, s.Notify(t.Context(), "epo_wake", "two"))
	require.Equal(t, "two", <-heard)

	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Eventually(t, func() bool {
		return testkit.Value[int](t, db, "select count(*) from pg_stat_activity where application_name = 'epo listener' and datname = current_database()") == 0
	}, time.Minute, 5*time.Millisecond)
}

func TestRetryableTellsWhatMaySucceedLater(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"40001": true, "40P01": true, "55P03": true, "57P01": true, "57P03": true, "53300": true, "08006": true,
		"53400": false, "23505": false, "57014": false, "42501": false, "PGRST": false,
	} {
		err := fmt.Errorf("work: %w", store.AsError(&pgconn.PgError{Code: code, Message: "{}"}))
		require.Equal(t, want, store.Retryable(err), code)
	}
	for err, want := range map[error]bool{
		nil: false, context.Canceled: false, io.ErrUnexpectedEOF: true, pgx.ErrNoRows: false, errors.New("scan"): false,
	} {
		require.Equal(t, want, store.Retryable(err), "%v", err)
	}
	require.NoError(t, store.AsError(nil))
}

func TestTopics(t *testing.T) {
	t.Parallel()
	require.Empty(t, store.Topics(""))
	require.Equal(t, []string{"a", "b"}, store.Topics(",a,,b,a"))
}

func FuzzErrorOfTheDatabase(f *testing.F) {
	f.Add("PGRST", `{"code":"a","message":"b","details":null,"hint":"c"}`, `{"status":404,"headers":{}}`)
	f.Add("PT404", "x", "")
	f.Add("", "", "")
	f.Add("é", "", "")
	f.Fuzz(func(t *testing.T, code, message, detail string) {
		e := store.AsError(&pgconn.PgError{Code: code, Message: message, Detail: detail}).(*store.Error)
		require.True(t, e.Status() >= 200 && e.Status() <= 599)
		if e.Status() >= 500 && code != "PGRST" {
			require.Empty(t, e.Details)
		}
	})
}
