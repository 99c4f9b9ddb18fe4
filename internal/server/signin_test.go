package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
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

// grant is the answer to a sign-in.
type grant struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	User         struct {
		ID, Name, Tenant string
		TenantID         string `json:"tenant_id"`
		DisplayName      string `json:"display_name"`
		Roles            []string
	}
}

func (s *stack) signIn(tn tenant, user, secret string) answer {
	s.t.Helper()
	return s.do("POST", "/auth/sign-in", "", map[string]string{"tenant": tn.slug, "user": user, "password": secret, "client": "cli"}, nil)
}

func (s *stack) mustSignIn(tn tenant, user string) grant {
	s.t.Helper()
	a := s.signIn(tn, user, password)
	require.Equal(s.t, http.StatusOK, a.status, a.body)
	var g grant
	a.json(s.t, &g)
	return g
}

func (s *stack) refresh(refresh string, header http.Header) answer {
	s.t.Helper()
	return s.do("POST", "/auth/refresh", "", map[string]string{"refresh_token": refresh}, header)
}

func TestSignInOpensASession(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	g := s.mustSignIn(tn, "admin")
	require.Equal(t, "Bearer", g.TokenType)
	require.Equal(t, 600, g.ExpiresIn)
	require.NotEmpty(t, g.RefreshToken)
	require.Equal(t, tn.adminID, g.User.ID)
	require.Equal(t, tn.id, g.User.TenantID)
	require.Equal(t, "acme", g.User.Tenant)
	require.ElementsMatch(t, []string{"admin", "operator"}, g.User.Roles)

	a := s.do("GET", "/auth/whoami", g.AccessToken, nil, nil)
	require.Equal(t, http.StatusOK, a.status, a.body)
	var me struct {
		ID, Name, Tenant string
		Roles            []string
	}
	a.json(t, &me)
	require.Equal(t, "admin", me.Name)
	require.Equal(t, "acme", me.Tenant)
	require.NotContains(t, s.logs.String(), g.RefreshToken)
	require.NotContains(t, s.logs.String(), g.AccessToken)
	require.NotContains(t, s.logs.String(), password)

	// Without a slug the only tenant is meant; with two there is none.
	one := map[string]string{"user": "Admin", "password": password, "client": "cli"}
	require.Equal(t, http.StatusOK, s.do("POST", "/auth/sign-in", "", one, nil).status)
	s.newTenant("other")
	require.Equal(t, http.StatusUnauthorized, s.do("POST", "/auth/sign-in", "", one, nil).status)
}

// TestFailedSignInsLookAlike: whatever was wrong, the answer is the same.
func TestFailedSignInsLookAlike(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	gone, _ := s.newUser(tn, "gone", "operator")
	s.call(tn.admin, "disable_user", map[string]any{"user_id": gone, "disabled": true})
	want := s.signIn(tn, "operator", "wrong")
	require.Equal(t, http.StatusUnauthorized, want.status)
	require.Equal(t, "sign_in_failed", want.code())
	for name, a := range map[string]answer{
		"unknown user": s.signIn(tn, "nobody", password), "unknown tenant": s.signIn(tenant{slug: "nowhere"}, "admin", password),
		"disabled": s.signIn(tn, "gone", password), "empty": s.signIn(tn, "operator", ""), "spaces": s.signIn(tn, "operator", "   "),
		"injection": s.signIn(tn, "admin' or '1'='1", password), "homoglyph": s.signIn(tn, "аdmin", password), "star": s.signIn(tn, "*", password),
	} {
		require.Equal(t, want.status, a.status, name)
		require.Equal(t, want.body, a.body, name)
	}
	require.Equal(t, 7, testkit.Value[int](t, s.db, "select count(*)::int from audit.audit_log where action = 'sign_in_refused' and after ->> 'user_name' <> ''")-1)
}

// TestUnknownUsersCostTheSame: the work for an unknown user is that for a wrong password.
func TestUnknownUsersCostTheSame(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	fastest := func(user string) time.Duration {
		best := time.Hour
		for range 5 {
			began := time.Now()
			s.signIn(tn, user, "wrong")
			best = min(best, time.Since(began))
		}
		return best
	}
	known, unknown := fastest("operator"), fastest("nobody")
	// Without the hash for nobody one is twenty times as fast; what is left is the noise of a busy machine.
	require.Greater(t, unknown, known/4, "known %v, unknown %v", known, unknown)
	require.Greater(t, known, unknown/4, "known %v, unknown %v", known, unknown)
}

func TestMalformedSignIns(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.newTenant("acme")
	for body, status := range map[string]int{
		`{"user":{"$ne":1},"password":"x","client":"cli"}`: 400, `{"user":["admin"],"password":"x","client":"cli"}`: 400, `{"user":1,"password":"x","client":"cli"}`: 400,
		`{"user":"admin","password":"x","client":"cli","role":"admin"}`: 400, `{"user":"a","user":"admin","password":"x","client":"cli"}`: 400,
		`{"user":"admin","password":"x","client":"toaster"}`: 400, `[]`: 400, ``: 400, `{`: 400,
		`{"user":"admin","client":"cli","password":"` + strings.Repeat("p", 129) + `"}`: 400, `{"user":"` + strings.Repeat("u", 600) + `","client":"cli","password":"x"}`: 400,
		`{"user":"admin","client":"cli","password":"` + strings.Repeat("p", 1<<20) + `"}`: 413,
	} {
		a := s.do("POST", "/auth/sign-in", "", body, nil)
		require.Equal(t, status, a.status, body[:min(len(body), 80)])
	}
	require.Equal(t, 400, s.do("POST", "/auth/sign-in?password=x", "", `{}`, nil).status)
	require.Equal(t, 405, s.do("GET", "/auth/sign-in", "", nil, nil).status)
}

func TestGuessingIsThrottled(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	var refused answer
	for range 15 {
		if refused = s.signIn(tn, "OPERATOR ", "wrong"); refused.status == http.StatusTooManyRequests {
			break
		}
	}
	require.Equal(t, http.StatusTooManyRequests, refused.status)
	require.Equal(t, "too_many_attempts", refused.code())
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Equal(t, http.StatusTooManyRequests, s.signIn(tn, "operator", password).status, "the right password does not end the wait, and spellings share it")
	require.Equal(t, http.StatusOK, s.signIn(tn, "admin", password).status, "others are not affected")
}

// TestTwoTabsRefreshAtOnce: both get a session, since the predecessor is honoured for the same client.
func TestTwoTabsRefreshAtOnce(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	g := s.mustSignIn(tn, "operator")
	answers := make([]answer, 2)
	var wait sync.WaitGroup
	for i := range answers {
		wait.Go(func() { answers[i] = s.refresh(g.RefreshToken, nil) })
	}
	wait.Wait()
	for _, a := range answers {
		require.Equal(t, http.StatusOK, a.status, a.body)
		var again grant
		a.json(t, &again)
		require.NotEqual(t, g.RefreshToken, again.RefreshToken)
		require.Equal(t, http.StatusOK, s.get(again.AccessToken, "/scripts").status)
	}
}

func TestReuseEndsTheFamily(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	for name, test := range map[string]func(first grant){
		"a grandparent is replayed": func(first grant) {
			var second, third grant
			s.refresh(first.RefreshToken, nil).json(t, &second)
			s.refresh(second.RefreshToken, nil).json(t, &third)
			require.Equal(t, "refresh_reused", s.refresh(first.RefreshToken, nil).code())
			require.Equal(t, "refresh_invalid", s.refresh(third.RefreshToken, nil).code())
		},
		"another client replays": func(first grant) {
			var second grant
			s.refresh(first.RefreshToken, nil).json(t, &second)
			require.Equal(t, "refresh_reused", s.refresh(first.RefreshToken, http.Header{"User-Agent": {"thief"}}).code())
			require.Equal(t, "refresh_invalid", s.refresh(second.RefreshToken, nil).code())
		},
		"signed out": func(first grant) {
			require.Equal(t, http.StatusNoContent, s.do("POST", "/auth/sign-out", "", map[string]string{"refresh_token": first.RefreshToken}, nil).status)
			require.Equal(t, "refresh_invalid", s.refresh(first.RefreshToken, nil).code())
		},
	} {
		t.Run(name, func(t *testing.T) { test(s.mustSignIn(tn, "operator")) })
	}
	g := s.mustSignIn(tn, "operator")
	for _, bad := range []string{g.RefreshToken + "x", g.RefreshToken[:len(g.RefreshToken)-1] + "!", "x", g.AccessToken} {
		a := s.refresh(bad, nil)
		require.Equal(t, http.StatusUnauthorized, a.status)
		require.Equal(t, "refresh_invalid", a.code())
	}
	require.Equal(t, http.StatusUnauthorized, s.do("POST", "/auth/refresh", "", nil, nil).status)
	require.Equal(t, http.StatusBadRequest, s.do("POST", "/auth/refresh?refresh_token="+g.RefreshToken, "", nil, nil).status)
	require.Equal(t, http.StatusNoContent, s.do("POST", "/auth/sign-out", "", nil, nil).status)
}

func TestBrowserKeepsItsTokenInACookie(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	a := s.do("POST", "/auth/sign-in", "", map[string]string{"tenant": tn.slug, "user": "operator", "password": password, "client": "browser"}, nil)
	require.Equal(t, http.StatusOK, a.status)
	require.NotContains(t, a.body, "refresh_token")
	cookie := a.header.Get("Set-Cookie")
	for _, part := range []string{"epo_refresh=", "Path=/auth", "HttpOnly", "SameSite=Strict", "Max-Age="} {
		require.Contains(t, cookie, part)
	}
	pair, _, _ := strings.Cut(cookie, ";")
	again := s.do("POST", "/auth/refresh", "", nil, http.Header{"Cookie": {pair}})
	require.Equal(t, http.StatusOK, again.status, again.body)
	require.Contains(t, again.header.Get("Set-Cookie"), "epo_refresh=")
	next, _, _ := strings.Cut(again.header.Get("Set-Cookie"), ";")

	foreign := s.do("POST", "/auth/refresh", "", nil, http.Header{"Cookie": {next}, "Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}})
	require.Equal(t, http.StatusForbidden, foreign.status)
	out := s.do("POST", "/auth/sign-out", "", nil, http.Header{"Cookie": {next}})
	require.Equal(t, http.StatusNoContent, out.status)
	require.Contains(t, out.header.Get("Set-Cookie"), "Max-Age=0")
	ended := s.do("POST", "/auth/refresh", "", nil, http.Header{"Cookie": {next}})
	require.Equal(t, http.StatusUnauthorized, ended.status)
}

// TestTokensThatAreRefused: each is 401 with PostgREST's code, on a good path and on a bad one.
func TestTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	require.Equal(t, http.StatusOK, s.get(tn.operator, "/scripts").status)
	subject := token.Subject{TenantID: tn.id, UserID: tn.operatorID, SessionID: uuid.NewString(), AppRoles: []string{"operator"}}
	otherRing, err := token.NewRing(time.Now())
	require.NoError(t, err)
	foreign, _, err := otherRing.Issue(subject, time.Now())
	require.NoError(t, err)
	expired, _, err := s.keys.Issue(subject, time.Now().Add(-token.Lifetime-token.Skew-time.Second))
	require.NoError(t, err)
	future, _, err := s.keys.Issue(subject, time.Now().Add(token.Skew+5*time.Second))
	require.NoError(t, err)
	payload := strings.Split(tn.operator, ".")[1]
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + payload + "."
	for name, tc := range map[string]struct{ bearer, code string }{
		"other ring": {foreign, "PGRST301"}, "expired": {expired, "PGRST303"}, "not yet": {future, "PGRST303"}, "alg none": {none, "PGRST301"},
		"garbage": {"x", "PGRST301"}, "one bit": {tn.operator[:len(tn.operator)-2] + "AA", "PGRST301"}, "dots": {strings.Repeat(".", 9000), "PGRST301"},
	} {
		for _, path := range []string{"/api/scripts", "/api/nope", "/api/", "/api/rpc/queue_run", "/auth/whoami", "/events?run=x", "/agent/wait"} {
			a := s.do("GET", path, tc.bearer, nil, nil)
			require.Equal(t, []any{http.StatusUnauthorized, tc.code}, []any{a.status, a.code()}, "%s %s %s", name, path, a.body)
			require.Contains(t, a.header.Get("Www-Authenticate"), "Bearer")
		}
	}
	for _, header := range []http.Header{{}, {"Authorization": {"Bearer"}}, {"Authorization": {"Bearer  "}}, {"Authorization": {"Basic YTpi"}}} {
		a := s.do("GET", "/api/scripts", "", nil, header)
		require.Equal(t, []any{http.StatusUnauthorized, "PGRST302"}, []any{a.status, a.code()})
	}
	twice := s.do("GET", "/api/scripts", "", nil, http.Header{"Authorization": {"Bearer " + tn.operator, "Bearer " + tn.operator}})
	require.Equal(t, http.StatusBadRequest, twice.status)
}

// TestClaimsAreLookedUpAgain: a token whose signature holds, but which the tables do not bear out, is refused.
func TestClaimsAreLookedUpAgain(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	a, b := s.newTenant("acme"), s.newTenant("other")
	for name, subject := range map[string]token.Subject{
		"a role that the user has not": {TenantID: a.id, UserID: a.operatorID, SessionID: uuid.NewString(), AppRoles: []string{"admin"}},
		"another tenant's user":        {TenantID: b.id, UserID: a.operatorID, SessionID: uuid.NewString(), AppRoles: []string{"operator"}},
		"nobody":                       {TenantID: a.id, UserID: uuid.NewString(), SessionID: uuid.NewString(), AppRoles: []string{"operator"}},
		"no tenant":                    {TenantID: uuid.NewString(), UserID: a.operatorID, SessionID: uuid.NewString(), AppRoles: []string{"operator"}},
		"no agent":                     {TenantID: a.id, AgentID: uuid.NewString(), SessionID: uuid.NewString()},
	} {
		for _, path := range []string{"/api/scripts", "/auth/whoami"} {
			got := s.do("GET", path, s.issue(subject), nil, nil)
			require.Equal(t, []any{http.StatusUnauthorized, "principal_disabled"}, []any{got.status, got.code()}, name)
		}
	}
}

// TestAccessEndsWithTheUser: within one request, not only with the token.
func TestAccessEndsWithTheUser(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	g := s.mustSignIn(tn, "operator")
	require.Equal(t, http.StatusOK, s.get(g.AccessToken, "/scripts").status)
	s.call(tn.admin, "disable_user", map[string]any{"user_id": tn.operatorID, "disabled": true})
	require.Equal(t, "principal_disabled", s.get(g.AccessToken, "/scripts").code())
	require.Equal(t, http.StatusUnauthorized, s.refresh(g.RefreshToken, nil).status)
	s.call(tn.admin, "disable_user", map[string]any{"user_id": tn.operatorID, "disabled": false})
	require.Equal(t, http.StatusOK, s.get(g.AccessToken, "/scripts").status)

	s.call(tn.admin, "set_user_roles", map[string]any{"user_id": tn.operatorID, "roles": []string{"auditor"}})
	require.Equal(t, "principal_disabled", s.get(g.AccessToken, "/scripts").code())

	claim := map[string]any{"max_targets": 1}
	require.Equal(t, http.StatusOK, s.do("POST", "/api/rpc/claim_run_targets", m.access, claim, nil).status)
	s.call(tn.admin, "revoke_agent", map[string]any{"agent_id": m.id})
	require.Equal(t, "principal_disabled", s.do("POST", "/api/rpc/claim_run_targets", m.access, claim, nil).code())
	require.Equal(t, "principal_disabled", s.do("GET", "/agent/wait?timeout=0", m.access, nil, nil).code())
	token := s.do("POST", "/auth/agent/token", "", map[string]string{"assertion": m.assertion(t, nil)}, nil)
	require.Equal(t, []any{http.StatusUnauthorized, "agent_revoked"}, []any{token.status, token.code()})

	s.db.Exec(t, "update epo.tenants set disabled_at = now() where slug = 'acme'")
	for _, bearer := range []string{tn.admin, tn.auditor} {
		require.Eventually(t, func() bool { return s.get(bearer, "/scripts").code() == "principal_disabled" }, time.Minute, 50*time.Millisecond, "soon after a change past this server; how soon is a matter of internal/rest")
	}
	require.Equal(t, "sign_in_failed", s.signIn(tn, "admin", password).code())
}

func TestRotatedKeysRefuseNobody(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	old := s.mustSignIn(tn, "operator")
	require.NoError(t, s.keys.Rotate(time.Now()))
	fresh := s.mustSignIn(tn, "operator")
	for _, bearer := range []string{old.AccessToken, fresh.AccessToken} {
		require.Equal(t, http.StatusOK, s.get(bearer, "/scripts").status)
	}
	require.NoError(t, s.keys.Rotate(time.Now()))
	require.Equal(t, http.StatusUnauthorized, s.get(old.AccessToken, "/scripts").status)
}

// TestAudit: sign-ins are recorded with the request id, and nobody's secret is.
func TestSignInsAreAudited(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(c *server.Config) {})
	tn := s.newTenant("acme")
	body := map[string]string{"tenant": "acme", "user": "auditor", "password": password, "client": "cli"}
	a := s.do("POST", "/auth/sign-in", "", body, http.Header{"X-Request-Id": {"my-request"}})
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "my-request", a.header.Get("X-Request-Id"))
	rows := s.get(tn.auditor, "/audit_log?action=eq.sign_in&request_id=eq.my-request")
	require.Equal(t, http.StatusOK, rows.status, rows.body)
	var list []map[string]any
	rows.json(t, &list)
	require.Len(t, list, 1)
	require.True(t, strings.HasPrefix(list[0]["actor"].(string), "user:"))
	all := testkit.Value[string](t, s.db, "select string_agg(a::text, ' ') from audit.audit_log as a")
	require.NotContains(t, all, password)
	require.NotContains(t, all, testHash())
	_, err := json.Marshal(list)
	require.NoError(t, err)
}
