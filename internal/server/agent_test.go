package server_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestEnrollmentRefusesWeakKeysAndFalseProofs(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	pool := s.call(tn.admin, "create_pool", map[string]any{"name": "pool"})["id"].(string)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		spoil func(*enrollment)
		code  string
	}{
		"P-384 signing key":           {func(e *enrollment) { e.signingSPKI = spki(t, p384.Public()); e.prove() }, "invalid_argument"},
		"RSA signing key":             {func(e *enrollment) { e.signingSPKI = e.encryptionSPKI; e.prove() }, "invalid_argument"},
		"2048 bit encryption key":     {func(e *enrollment) { e.encryptionSPKI = spki(t, rsa2048.Public()); e.prove() }, "invalid_argument"},
		"Ed25519 encryption key":      {func(e *enrollment) { e.encryptionSPKI = spki(t, ed); e.prove() }, "invalid_argument"},
		"no key":                      {func(e *enrollment) { e.signingSPKI = nil; e.prove() }, "invalid_argument"},
		"bytes behind the key":        {func(e *enrollment) { e.signingSPKI = append(e.signingSPKI, 0); e.prove() }, "invalid_argument"},
		"signed by another key":       {func(e *enrollment) { e.signer = other }, "proof_invalid"},
		"proof for another token":     {func(e *enrollment) { e.proof["token_sha256"] = digest([]byte("x")) }, "proof_invalid"},
		"proof for another name":      {func(e *enrollment) { e.proof["name"] = "x" }, "proof_invalid"},
		"proof for another key":       {func(e *enrollment) { e.proof["encryption_key_sha256"] = digest([]byte("x")) }, "proof_invalid"},
		"proof without a member":      {func(e *enrollment) { delete(e.proof, "signing_key_sha256") }, "proof_invalid"},
		"proof with a number":         {func(e *enrollment) { e.proof["name"] = 1 }, "proof_invalid"},
		"unknown token":               {func(e *enrollment) { e.token = "epoe_unknown"; e.prove() }, "enrollment_token_invalid"},
		"empty token":                 {func(e *enrollment) { e.token = ""; e.prove() }, "enrollment_token_invalid"},
		"name with control character": {func(e *enrollment) { e.name = "a\x1bb"; e.prove() }, "invalid_name"},
	} {
		t.Run(name, func(t *testing.T) {
			e := s.enrollment(tn, pool, "agent")
			tc.spoil(e)
			a := s.do("POST", "/auth/agent/enroll", "", e.body(t), nil)
			require.Equal(t, tc.code, a.code(), a.body)
		})
	}
	body := s.enrollment(tn, pool, "agent").body(t)
	for _, proof := range []string{"", "a.b.c", "..", strings.Repeat("a", 9000), strings.Replace(body["proof"].(string), "ey", "eY", 1)} {
		body["proof"] = proof
		require.Equal(t, "proof_invalid", s.do("POST", "/auth/agent/enroll", "", body, nil).code(), proof[:min(len(proof), 20)])
	}
}

// TestEnrollmentTokenWorksOnce, whoever comes first.
func TestEnrollmentTokenWorksOnce(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	pool := s.call(tn.admin, "create_pool", map[string]any{"name": "pool"})["id"].(string)
	e := s.enrollment(tn, pool, "agent")
	require.Equal(t, http.StatusCreated, s.do("POST", "/auth/agent/enroll", "", e.body(t), nil).status)
	again := s.do("POST", "/auth/agent/enroll", "", e.body(t), nil)
	require.Equal(t, "enrollment_token_invalid", again.code())
	expired := s.enrollment(tn, pool, "late")
	s.db.Exec(t, "update auth.enrollment_tokens set created_at = now() - interval '2 hours', expires_at = now() - interval '1 hour' where used_at is null")
	late := s.do("POST", "/auth/agent/enroll", "", expired.body(t), nil)
	require.Equal(t, again.body, late.body, "used, expired and unknown look alike")
	same := s.do("POST", "/auth/agent/enroll", "", s.enrollment(tn, pool, "agent").body(t), nil)
	require.Equal(t, []any{http.StatusConflict, "conflict"}, []any{same.status, same.code()})
}

func TestAssertionsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	other := s.newMachine(tn, "second")
	ask := func(assertion string) answer {
		return s.do("POST", "/auth/agent/token", "", map[string]string{"assertion": assertion}, nil)
	}
	now := time.Now().Unix()
	for name, change := range map[string]func(jwt.MapClaims){
		"another subject": func(c jwt.MapClaims) { c["sub"] = other.id }, "another agent's id": func(c jwt.MapClaims) { c["iss"], c["sub"] = other.id, other.id },
		"unknown agent": func(c jwt.MapClaims) { id := uuid.NewString(); c["iss"], c["sub"] = id, id }, "no uuid": func(c jwt.MapClaims) { c["iss"], c["sub"] = "x", "x" },
		"upper case": func(c jwt.MapClaims) { id := strings.ToUpper(m.id); c["iss"], c["sub"] = id, id }, "audience": func(c jwt.MapClaims) { c["aud"] = "epo-agent" },
		"two audiences": func(c jwt.MapClaims) { c["aud"] = []string{"epo", "x"} }, "no audience": func(c jwt.MapClaims) { delete(c, "aud") }, "no jti": func(c jwt.MapClaims) { delete(c, "jti") },
		"long jti": func(c jwt.MapClaims) { c["jti"] = strings.Repeat("j", 200) }, "no exp": func(c jwt.MapClaims) { delete(c, "exp") }, "exp as text": func(c jwt.MapClaims) { c["exp"] = "1" },
		"two minutes": func(c jwt.MapClaims) { c["exp"] = now + 121 }, "over": func(c jwt.MapClaims) { c["iat"], c["exp"] = now-120, now-61 }, "not begun": func(c jwt.MapClaims) { c["iat"], c["exp"] = now+60, now+90 },
	} {
		a := ask(m.assertion(t, change))
		require.Equal(t, []any{http.StatusUnauthorized, "assertion_invalid"}, []any{a.status, a.code()}, name)
	}
	for _, text := range []string{"", "x", m.access, "a.b.c", strings.Repeat(".", 20000)} {
		require.Contains(t, []string{"assertion_invalid", "body_too_large"}, ask(text).code())
	}
	none := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"iss": m.id, "sub": m.id, "aud": "epo", "jti": "1", "iat": now, "exp": now + 60})
	unsigned, err := none.SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	require.Equal(t, "assertion_invalid", ask(unsigned).code())

	once := m.assertion(t, func(c jwt.MapClaims) { c["aud"] = []string{"epo"} })
	require.Equal(t, http.StatusOK, ask(once).status)
	require.Equal(t, "assertion_invalid", ask(once).code(), "an assertion works once")
}

// TestKindsOfTokensStayApart: what an agent may, people may not, and the reverse.
func TestKindsOfTokensStayApart(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	for _, tc := range []struct{ bearer, function string }{
		{m.access, "push_script"}, {m.access, "queue_run"}, {m.access, "cancel_run"}, {m.access, "create_pool"}, {m.access, "create_enrollment_token"}, {m.access, "disable_user"},
		{tn.admin, "claim_run_targets"}, {tn.operator, "append_log"}, {tn.operator, "renew_leases"}, {tn.admin, "finish_attempts"}, {tn.operator, "create_enrollment_token"}, {tn.operator, "revoke_agent"},
		{tn.auditor, "push_script"}, {tn.auditor, "cancel_run"},
	} {
		arguments := functionArguments(tc.function, uuid.NewString())
		a := s.do("POST", "/api/rpc/"+tc.function, tc.bearer, arguments, nil)
		require.Equal(t, http.StatusForbidden, a.status, "%s: %s", tc.function, a.body)
	}
	require.Equal(t, http.StatusForbidden, s.do("GET", "/agent/wait", tn.admin, nil, nil).status)
	require.Equal(t, http.StatusForbidden, s.do("GET", "/events?run="+uuid.NewString(), m.access, nil, nil).status)
	require.Equal(t, "[]", s.get(tn.operator, "/audit_log").body)
	require.Equal(t, http.StatusOK, s.get(tn.auditor, "/audit_log?limit=1").status)
	for _, view := range []string{"users", "scripts", "job_runs", "audit_log"} {
		a := s.get(m.access, "/"+view)
		require.True(t, a.status == http.StatusForbidden || a.body == "[]", "%s: %d %s", view, a.status, a.body)
	}
	me := s.do("GET", "/auth/whoami", m.access, nil, nil)
	require.Equal(t, http.StatusOK, me.status)
	require.Contains(t, me.body, m.id)
}
