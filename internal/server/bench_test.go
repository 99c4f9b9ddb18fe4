package server_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/server"
	"github.com/epo-dev/epo/internal/testkit"
)

// benchClients is how many connections the load has, as in the measurements that the goals come from.
const benchClients = 8

// BenchmarkREST compares the facade (token, grammar, role, claims, row-level security) with a handler that runs the same
// SQL without any of it, side by side in short turns of one run, since a busy machine changes from second to second. The goals are ratios: 0.90 for a page, 0.80 for one row.
func BenchmarkREST(b *testing.B) {
	s := newStack(b, func(c *server.Config) { c.Logger = slog.New(slog.DiscardHandler) })
	tn := s.newTenant("acme")
	s.newTenant("other")
	for _, slug := range []string{"acme", "other"} {
		s.db.Exec(b, `insert into epo.pools (tenant_id, id, name, description)
			select t.tenant_id, epo.new_id(), 'pool-' || n, repeat('description ', 20)
			from epo.tenants as t cross join generate_series(1, 5000) as n where t.slug = $1`, slug)
	}
	s.db.Exec(b, "analyze")
	id := testkit.Value[string](b, s.db, "select p.id::text from epo.pools as p join epo.tenants as t using (tenant_id) where t.slug = 'acme' and p.name = 'pool-7'")
	for _, shape := range []struct{ name, path, sql, arg string }{
		{"page", "/pools?select=id,name,description,created_at&order=id&limit=20",
			`select count(*), coalesce(json_agg(t), '[]')::text from (select id, name, description, created_at from epo.pools where tenant_id = $1::text::uuid order by id limit 20) as t`, tn.id},
		{"row", "/pools?select=id,name,description,created_at&id=eq." + id,
			`select count(*), coalesce(json_agg(t), '[]')::text from (select id, name, description, created_at from epo.pools where tenant_id = split_part($1, '/', 1)::uuid and id = split_part($1, '/', 2)::uuid) as t`, tn.id + "/" + id},
	} {
		bare := unsecured(b, s, shape.sql, shape.arg)
		secured := s.url + "/api" + shape.path
		require.Equal(b, len(fetch(b, bare, "")), len(fetch(b, secured, tn.operator)), shape.name)
		b.Run(shape.name, func(b *testing.B) {
			for b.Loop() {
				compare(b, secured, bare, tn.operator)
			}
		})
	}
}

// turns is how often each side is measured, for slice.
const (
	turns = 31
	slice = 250 * time.Millisecond
)

// compare measures both in turn and reports medians.
func compare(b *testing.B, secured, bare, bearer string) {
	var ratios, rates []float64
	for range turns {
		without := rate(b, bare, "")
		with := rate(b, secured, bearer)
		ratios, rates = append(ratios, with/without), append(rates, with)
	}
	slices.Sort(ratios)
	slices.Sort(rates)
	b.ReportMetric(ratios[turns/2], "secured/unsecured")
	b.ReportMetric(rates[turns/2], "req/s")
}

// unsecured serves one statement as superuser, whom no policy binds.
func unsecured(b *testing.B, s *stack, sql, arg string) string {
	config, err := pgxpool.ParseConfig(s.db.SuperuserURL)
	require.NoError(b, err)
	config.MaxConns = 8
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n int64
		var body []byte
		if err := pool.QueryRow(r.Context(), sql, arg).Scan(&n, &body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(body)
	})}
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(func() { _ = srv.Close() })
	return "http://" + l.Addr().String() + "/"
}

func fetch(b *testing.B, url, bearer string) string {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	body, err := get(&http.Client{Transport: transport}, url, bearer)
	require.NoError(b, err)
	return body
}

func get(c *http.Client, url, bearer string) (string, error) {
	r, err := http.NewRequestWithContext(context.Background(), "GET", url, nil)
	if err != nil {
		return "", err
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", response.StatusCode, body)
	}
	return string(body), err
}

// rate is how many requests per second the clients get done in one slice.
func rate(b *testing.B, url, bearer string) float64 {
	transport := &http.Transport{MaxIdleConnsPerHost: benchClients}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport}
	var done atomic.Int64
	end := time.Now().Add(slice)
	began := time.Now()
	var group sync.WaitGroup
	for range benchClients {
		group.Go(func() {
			for time.Now().Before(end) {
				if _, err := get(c, url, bearer); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}
