package server_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/server"
	"github.com/epo-dev/epo/internal/testkit"
	"github.com/epo-dev/epo/internal/token"
)

// TestBrokenCatalogueRefusesToServe: one rule broken, and no request is answered.
func TestBrokenCatalogueRefusesToServe(t *testing.T) {
	t.Parallel()
	db := testkit.DB(t)
	db.Exec(t, "alter table epo.scripts no force row level security")
	keys, err := token.NewRing(time.Now())
	require.NoError(t, err)
	srv, err := server.New(server.Config{Store: db.Store, Keys: keys, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	err = srv.Run(t.Context())
	require.ErrorContains(t, err, "refuse to serve")
	require.ErrorContains(t, err, "epo.scripts")
	_, err = net.DialTimeout("tcp", srv.Addr(), time.Second)
	require.Error(t, err)
}

func TestPlainHTTPIsForLoopback(t *testing.T) {
	t.Parallel()
	db := testkit.DB(t)
	keys, err := token.NewRing(time.Now())
	require.NoError(t, err)
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
		_, err = server.New(server.Config{Store: db.Store, Keys: keys, Listen: address})
		require.ErrorContains(t, err, "loopback", address)
	}
	_, err = server.New(server.Config{Store: db.Store, Keys: keys, Listen: "127.0.0.1:0", TLSCert: "x"})
	require.ErrorContains(t, err, "go together")
	_, err = server.New(server.Config{Store: db.Store, Keys: keys, Listen: "127.0.0.1:0", TLSCert: "none", TLSKey: "none"})
	require.Error(t, err)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, err = server.New(server.Config{Store: db.Store, Keys: keys, Listen: taken.Addr().String()})
	require.ErrorContains(t, err, "taken")
}

// selfSigned writes a certificate for loopback and its key.
func selfSigned(t testing.TB) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	var private *rsa.PrivateKey = testRSA()
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return cert, key, pool
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool := selfSigned(t)
	db := testkit.DB(t)
	keys, err := token.NewRing(time.Now())
	require.NoError(t, err)
	srv, err := server.New(server.Config{Store: db.Store, Keys: keys, Listen: "0.0.0.0:0", TLSCert: cert, TLSKey: key})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	_, port, err := net.SplitHostPort(srv.Addr())
	require.NoError(t, err)
	get := func(config *tls.Config) (*http.Response, error) {
		transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		return (&http.Client{Transport: transport}).Get("https://127.0.0.1:" + port + "/healthz")
	}
	response, err := get(&tls.Config{RootCAs: pool})
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, 2, response.ProtoMajor)
	require.NotEmpty(t, response.Header.Get("Strict-Transport-Security"))
	_, err = get(&tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11})
	require.Error(t, err)
	cancel()
	require.NoError(t, <-ended)
}

// TestPathsAreExact: no cleaning, no redirect, no way around the prefix.
func TestPathsAreExact(t *testing.T) {
	t.Parallel()
	console := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("console")) })
	s := newStack(t, func(c *server.Config) { c.Console = console })
	tn := s.newTenant("acme")
	require.Equal(t, "console", s.do("GET", "/", "", nil, nil).body)
	require.Equal(t, "console", s.do("GET", "/runs/1", "", nil, nil).body)
	for _, path := range []string{
		"//api/scripts", "/api//scripts", "/api/../api/scripts", "/api/scripts/", "/api/%2e%2e/healthz", "/api/jobs/..;/users", "/api/jobs%00", "/api/%c0%ae", "/api", "/api/", "/api/rpc/",
		"/auth", "/auth/", "/auth/sign-in/", "/%61pi/scripts", "/agent", "/events/", "/healthz/", "/api/rpc/a/b",
	} {
		a := s.do("GET", path, tn.admin, nil, nil)
		require.Equal(t, http.StatusNotFound, a.status, "%s: %s", path, a.body)
		require.NotContains(t, a.body, "console")
	}
}

func TestEveryAnswerHasItsHeaders(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	for _, path := range []string{"/healthz", "/readyz", "/version", "/api/scripts", "/api/nope", "/nope", "/auth/whoami"} {
		a := s.do("GET", path, tn.admin, nil, nil)
		require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-store", a.header.Get("Cache-Control"), path)
		require.Contains(t, a.header.Get("Content-Security-Policy"), "default-src 'none'", path)
		require.Len(t, a.header.Get("X-Request-Id"), 36, path)
		require.Equal(t, "application/json; charset=utf-8", a.header.Get("Content-Type"), path)
	}
	require.JSONEq(t, `{"version":"test"}`, s.do("GET", "/version", "", nil, nil).body)
	for given, kept := range map[string]bool{"abc-1.2_3": true, "with space": false, strings.Repeat("x", 65): false, "<script>": false} {
		a := s.do("GET", "/healthz", "", nil, http.Header{"X-Request-Id": {given}})
		require.Equal(t, kept, a.header.Get("X-Request-Id") == given, given)
	}
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, s.do("GET", "/api/scripts?id=eq."+strings.Repeat("a", 1<<20), tn.admin, nil, nil).status)
	require.Equal(t, http.StatusRequestURITooLong, s.do("GET", "/api/scripts?id=eq."+strings.Repeat("a", 10<<10), tn.admin, nil, nil).status)
}

// TestLogHoldsNoSecrets: a line for each request, without query strings, tokens or passwords.
func TestLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	s.signIn(tn, "admin", "canary-password")
	a := s.get(tn.operator, "/scripts?name=eq.canary-value")
	require.Equal(t, http.StatusOK, a.status)
	require.NoError(t, s.stop())
	logs := s.logs.String()
	require.Contains(t, logs, a.header.Get("X-Request-Id"))
	require.Contains(t, logs, `"path":"/api/scripts"`)
	require.Contains(t, logs, `"tenant_id":"`+tn.id+`"`)
	for _, secret := range []string{"canary", tn.operator, s.db.Secrets.RestUser, s.db.Secrets.Gateway} {
		require.NotContains(t, logs, secret)
	}
}

// TestSchemaIsReadAgain after the notice that PostgREST knows.
func TestSchemaIsReadAgain(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	require.Equal(t, http.StatusNotFound, s.get(tn.operator, "/novelties").status)
	s.db.Exec(t, "set role epo_owner; create view api.novelties with (security_invoker = true) as select 1 as id; grant select on api.novelties to app_user")
	require.Eventually(t, func() bool {
		s.db.Exec(t, "notify pgrst, 'reload schema'")
		return s.get(tn.operator, "/novelties").body == `[{"id":1}]`
	}, time.Minute, 200*time.Millisecond)
	s.db.Exec(t, "set role epo_owner; drop view api.novelties; create view api.novelties with (security_invoker = true) as select 'x'::text as name, 1 as id; grant select on api.novelties to app_user")
	require.Eventually(t, func() bool {
		s.db.Exec(t, "notify pgrst")
		return s.get(tn.operator, "/novelties").body == `[{"name":"x","id":1}]`
	}, time.Minute, 200*time.Millisecond)
}

// TestTenantsNeverMix: many requests of several tenants over few connections, with cancels in between, and each sees its own.
func TestTenantsNeverMix(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tenants := make([]tenant, 4)
	for i := range tenants {
		tenants[i] = s.newTenant("tenant-" + string(rune('a'+i)))
	}
	errs := make(chan string, 1000)
	done := make(chan struct{})
	for worker := range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range 60 {
				tn := tenants[(worker+i)%len(tenants)]
				ctx, cancel := context.WithCancel(context.Background())
				if i%7 == 0 {
					time.AfterFunc(time.Duration(i%5)*time.Millisecond, cancel)
				}
				a, err := s.try(ctx, "GET", "/api/tenants?select=slug", tn.operator, nil, nil)
				cancel()
				if err == nil && a.body != `[{"slug":"`+tn.slug+`"}]` {
					errs <- tn.slug + " got " + a.body
				}
			}
		}()
	}
	for range 8 {
		<-done
	}
	close(errs)
	for e := range errs {
		t.Error(e)
	}
}
