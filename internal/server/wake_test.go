package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/server"
	"github.com/epo-dev/epo/internal/testkit"
	"github.com/epo-dev/epo/internal/token"
)

// wait asks /agent/wait and reports whether it was woken.
func (s *stack) wait(m machine, timeout string) bool {
	s.t.Helper()
	a := s.do("GET", "/agent/wait?timeout="+timeout, m.access, nil, nil)
	require.Contains(s.t, []int{http.StatusOK, http.StatusNoContent}, a.status, a.body)
	return a.status == http.StatusOK
}

// waiting starts a wait and returns once the server has registered it, that is, once an earlier wait has come back empty.
func (s *stack) waiting(m machine) (woken <-chan time.Time) {
	s.t.Helper()
	for s.wait(m, "0") { // what it does not know yet, and what is still kept for it
	}
	c := make(chan time.Time, 1)
	go func() {
		a, err := s.try(context.Background(), "GET", "/agent/wait?timeout=20", m.access, nil, nil)
		if err == nil && a.status == http.StatusOK {
			c <- time.Now()
		}
		close(c)
	}()
	return c
}

func TestWaitWakesAtOnce(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn, other := s.newTenant("acme"), s.newTenant("other")
	m, stranger := s.newMachine(tn, "pool"), s.newMachine(other, "pool")
	script, target, _ := s.newRun(tn, m, "script")
	require.True(t, s.wait(stranger, "0"), "the first wait sends an agent to look")
	require.False(t, s.wait(stranger, "0"))
	var took []time.Duration
	for range 20 {
		woken := s.waiting(m)
		began := time.Now()
		s.queue(tn, script, target)
		within(t, func() error {
			at, ok := <-woken
			if !ok {
				return errors.New("the wait was not woken")
			}
			took = append(took, at.Sub(began))
			return nil
		})
	}
	slices.Sort(took)
	t.Logf("queue_run to the end of the wait, p50 %v, max %v", took[len(took)/2], took[len(took)-1])
	require.Less(t, took[len(took)/2], 5*time.Second, "not by the end of a wait")
	require.False(t, s.wait(stranger, "0"), "another tenant's agents sleep on")
}

// TestNoWakeIsLostBetweenTwoWaits: what happens while the agent is busy is told at its next wait.
func TestNoWakeIsLostBetweenTwoWaits(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	for s.wait(m, "0") {
	}
	s.newRun(tn, m, "script")
	require.True(t, s.wait(m, "20"))
	require.False(t, s.wait(m, "0"))
	for _, bad := range []string{"x", "-1", "NaN"} {
		require.Equal(t, http.StatusBadRequest, s.do("GET", "/agent/wait?timeout="+bad, m.access, nil, nil).status)
	}
}

// TestWaitHoldsNoConnection: more waits than there are connections in all pools, and the facade still answers.
func TestWaitHoldsNoConnection(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	for s.wait(m, "0") {
	}
	const waiters = 40
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for i := range waiters {
		agent := s.issue(token.Subject{TenantID: tn.id, AgentID: m.id, SessionID: uuid.NewString()})
		_ = i
		group.Go(func() { _, _ = s.try(ctx, "GET", "/agent/wait?timeout=25", agent, nil, nil) })
	}
	require.Eventually(t, func() bool {
		return testkit.Value[int](t, s.db, "select count(*)::int from pg_stat_activity where datname = current_database() and state <> 'idle' and usename like 'epo_rest%'") == 0
	}, time.Minute, 20*time.Millisecond)
	within(t, func() error {
		for range 20 {
			if a := s.get(tn.operator, "/scripts"); a.status != http.StatusOK {
				return fmt.Errorf("status %d", a.status)
			}
		}
		return nil
	})
	cancel()
	group.Wait()
}

// stream opens /events, of a run or else of the tenant's lists, and sends each line to the channel, which is closed at the end.
func (s *stack) stream(ctx context.Context, bearer, run string) <-chan string {
	s.t.Helper()
	path := "/events"
	if run != "" {
		path += "?run=" + run
	}
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+path, nil)
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+bearer)
	response, err := client.Do(r)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, response.StatusCode)
	require.Equal(s.t, "text/event-stream; charset=utf-8", response.Header.Get("Content-Type"))
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		defer response.Body.Close()
		scanner := bufio.NewScanner(response.Body)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
	}()
	return lines
}

// next waits for a line that begins with prefix.
func next(lines <-chan string, prefix string) error {
	for line := range lines {
		if strings.HasPrefix(line, prefix) {
			return nil
		}
	}
	return errors.New("the stream ended")
}

func TestEventsTellOfARun(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(c *server.Config) { c.Heartbeat = 50 * time.Millisecond })
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	_, _, run := s.newRun(tn, m, "script")
	lines := s.stream(t.Context(), tn.auditor, run)
	within(t, func() error { return next(lines, `data: {"run_id":"`+run+`"}`) })
	within(t, func() error { return next(lines, ":") })
	s.call(tn.operator, "cancel_run", map[string]any{"run_id": run})
	within(t, func() error { return next(lines, "event: wake") })
	for _, bad := range []string{"", "x", "' or 1=1"} {
		require.Equal(t, http.StatusBadRequest, s.do("GET", "/events?run="+strings.ReplaceAll(bad, " ", "%20"), tn.admin, nil, nil).status)
	}
}

// TestEventsEndWithTheToken and with the server.
func TestEventsEndWithTheToken(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	_, _, run := s.newRun(tn, m, "script")
	subject := token.Subject{TenantID: tn.id, UserID: tn.operatorID, SessionID: uuid.NewString(), AppRoles: []string{"operator"}}
	short, _, err := s.keys.Issue(subject, time.Now().Add(2*time.Second-token.Lifetime))
	require.NoError(t, err)
	ending := s.stream(t.Context(), short, run)
	lasting := s.stream(t.Context(), tn.operator, run)
	within(t, func() error {
		for range ending {
		}
		return nil
	})
	require.NoError(t, s.stop())
	within(t, func() error {
		for range lasting {
		}
		return nil
	})
}

// TestReplicasHearWakes: what is committed through one server wakes the waiters of another.
func TestReplicasHearWakes(t *testing.T) {
	t.Parallel()
	first := newStack(t)
	second := serve(t, first.db, first.keys)
	tn := first.newTenant("acme")
	m := first.newMachine(tn, "pool")
	script, target, run := first.newRun(tn, m, "script")
	lines := second.stream(t.Context(), tn.operator, run)
	within(t, func() error { return next(lines, "event: wake") })
	second.listening()
	var took []time.Duration
	for range 10 {
		woken := second.waiting(m)
		began := time.Now()
		first.queue(tn, script, target)
		within(t, func() error {
			at, ok := <-woken
			if !ok {
				return errors.New("the other server was not woken")
			}
			took = append(took, at.Sub(began))
			return nil
		})
	}
	slices.Sort(took)
	t.Logf("queue_run on one server to the end of a wait on the other, p50 %v, max %v", took[len(took)/2], took[len(took)-1])
	require.Less(t, took[len(took)/2], 5*time.Second, "not by the end of a wait")
	first.call(tn.operator, "cancel_run", map[string]any{"run_id": run})
	within(t, func() error { return next(lines, "event: wake") })
}

// listening waits until the server hears the other replicas.
func (s *stack) listening() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		return testkit.Value[int](s.t, s.db, "select count(*)::int from pg_stat_activity where datname = current_database() and query = 'listen \"epo_wake\"'") >= 2
	}, time.Minute, 10*time.Millisecond)
}

// TestLeasesEndByTheReaper: a claim that nobody renews goes back to the queue, and the agents are woken for it.
func TestLeasesEndByTheReaper(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(c *server.Config) { c.ReapEvery = 50 * time.Millisecond })
	tn := s.newTenant("acme")
	s.db.Exec(t, "update epo.tenant_policies set lease_seconds = 1")
	m := s.newMachine(tn, "pool")
	s.newRun(tn, m, "script")
	claim := func() int {
		var claimed []any
		s.do("POST", "/api/rpc/claim_run_targets", m.access, map[string]any{"max_targets": 5}, nil).json(t, &claimed)
		return len(claimed)
	}
	require.Equal(t, 1, claim())
	require.Equal(t, 0, claim())
	for s.wait(m, "0") {
	}
	require.True(t, s.wait(m, "20"))
	require.Equal(t, 1, claim())
}

// TestNoReapingBeforeOneLeasePeriod: a server that has just started gives every agent the time to renew.
func TestNoReapingBeforeOneLeasePeriod(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(c *server.Config) { c.ReapEvery, c.LeasePeriod = 10*time.Millisecond, time.Hour })
	tn := s.newTenant("acme")
	s.db.Exec(t, "update epo.tenant_policies set lease_seconds = 1")
	m := s.newMachine(tn, "pool")
	s.newRun(tn, m, "script")
	require.Equal(t, http.StatusOK, s.do("POST", "/api/rpc/claim_run_targets", m.access, map[string]any{"max_targets": 5}, nil).status)
	s.db.Exec(t, "update epo.attempts set lease_expires_at = now() - interval '1 minute'")
	for until := time.Now().Add(300 * time.Millisecond); time.Now().Before(until); { // many rounds of the reaper
		require.NotContains(t, s.get(tn.operator, "/job_run_targets?select=state").body, "pending")
	}
}

// TestShutdownEndsWaitsAndStreams: Run returns soon, although agents wait and people follow.
func TestShutdownEndsWaitsAndStreams(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	_, _, run := s.newRun(tn, m, "script")
	woken := s.waiting(m)
	lines := s.stream(t.Context(), tn.operator, run)
	within(t, func() error { return next(lines, "event: wake") })
	began := time.Now()
	require.NoError(t, s.stop())
	require.Less(t, time.Since(began), time.Minute, "it waited for streams")
	within(t, func() error {
		if _, ok := <-woken; ok {
			return errors.New("the end of the server is no wake")
		}
		for range lines {
		}
		return nil
	})
	_, err := net.DialTimeout("tcp", strings.TrimPrefix(s.url, "http://"), time.Second)
	require.Error(t, err)
}
