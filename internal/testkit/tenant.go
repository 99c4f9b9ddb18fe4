package testkit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/store"
)

// Password is what every user of a test tenant signs in with.
const Password = "correct horse battery staple"

// passwordHash is Password under Argon2id.
const passwordHash = "$argon2id$v=19$m=19456,t=2,p=1$ZXBvIHRlc3RraXQgc2FsdA$8KPE//pxlwkNiDHTunmwnFg+ZO2ANhAXlVpFmvPso+I"

// encryptionSPKI is a public RSA key of 3072 bits; nobody has its private half.
const encryptionSPKI = "MIIBojANBgkqhkiG9w0BAQEFAAOCAY8AMIIBigKCAYEA2K4KIS4/yBLhB/Y3zvbhYpxIe6JSS26d7WlEQ06e0vaKYK9ebwRzlljfxq1pJFm5Ni" +
	"aQp7CVsp8H+YSD7U62X1f0Sbbifh2K6MQZQkxnvaTg3RgiZc6DwTUz1BzcITyHJcWe0x62Mo17j1dpnoYycZ5Jwy1fTzj2w+39Vknj7aWpLD0b" +
	"Zwq3xv7FAJ4BPyCZULw06EdTMGivFLlzXuqYYfTZJW6uA6MfltNyU/hqnfhoRjlWrqdPpD0jKLQ+N/ZZNuQc7wGVyeKvItXEzBE4ONDrx7w2sU" +
	"/zdUkZMySdO/OcSjxexDqn6zI4T8X1Zm2ys81cQvSzKxypVs++JpE84mHcYz7KXvfb+SMvs0yggKlm/CpdbgiQbtRAp5WSrzLCY9yZH9AzQlz1" +
	"GzCief53Q02RB/LC2DI8h2gEtvfpWkyZyVKLTNr4XtrekhEUoIy6DscBQJeyPx1gezG5l48nczuNYc17xM5FbDYeBCtWprpy3Ulj3LhFOyVNFL" +
	"IHwwG5AgMBAAE="

// Tenant is one tenant of a Database with the people that most tests need, pool "default" and a local target "here".
type Tenant struct {
	ID, Slug                 string
	Admin, Operator, Auditor User
	PoolID, TargetID         string

	db *Database
}

// User is one person of a tenant. Its password is Password.
type User struct {
	ID, TenantID, Name string
	Roles              []string
}

// Agent is one enrolled agent of a tenant.
type Agent struct {
	ID, TenantID, Name, PoolID string
	SigningKey                 *ecdsa.PrivateKey
}

// Caller is whoever can make requests: a User or an Agent.
type Caller interface {
	// Claims are those of a verified access token, as JSON.
	Claims() string
	// Role is the database role that the caller acts in.
	Role() store.Role
}

// CreateTenant makes a tenant with its people, a pool and a target.
func (d *Database) CreateTenant(t testing.TB, slug string) *Tenant {
	t.Helper()
	tenant := &Tenant{Slug: slug, db: d}
	require.NoError(t, d.Store.Gateway().QueryRow(t.Context(), "select auth.create_tenant($1, $1)", slug).Scan(&tenant.ID))
	tenant.Admin = tenant.CreateUser(t, "admin", "admin", "operator", "auditor")
	tenant.Operator = tenant.CreateUser(t, "operator", "operator")
	tenant.Auditor = tenant.CreateUser(t, "auditor", "auditor")
	tenant.PoolID = tenant.CreatePool(t, "default")
	tenant.TargetID = tenant.CreateTarget(t, "here", tenant.PoolID)
	return tenant
}

// CreateUser makes a user who signs in with Password.
func (n *Tenant) CreateUser(t testing.TB, name string, roles ...string) User {
	t.Helper()
	u := User{TenantID: n.ID, Name: name, Roles: roles}
	err := n.db.Store.Gateway().QueryRow(t.Context(), "select auth.create_user($1, $2, $2, $3, $4)", n.Slug, name, passwordHash, roles).Scan(&u.ID)
	require.NoError(t, err)
	return u
}

// CreatePool makes a pool and returns its id.
func (n *Tenant) CreatePool(t testing.TB, name string) string {
	t.Helper()
	return created(t, n.Call(t, n.Admin, "create_pool", Args{"name": name}), "pool_id")
}

// CreateTarget makes a local target and returns its id.
func (n *Tenant) CreateTarget(t testing.TB, name, poolID string) string {
	t.Helper()
	return created(t, n.Call(t, n.Admin, "create_target", Args{"name": name, "kind": "local", "pool_id": poolID}), "target_id")
}

// PushScript stores a script and returns its id and that of its version.
func (n *Tenant) PushScript(t testing.TB, name, content string) (scriptID, versionID string) {
	t.Helper()
	answer := n.Call(t, n.Operator, "push_script", Args{"name": name, "content": base64.StdEncoding.EncodeToString([]byte(content))})
	return created(t, answer, "script_id"), created(t, answer, "script_version_id")
}

// QueueRun queues a run of a script on targets (TargetID if none are given) and returns its id.
func (n *Tenant) QueueRun(t testing.TB, scriptID string, targetIDs ...string) string {
	t.Helper()
	if len(targetIDs) == 0 {
		targetIDs = []string{n.TargetID}
	}
	return created(t, n.Call(t, n.Operator, "queue_run", Args{"script_id": scriptID, "target_ids": targetIDs}), "run_id")
}

// CreateAgent enrolls an agent in the tenant's pool, with a signing key of its own.
func (n *Tenant) CreateAgent(t testing.TB, name string) Agent {
	t.Helper()
	token := created(t, n.Call(t, n.Admin, "create_enrollment_token", Args{"pool_id": n.PoolID}), "token")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signing, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	encryption, err := base64.StdEncoding.DecodeString(encryptionSPKI)
	require.NoError(t, err)
	hash := sha256.Sum256([]byte(token))
	a := Agent{TenantID: n.ID, Name: name, PoolID: n.PoolID, SigningKey: key}
	err = n.db.Store.Gateway().QueryRow(t.Context(), "select agent_id from auth.enroll_agent($1, $2, 'ES256', $3, 'RSA-OAEP-256', $4, $5)",
		hash[:], name, signing, encryption, map[string]string{"hostname": name, "os": "linux", "arch": "amd64", "version": "test"}).Scan(&a.ID)
	require.NoError(t, err)
	return a
}

// Args are the named arguments of a function of schema api.
type Args map[string]any

// Call calls a function of schema api as the caller, which must succeed, and returns what it answered.
func (n *Tenant) Call(t testing.TB, who Caller, function string, args Args) map[string]any {
	t.Helper()
	answer, err := n.db.Call(t.Context(), who, function, args)
	require.NoError(t, err, function)
	var object map[string]any
	require.NoError(t, json.Unmarshal(answer.JSON, &object), "%s: %s", function, answer.JSON)
	return object
}

// Call calls a function of schema api as the caller, as the facade would.
func (d *Database) Call(ctx context.Context, who Caller, function string, args Args) (store.Reply, error) {
	var list []string
	var values []any
	for _, name := range slices.Sorted(maps.Keys(args)) {
		values = append(values, args[name])
		list = append(list, fmt.Sprintf("%s => $%d", name, len(values)))
	}
	return d.Store.Do(ctx, Request(who), "select api."+function+"("+strings.Join(list, ", ")+")", values...)
}

// Request is the frame of a request of the caller.
func Request(who Caller) store.Request {
	return store.Request{Role: who.Role(), Claims: who.Claims(), ID: "test", Method: "POST", Path: "/"}
}

func created(t testing.TB, answer map[string]any, key string) string {
	t.Helper()
	id, ok := answer[key].(string)
	if !ok {
		id, ok = answer["id"].(string)
	}
	require.True(t, ok, "no %s in %v", key, answer)
	return id
}

// Claims implements Caller.
func (u User) Claims() string {
	return claims(map[string]any{"sub": u.ID, "role": u.Role(), "tenant_id": u.TenantID, "app_roles": u.Roles})
}

// Role implements Caller.
func (u User) Role() store.Role {
	if slices.Contains(u.Roles, "admin") {
		return store.RoleAdmin
	}
	return store.RoleUser
}

// Claims implements Caller.
func (a Agent) Claims() string {
	return claims(map[string]any{"sub": a.ID, "role": a.Role(), "tenant_id": a.TenantID, "agent_id": a.ID, "app_roles": []string{}})
}

// Role implements Caller.
func (a Agent) Role() store.Role { return store.RoleAgent }

func claims(c map[string]any) string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // nothing in it can fail
	}
	return string(text)
}
