package server

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/testkit"
	"github.com/epo-dev/epo/internal/token"
)

func TestReaperWaitsOnePeriodAfterEachConnect(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	r := &reaper{now: func() time.Time { return now }}
	step := func(d time.Duration) bool {
		now = now.Add(d)
		return r.may(30 * time.Second)
	}
	require.False(t, step(0), "not at the start")
	require.False(t, step(29*time.Second))
	require.True(t, step(time.Second))
	r.lost()
	require.False(t, step(time.Hour), "not at once after the database was away, however long that was")
	require.False(t, step(29*time.Second))
	require.True(t, step(time.Second))
}

// TestLobbyKeepsWakesForAMinute and no longer.
func TestLobbyKeepsWakesForAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := NewHub()
		l := newLobby(hub)
		w, known := l.enter("agent", "agents:t")
		require.False(t, known)
		l.leave("agent", w)
		hub.Wake("agents:t")
		again, known := l.enter("agent", "agents:t")
		require.True(t, known)
		require.Same(t, w, again)
		require.Len(t, again.C, 1)
		second, known := l.enter("agent", "agents:t")
		require.False(t, known, "two waits of one agent do not share")
		l.leave("agent", again)
		l.leave("agent", second)
		require.Equal(t, 1, registered(hub, "agents:t"))
		time.Sleep(lobbyTime + time.Second)
		synctest.Wait()
		require.Zero(t, registered(hub, "agents:t"))
		l.mu.Lock()
		defer l.mu.Unlock()
		require.Empty(t, l.parked)
	})
}

// registered is how many waiters a topic has.
func registered(h *Hub, topic string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.waiters[topic])
}

func TestPayloadsFitIntoANotification(t *testing.T) {
	t.Parallel()
	hub := NewHub()
	sender, hearer := newReplicas(hub, nil, slog.New(slog.DiscardHandler)), newReplicas(hub, nil, slog.New(slog.DiscardHandler))
	var topics []string
	for i := range 1000 {
		topics = append(topics, fmt.Sprintf("run:%036d", i))
	}
	payloads := sender.payloads(topics)
	require.Greater(t, len(payloads), 1)
	first, last := hub.Wait(topics[0]), hub.Wait(topics[999])
	for _, p := range payloads {
		require.Less(t, len(p), 8000)
		sender.hear(p)
	}
	require.False(t, woken(first), "a server does not hear itself")
	for _, p := range payloads {
		hearer.hear(p)
	}
	require.True(t, woken(first))
	require.True(t, woken(last))
	require.Empty(t, sender.payloads(nil))
	for _, garbage := range []string{"", "x", " ", "x ,,", strings.Repeat("a", 8000)} {
		hearer.hear(garbage)
	}
}

// bareServer is a server that does not run.
func bareServer(t testing.TB, db *testkit.Database) *Server {
	t.Helper()
	keys, err := token.NewRing(time.Now())
	require.NoError(t, err)
	s, err := New(Config{Store: db.Store, Keys: keys, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.listener.Close()) })
	return s
}

// TestBrokenRuleStopsServing while the server runs, until it is mended.
func TestBrokenRuleStopsServing(t *testing.T) {
	t.Parallel()
	db := testkit.DB(t)
	s := bareServer(t, db)
	status := func(path string) int {
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code
	}
	require.NoError(t, s.checkCatalogue(t.Context()))
	require.Equal(t, http.StatusOK, status("/readyz"))
	require.Equal(t, http.StatusUnauthorized, status("/api/scripts"))
	db.Exec(t, "alter table epo.scripts no force row level security")
	require.Error(t, s.checkCatalogue(t.Context()))
	require.Equal(t, http.StatusServiceUnavailable, status("/readyz"))
	require.Equal(t, http.StatusServiceUnavailable, status("/api/scripts"))
	require.Equal(t, http.StatusOK, status("/healthz"))
	db.Exec(t, "alter table epo.scripts force row level security")
	require.NoError(t, s.checkCatalogue(t.Context()))
	require.Equal(t, http.StatusOK, status("/readyz"))
}

func TestPanicOfAHandlerIsAnswered(t *testing.T) {
	t.Parallel()
	var logs strings.Builder
	s := &Server{config: Config{Logger: slog.New(slog.NewTextHandler(&logs, nil))}}
	w := httptest.NewRecorder()
	s.edge(func(*exchange, *http.Request) { panic("canary") }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.NotContains(t, w.Body.String(), "canary")
	require.Contains(t, logs.String(), "canary")
	require.Contains(t, logs.String(), "status=500")
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{"127.0.0.1": true, "127.9.9.9": true, "::1": true, "0.0.0.0": false, "::": false, "10.0.0.1": false} {
		require.Equal(t, want, isLoopback(&net.TCPAddr{IP: net.ParseIP(address)}), address)
	}
	require.False(t, isLoopback(&net.UnixAddr{Name: "x"}))
}

// TestRoutesSayWhoMay: every row of the table has a path of ours, and what is not for anybody needs a token.
func TestRoutesSayWhoMay(t *testing.T) {
	t.Parallel()
	s := bareServer(t, testkit.DB(t))
	open := map[string]bool{"/healthz": true, "/readyz": true, "/version": true, "/auth/sign-in": true, "/auth/refresh": true, "/auth/sign-out": true, "/auth/agent/enroll": true, "/auth/agent/token": true}
	for _, r := range s.routes() {
		require.True(t, reserved(r.path), r.path)
		require.Equal(t, open[r.path], r.access == anybody, r.path)
		if r.access == anybody {
			continue
		}
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, httptest.NewRequest(r.method, strings.ReplaceAll(r.path, "{id}", "x"), nil))
		require.Equal(t, http.StatusUnauthorized, w.Code, r.path)
	}
}
