package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/testkit"
)

// made is the answer to a request for a user.
type made struct{ ID, Name, Password string }

func (s *stack) addUser(bearer, name string, roles ...string) answer {
	s.t.Helper()
	return s.do("POST", "/auth/users", bearer, map[string]any{"name": name, "display_name": "", "roles": roles}, nil)
}

func (s *stack) resetPassword(bearer, id string) answer {
	s.t.Helper()
	return s.do("POST", "/auth/users/"+id+"/password", bearer, nil, nil)
}

func (s *stack) changePassword(bearer, current, next string) answer {
	s.t.Helper()
	return s.do("POST", "/auth/password", bearer, map[string]string{"current": current, "new": next}, nil)
}

func TestAdministratorMakesUsers(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn, other := s.newTenant("acme"), s.newTenant("other")
	a := s.do("POST", "/auth/users", tn.admin, map[string]any{"name": "Olga", "display_name": "Olga Ö.", "roles": []string{"operator", "auditor"}}, http.Header{"X-Request-Id": {"req-1"}})
	require.Equal(t, http.StatusCreated, a.status, a.body)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	var olga made
	a.json(t, &olga)
	require.Equal(t, "olga", olga.Name)
	require.Len(t, olga.Password, 24)
	require.Equal(t, http.StatusOK, s.signIn(tn, "olga", olga.Password).status)
	require.Equal(t, http.StatusUnauthorized, s.signIn(other, "olga", olga.Password).status)
	require.Equal(t, []string{"auditor", "operator"}, testkit.Value[[]string](t, s.db, "select array_agg(role_name order by role_name) from auth.user_roles where user_id = $1", olga.ID))
	require.NotContains(t, s.logs.String(), olga.Password)
	require.Equal(t, "user:"+tn.adminID+" req-1", testkit.Value[string](t, s.db, "select actor || ' ' || request_id from audit.audit_log where table_name = 'auth.users' and action = 'insert' and row_key ->> 'id' = $1", olga.ID))

	require.Equal(t, []any{http.StatusConflict, "conflict"}, statusOf(s.addUser(tn.admin, "OLGA", "operator")))
	for _, bad := range []any{
		map[string]any{"name": "a b", "roles": []string{"operator"}}, map[string]any{"name": "x", "roles": []string{}}, map[string]any{"name": "x", "roles": []string{"root"}}, map[string]any{"name": "x"},
		map[string]any{"name": "x", "roles": []string{"operator"}, "password": "mine"}, map[string]any{"name": "x", "roles": "operator"}, `[]`, ``, `{"name":"x","name":"y","roles":["operator"]}`,
	} {
		require.Equal(t, http.StatusBadRequest, s.do("POST", "/auth/users", tn.admin, bad, nil).status, bad)
	}
	require.Equal(t, http.StatusBadRequest, s.do("POST", "/auth/users?name=x", tn.admin, `{}`, nil).status)
	require.Equal(t, http.StatusMethodNotAllowed, s.do("GET", "/auth/users", tn.admin, nil, nil).status)
	require.Equal(t, http.StatusForbidden, s.do("POST", "/auth/users", tn.admin, `{}`, http.Header{"Origin": {"https://evil.example"}}).status)
}

// statusOf is what most refusals are compared by.
func statusOf(a answer) []any { return []any{a.status, a.code()} }

// TestOnlyAdministratorsTouchAccounts: another role, another tenant, an agent, somebody who is an administrator no more.
func TestOnlyAdministratorsTouchAccounts(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn, other := s.newTenant("acme"), s.newTenant("other")
	m := s.newMachine(tn, "pool")
	victim, _ := s.newUser(tn, "victim", "operator")
	_, former := s.newUser(tn, "former", "admin")
	disabledID, disabled := s.newUser(tn, "disabled", "admin")
	s.call(tn.admin, "set_user_roles", map[string]any{"user_id": testkit.Value[string](t, s.db, "select id::text from auth.users where name = 'former'"), "roles": []string{"operator"}})
	s.call(tn.admin, "disable_user", map[string]any{"user_id": disabledID})
	before := testkit.Value[string](t, s.db, "select md5(string_agg(i::text, ',' order by i::text)) from auth.identities as i")

	for name, test := range map[string]struct {
		bearer string
		want   []any
	}{
		"operator": {tn.operator, []any{403, "forbidden"}}, "auditor": {tn.auditor, []any{403, "forbidden"}}, "agent": {m.access, []any{403, "forbidden"}}, "nobody": {"", []any{401, "PGRST302"}},
		"former administrator": {former, []any{401, "principal_disabled"}}, "disabled administrator": {disabled, []any{401, "principal_disabled"}}, "forged": {tn.admin[:len(tn.admin)-2] + "AA", []any{401, "PGRST301"}},
	} {
		require.Equal(t, test.want, statusOf(s.addUser(test.bearer, "new", "operator")), name)
		require.Equal(t, test.want, statusOf(s.resetPassword(test.bearer, victim)), name)
	}
	require.Equal(t, []any{403, "forbidden"}, statusOf(s.changePassword(m.access, password, "another long password")))
	require.Equal(t, []any{401, "principal_disabled"}, statusOf(s.changePassword(disabled, password, "another long password")))

	nowhere := s.resetPassword(other.admin, uuid.NewString())
	require.Equal(t, []any{404, "not_found"}, statusOf(nowhere))
	require.Equal(t, nowhere.body, s.resetPassword(other.admin, victim).body, "a user of another tenant does not exist")
	for _, id := range []string{"x", victim + "x", "%2e%2e", "", victim + "/" + victim, "{id}", strings.ToUpper(victim) + "0"} {
		require.Equal(t, http.StatusNotFound, s.resetPassword(tn.admin, id).status, id)
	}
	require.Equal(t, http.StatusNotFound, s.do("POST", "/auth/users/"+victim, tn.admin, nil, nil).status)
	require.Equal(t, http.StatusNotFound, s.do("POST", "/auth/users/"+victim+"/password/x", tn.admin, nil, nil).status)
	require.Equal(t, http.StatusBadRequest, s.do("POST", "/auth/users/"+victim+"/password", tn.admin, `{"password":"mine"}`, nil).status)
	require.Equal(t, before, testkit.Value[string](t, s.db, "select md5(string_agg(i::text, ',' order by i::text)) from auth.identities as i"))
}

func TestResetPasswordLetsInWithTheNewOneOnly(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	g := s.mustSignIn(tn, "operator")
	a := s.resetPassword(tn.admin, tn.operatorID)
	require.Equal(t, http.StatusOK, a.status, a.body)
	var reset made
	a.json(t, &reset)
	require.Equal(t, http.StatusUnauthorized, s.refresh(g.RefreshToken, nil).status)
	require.Equal(t, http.StatusUnauthorized, s.signIn(tn, "operator", password).status)
	require.Equal(t, http.StatusOK, s.signIn(tn, "operator", reset.Password).status)
	require.Equal(t, []any{409, "conflict"}, statusOf(s.resetPassword(tn.admin, tn.adminID)), "one's own is changed with the present one")
	require.NotContains(t, s.logs.String(), reset.Password)
}

func TestPersonChangesTheirPassword(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	here, elsewhere := s.mustSignIn(tn, "operator"), s.mustSignIn(tn, "operator")
	const next = "ein längeres Passwort"
	for _, bad := range []struct{ current, next, code string }{
		{"wrong", next, "password_wrong"}, {"", next, "password_wrong"}, {strings.Repeat("x", 600), next, "password_wrong"},
		{password, "too short", "password_weak"}, {password, strings.Repeat("x", 20), "password_weak"}, {password, "", "password_weak"}, {password, password, "password_weak"}, {password, strings.Repeat("xy", 65), "password_weak"},
	} {
		require.Equal(t, bad.code, s.changePassword(here.AccessToken, bad.current, bad.next).code(), bad)
	}
	require.Equal(t, http.StatusBadRequest, s.do("POST", "/auth/password", here.AccessToken, `{"current":"x"}`, nil).status)
	require.Equal(t, "user:"+tn.operatorID+" wrong_password", testkit.Value[string](t, s.db, "select actor || ' ' || (after ->> 'reason') from audit.audit_log where action = 'password_change_refused'"))

	a := s.changePassword(here.AccessToken, password, next)
	require.Equal(t, http.StatusNoContent, a.status, a.body)
	require.Equal(t, http.StatusOK, s.refresh(here.RefreshToken, nil).status, "the session that asked goes on")
	require.Equal(t, http.StatusUnauthorized, s.refresh(elsewhere.RefreshToken, nil).status)
	require.Equal(t, http.StatusUnauthorized, s.signIn(tn, "operator", password).status)
	require.Equal(t, http.StatusOK, s.signIn(tn, "operator", "ein la\u0308ngeres Passwort").status, "however the keyboard spells it")
	require.NotContains(t, s.logs.String(), next)
}

// TestGuessesOfThePresentPasswordAreThrottled: a stolen access token buys no more guesses than the sign-in does, and they
// are counted together.
func TestGuessesOfThePresentPasswordAreThrottled(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	for i := range 5 {
		require.Equal(t, "password_wrong", s.changePassword(tn.operator, fmt.Sprint("wrong", i), "another long password").code())
		require.Equal(t, "sign_in_failed", s.signIn(tn, "operator", fmt.Sprint("wrong", i)).code())
	}
	refused := s.changePassword(tn.operator, password, "another long password")
	require.Equal(t, []any{http.StatusTooManyRequests, "too_many_attempts"}, statusOf(refused))
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Equal(t, http.StatusTooManyRequests, s.signIn(tn, "operator", password).status)
	require.Equal(t, http.StatusNoContent, s.changePassword(tn.admin, password, "another long password").status, "others are not affected")
}

// TestGatewayActionsCarryTheRequest: the audit says which request caused what, and a renewal leaves no row.
func TestGatewayActionsCarryTheRequest(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	as := func(id string) http.Header { return http.Header{"X-Request-Id": {id}} }
	rows := func(id string) []string {
		return testkit.Value[[]string](t, s.db, "select coalesce(array_agg(action || ' ' || table_name || ' ' || split_part(actor, ':', 1) order by at), '{}') from audit.audit_log where request_id = $1", id)
	}
	body := map[string]string{"tenant": tn.slug, "user": "operator", "password": password, "client": "cli"}
	var g, next grant
	s.do("POST", "/auth/sign-in", "", body, as("in")).json(t, &g)
	require.Equal(t, []string{"sign_in auth.users user", "insert auth.refresh_tokens user"}, rows("in"))
	s.do("POST", "/auth/refresh", "", map[string]string{"refresh_token": g.RefreshToken}, as("renew")).json(t, &next)
	require.Empty(t, rows("renew"))
	s.do("POST", "/auth/sign-out", "", map[string]string{"refresh_token": next.RefreshToken}, as("out"))
	require.Equal(t, []string{"update auth.refresh_tokens user", "sign_out auth.users user"}, rows("out"))
	s.do("POST", "/auth/sign-in", "", body, nil).json(t, &g)
	s.refresh(g.RefreshToken, nil)
	s.do("POST", "/auth/refresh", "", map[string]string{"refresh_token": g.RefreshToken}, http.Header{"X-Request-Id": {"reuse"}, "User-Agent": {"thief"}})
	require.Equal(t, []string{"update auth.refresh_tokens platform", "refresh_reused auth.refresh_tokens platform"}, rows("reuse"))

	pool := s.call(tn.admin, "create_pool", map[string]any{"name": "pool"})["id"].(string)
	a := s.do("POST", "/auth/agent/enroll", "", s.enrollment(tn, pool, "web-01").body(t), as("enroll"))
	require.Equal(t, http.StatusCreated, a.status, a.body)
	require.Contains(t, rows("enroll"), "insert epo.agents platform")
}
