package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/server"
	"github.com/epo-dev/epo/internal/testkit"
)

// kinds reads hints about lists up to one of a kind, and returns the kinds that came before it.
func kinds(lines <-chan string, until string) ([]string, error) {
	var before []string
	for line := range lines {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		var hint struct{ Kind string }
		if err := json.Unmarshal([]byte(data), &hint); err != nil {
			return before, err
		}
		if hint.Kind == until {
			return before, nil
		}
		before = append(before, hint.Kind)
	}
	return before, errors.New("the stream ended")
}

// hears waits for a hint of a kind and returns what came before it.
func hears(t testing.TB, lines <-chan string, until string) (before []string) {
	t.Helper()
	within(t, func() (err error) {
		before, err = kinds(lines, until)
		return err
	})
	return before
}

func (s *stack) push(tn tenant, name string) {
	s.t.Helper()
	s.call(tn.operator, "push_script", map[string]any{"name": name, "content": base64.StdEncoding.EncodeToString([]byte("'" + name + "'\n"))})
}

// started claims and starts what waits, and returns the attempts.
func (s *stack) started(m machine) []string {
	s.t.Helper()
	var claimed []struct {
		AttemptID string `json:"attempt_id"`
	}
	s.do("POST", "/api/rpc/claim_run_targets", m.access, map[string]any{"max_targets": 10}, nil).json(s.t, &claimed)
	var ids []string
	for _, c := range claimed {
		item := map[string]any{"attempt_id": c.AttemptID, "fencing_token": 1, "isolation": "none", "engine_version": "7"}
		require.Equal(s.t, 200, s.do("POST", "/api/rpc/start_attempts", m.access, map[string]any{"items": []any{item}}, nil).status)
		ids = append(ids, c.AttemptID)
	}
	return ids
}

// append stores lines.
func (s *stack) append(m machine, attempt string, first int, lines ...string) {
	s.t.Helper()
	s.call(m.access, "append_log", map[string]any{
		"attempt_id": attempt, "fencing_token": 1, "first_seq": first, "record_count": len(lines), "chunk": strings.Join(lines, "\n") + "\n",
	})
}

// TestEventsTellOfTheListsOfATenant: of what changes in lists, not of each line of a log, and of no other tenant.
func TestEventsTellOfTheListsOfATenant(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn, other := s.newTenant("acme"), s.newTenant("other")
	m, theirs := s.newMachine(tn, "pool"), s.newMachine(other, "pool")
	lines, strangers := s.stream(t.Context(), tn.auditor, ""), s.stream(t.Context(), other.admin, "")
	require.Empty(t, hears(t, lines, "all"), "the first hint comes at once")
	require.Empty(t, hears(t, strangers, "all"))
	s.newRun(tn, m, "script")
	hears(t, lines, "run")
	attempt := s.started(m)[0]
	s.push(tn, "first") // hints come in order: with this one, all before it are told
	hears(t, lines, "script")
	for seq := range 50 {
		s.append(m, attempt, seq+1, `{"seq":1,"stream":"output","text":"x"}`)
		s.call(m.access, "renew_leases", map[string]any{"leases": []any{}, "agent": map[string]any{}})
	}
	s.push(tn, "second")
	require.NotContains(t, hears(t, lines, "script"), "run", "a line of log changes no list")
	s.call(tn.admin, "revoke_agent", map[string]any{"agent_id": m.id})
	require.Subset(t, []string{"inspection", "script"}, hears(t, lines, "agent"))
	pool := s.call(tn.admin, "create_pool", map[string]any{"name": "second"})["id"]
	hears(t, lines, "pool")
	target := s.call(tn.admin, "create_target", map[string]any{"name": "made", "kind": "local", "pool_id": pool})["id"]
	hears(t, lines, "target")
	s.call(tn.admin, "update_target", map[string]any{"target_id": target, "disabled": true})
	hears(t, lines, "target")
	s.call(tn.admin, "delete_target", map[string]any{"target_id": target})
	hears(t, lines, "target")
	s.call(tn.admin, "disable_user", map[string]any{"user_id": tn.operatorID})
	hears(t, lines, "user")
	s.call(tn.admin, "set_user_roles", map[string]any{"user_id": tn.operatorID, "roles": []string{"operator", "auditor"}})
	hears(t, lines, "user")
	s.call(other.admin, "revoke_agent", map[string]any{"agent_id": theirs.id})
	require.Empty(t, hears(t, strangers, "agent"), "what another tenant does is not heard")
}

// TestEventsTellWhoComesAndGoes: an agent that is not heard of any more writes nothing, and its list is told all the same.
func TestEventsTellWhoComesAndGoes(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(c *server.Config) { c.ReapEvery, c.LeasePeriod = 20*time.Millisecond, time.Millisecond })
	tn := s.newTenant("acme")
	s.db.Exec(t, "update epo.tenant_policies set lease_seconds = 1")
	m := s.newMachine(tn, "pool")
	lines := s.stream(t.Context(), tn.operator, "")
	hears(t, lines, "all")
	alive := func() {
		s.call(m.access, "renew_leases", map[string]any{"leases": []any{}, "agent": map[string]any{"capacity": 4}})
	}
	alive()
	hears(t, lines, "agent") // it is new
	s.db.Exec(t, "update epo.agent_status set last_seen_at = now() - interval '9.9 seconds'")
	hears(t, lines, "agent") // it is away
	s.db.Exec(t, "update epo.agent_status set last_seen_at = now() - interval '1 hour'")
	s.push(tn, "marker")
	hears(t, lines, "script")
	alive()
	hears(t, lines, "agent") // it is back
}

// TestFloodOfChangesIsFewHints: a follower of lists is told twice a second at most.
func TestFloodOfChangesIsFewHints(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	lines := s.stream(t.Context(), tn.operator, "")
	hears(t, lines, "all")
	began := time.Now()
	for range 100 {
		s.push(tn, "script-"+testkit.Value[string](t, s.db, "select epo.new_id()::text"))
	}
	s.call(tn.admin, "create_enrollment_token", map[string]any{"pool_id": s.call(tn.admin, "create_pool", map[string]any{"name": "p"})["id"]})
	m := s.newMachine(tn, "pool")
	s.call(tn.admin, "revoke_agent", map[string]any{"agent_id": m.id})
	told := hears(t, lines, "agent")
	times := 0
	for _, kind := range told {
		if kind == "script" {
			times++
		}
	}
	require.LessOrEqual(t, times, 2+int(time.Since(began)/(500*time.Millisecond)))
	require.NotZero(t, times)
}

// TestEventsOfListsAreForThoseWhoMayRead: who is looked up and found disabled gets no stream, and neither do agents.
func TestEventsOfListsAreForThoseWhoMayRead(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	s.call(tn.admin, "disable_user", map[string]any{"user_id": tn.operatorID})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // a stream that is opened has no end
	defer cancel()
	for bearer, status := range map[string]int{tn.operator: http.StatusUnauthorized, "": http.StatusUnauthorized, m.access: http.StatusForbidden} {
		a, err := s.try(ctx, "GET", "/events", bearer, nil, nil)
		require.NoError(t, err)
		require.Equal(t, status, a.status)
	}
}
