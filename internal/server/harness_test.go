package server_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/crypto/argon2"

	"github.com/epo-dev/epo/internal/gateway"
	"github.com/epo-dev/epo/internal/server"
	"github.com/epo-dev/epo/internal/testkit"
	"github.com/epo-dev/epo/internal/token"
)

func TestMain(m *testing.M) {
	code := testkit.Run(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	os.Exit(code)
}

// password is the one of every user of the tests.
const password = "correct horse battery staple"

// testHashCost is the floor, to save time.
var testHashCost = gateway.HashCost{MemoryKiB: 19 << 10, Passes: 2, Threads: 1}

// testHash is made once: hashing is slow by design.
var testHash = sync.OnceValue(func() string {
	salt := []byte("0123456789abcdef")
	sum := argon2.IDKey([]byte(password), salt, testHashCost.Passes, testHashCost.MemoryKiB, testHashCost.Threads, 32)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", testHashCost.MemoryKiB, testHashCost.Passes, testHashCost.Threads, encode(salt), encode(sum))
})

// stack is a database with a running server.
type stack struct {
	t    testing.TB
	db   *testkit.Database
	keys *token.Ring
	url  string
	logs *logBuffer
	stop func() error
}

// logBuffer collects the server's log.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newStack makes a database and serves it.
func newStack(t testing.TB, change ...func(*server.Config)) *stack {
	t.Helper()
	keys, err := token.NewRing(time.Now())
	require.NoError(t, err)
	return serve(t, testkit.DB(t), keys, change...)
}

// serve starts a server on db.
func serve(t testing.TB, db *testkit.Database, keys *token.Ring, change ...func(*server.Config)) *stack {
	t.Helper()
	s := &stack{t: t, db: db, keys: keys, logs: &logBuffer{}}
	c := server.Config{
		Store: db.Store, Keys: keys, Listen: "127.0.0.1:0", Version: "test", HashCost: testHashCost,
		Logger: slog.New(slog.NewJSONHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&c)
	}
	srv, err := server.New(c)
	require.NoError(t, err)
	s.url = "http://" + srv.Addr()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	require.Equal(t, http.StatusOK, s.do("GET", "/readyz", "", nil, nil).status)
	return s
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// json decodes the body.
func (a answer) json(t testing.TB, value any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(a.body), value), a.body)
}

// code is the stable code of an error.
func (a answer) code() string {
	var e struct{ Code string }
	_ = json.Unmarshal([]byte(a.body), &e)
	return e.Code
}

// client keeps no cookies and no idle connections, so that no goroutine is left.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// do sends a request; body may be nil, a string or anything that becomes JSON.
func (s *stack) do(method, path, bearer string, body any, header http.Header) answer {
	s.t.Helper()
	a, err := s.try(context.Background(), method, path, bearer, body, header)
	require.NoError(s.t, err)
	return a
}

func (s *stack) try(ctx context.Context, method, path, bearer string, body any, header http.Header) (answer, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, reader)
	if err != nil {
		return answer{}, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	if reader != nil && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

// get reads from /api.
func (s *stack) get(bearer, path string) answer {
	s.t.Helper()
	return s.do("GET", "/api"+path, bearer, nil, nil)
}

// call calls a function and returns its JSON object.
func (s *stack) call(bearer, function string, arguments any) map[string]any {
	s.t.Helper()
	a := s.do("POST", "/api/rpc/"+function, bearer, arguments, nil)
	require.Equal(s.t, http.StatusOK, a.status, "%s: %s", function, a.body)
	var m map[string]any
	a.json(s.t, &m)
	return m
}

// tenant is a tenant with one user per role.
type tenant struct {
	id, slug                 string
	adminID, operatorID      string
	admin, operator, auditor string // access tokens
}

// newTenant makes a tenant and its users, and tokens for them.
func (s *stack) newTenant(slug string) tenant {
	s.t.Helper()
	tn := tenant{slug: slug, id: testkit.Value[string](s.t, s.db, "select auth.create_tenant($1, $1)::text", slug)}
	tn.adminID, tn.admin = s.newUser(tn, "admin", "admin", "operator")
	tn.operatorID, tn.operator = s.newUser(tn, "operator", "operator")
	_, tn.auditor = s.newUser(tn, "auditor", "auditor")
	return tn
}

func (s *stack) newUser(tn tenant, name string, roles ...string) (id, access string) {
	s.t.Helper()
	id = testkit.Value[string](s.t, s.db, "select auth.create_user($1, $2, $2, $3, $4)::text", tn.slug, name, testHash(), roles)
	return id, s.issue(token.Subject{TenantID: tn.id, UserID: id, SessionID: uuid.NewString(), AppRoles: roles})
}

func (s *stack) issue(subject token.Subject) string {
	s.t.Helper()
	access, _, err := s.keys.Issue(subject, time.Now())
	require.NoError(s.t, err)
	return access
}

// machine is an agent with its keys.
type machine struct {
	id      string
	pool    string
	signing *ecdsa.PrivateKey
	access  string
}

// testRSA is made once: 3072 bits take a while.
var testRSA = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		panic(err)
	}
	return key
})

// newMachine enrolls an agent over HTTP and gets its first token.
func (s *stack) newMachine(tn tenant, poolName string) machine {
	s.t.Helper()
	pool := s.call(tn.admin, "create_pool", map[string]any{"name": poolName})["id"].(string)
	enrollment := s.enrollment(tn, pool, poolName+"-agent")
	a := s.do("POST", "/auth/agent/enroll", "", enrollment.body(s.t), nil)
	require.Equal(s.t, http.StatusCreated, a.status, a.body)
	var got struct {
		AgentID  string `json:"agent_id"`
		TenantID string `json:"tenant_id"`
		Pool     string
		Name     string
	}
	a.json(s.t, &got)
	require.Equal(s.t, tn.id, got.TenantID)
	require.Equal(s.t, poolName, got.Pool)
	m := machine{id: got.AgentID, pool: pool, signing: enrollment.signing}
	a = s.do("POST", "/auth/agent/token", "", map[string]string{"assertion": m.assertion(s.t, nil)}, nil)
	require.Equal(s.t, http.StatusOK, a.status, a.body)
	var grant struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	a.json(s.t, &grant)
	require.Equal(s.t, 600, grant.ExpiresIn)
	m.access = grant.AccessToken
	return m
}

// assertion signs what an agent asks its token with; change may spoil it.
func (m machine) assertion(t testing.TB, change func(jwt.MapClaims)) string {
	t.Helper()
	now := time.Now().Unix()
	claims := jwt.MapClaims{"iss": m.id, "sub": m.id, "aud": "epo", "jti": uuid.NewString(), "iat": now, "exp": now + 60}
	if change != nil {
		change(claims)
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(m.signing)
	require.NoError(t, err)
	return signed
}

// enrollment is a request to enroll, to be spoilt by tests.
type enrollment struct {
	token, name                 string
	signing                     *ecdsa.PrivateKey
	signer                      *ecdsa.PrivateKey // signs the proof
	signingSPKI, encryptionSPKI []byte
	proof                       jwt.MapClaims
}

func (s *stack) enrollment(tn tenant, pool, name string) *enrollment {
	s.t.Helper()
	issued := s.call(tn.admin, "create_enrollment_token", map[string]any{"pool_id": pool})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(s.t, err)
	e := &enrollment{token: issued["token"].(string), name: name, signing: key, signer: key}
	e.signingSPKI = spki(s.t, key.Public())
	e.encryptionSPKI = spki(s.t, testRSA().Public())
	e.prove()
	return e
}

// prove writes the honest proof for what e holds now.
func (e *enrollment) prove() {
	e.proof = jwt.MapClaims{
		"token_sha256": digest([]byte(e.token)), "name": e.name, "signing_key_sha256": digest(e.signingSPKI), "encryption_key_sha256": digest(e.encryptionSPKI),
	}
}

func (e *enrollment) body(t testing.TB) map[string]any {
	t.Helper()
	proof, err := jwt.NewWithClaims(jwt.SigningMethodES256, e.proof).SignedString(e.signer)
	require.NoError(t, err)
	return map[string]any{
		"token": e.token, "name": e.name, "proof": proof,
		"signing_key":    map[string]any{"alg": "ES256", "spki": e.signingSPKI},
		"encryption_key": map[string]any{"alg": "RSA-OAEP-256", "spki": e.encryptionSPKI},
		"info":           map[string]any{"hostname": "host", "os": "linux", "arch": "amd64", "version": "test"},
	}
}

func spki(t testing.TB, public any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	return der
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// newRun pushes a script, makes a target in the machine's pool and queues a run.
func (s *stack) newRun(tn tenant, m machine, name string) (script, target, run string) {
	s.t.Helper()
	pushed := s.call(tn.operator, "push_script", map[string]any{"name": name, "content": base64.StdEncoding.EncodeToString([]byte("'" + name + "'\n"))})
	script = pushed["script_id"].(string)
	target = s.call(tn.operator, "create_target", map[string]any{"name": name, "kind": "local", "pool_id": m.pool})["id"].(string)
	return script, target, s.queue(tn, script, target)
}

func (s *stack) queue(tn tenant, script, target string) string {
	s.t.Helper()
	return s.call(tn.operator, "queue_run", map[string]any{"script_id": script, "target_ids": []string{target}})["run_id"].(string)
}

var errTimeout = errors.New("nothing came in time")

// within fails when work takes longer than a generous while.
func within(t testing.TB, work func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		require.NoError(t, errTimeout)
	}
}
