package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/token"
)

// database is the functions of schema auth. Errors are *store.Error.
type database struct{ pool *pgxpool.Pool }

// frame says for which request, and in whose name, a function runs; the audit records both.
type frame struct {
	requestID string
	claims    string // verified claims as JSON; empty where nobody has a token yet
}

// frameOf is the frame of a request; who may be nil.
func frameOf(r *http.Request, who *token.Verified) frame {
	f := frame{requestID: r.Header.Get("X-Request-Id")}
	if who != nil {
		f.claims = who.Payload
	}
	return f
}

const frameSQL = `select set_config('request.id', $1, true), set_config('request.jwt.claims', $2, true)`

// row runs one statement that gives at most one row, in a transaction of its own and in one round trip.
func (d database) row(ctx context.Context, f frame, scan func(pgx.Row) error, sql string, args ...any) error {
	var batch pgx.Batch
	batch.Queue(frameSQL, f.requestID, f.claims)
	batch.Queue(sql, args...).QueryRow(scan)
	return d.pool.SendBatch(ctx, &batch).Close()
}

// exec is row for a statement whose value is of no interest.
func (d database) exec(ctx context.Context, f frame, sql string, args ...any) error {
	var batch pgx.Batch
	batch.Queue(frameSQL, f.requestID, f.claims)
	batch.Queue(sql, args...)
	return store.AsError(d.pool.SendBatch(ctx, &batch).Close())
}

// account is a person as sign-in needs one; the zero value stands for nobody.
type account struct {
	user         user
	passwordHash string
	disabled     bool
}

// lookUp finds an account by tenant slug and name. Nobody is no error.
func (d database) lookUp(ctx context.Context, slug, name string) (account, error) {
	var a account
	var hash *string
	err := d.pool.QueryRow(ctx, `select tenant_id::text, tenant_slug, user_id::text, name, display_name, password_hash, disabled, roles from auth.sign_in_lookup($1, $2)`, slug, name).
		Scan(&a.user.TenantID, &a.user.Tenant, &a.user.ID, &a.user.Name, &a.user.DisplayName, &hash, &a.disabled, &a.user.Roles)
	if errors.Is(err, pgx.ErrNoRows) {
		return account{}, nil
	}
	if hash != nil {
		a.passwordHash = *hash
	}
	return a, store.AsError(err)
}

// signInAttempt is what the audit records of a sign-in.
type signInAttempt struct {
	account account
	name    string
	reason  string // empty for a success
	client  string
}

func (d database) recordSignIn(ctx context.Context, f frame, a signInAttempt) error {
	return d.exec(ctx, f, `select auth.record_sign_in($1, $2, $3, $4, $5, $6, $7)`,
		optional(a.account.user.TenantID), optional(a.account.user.ID), a.name, a.reason == "", optional(a.reason), a.client, f.requestID)
}

// optional gives NULL for the empty string.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (d database) createRefreshToken(ctx context.Context, f frame, of user, hash []byte, client string) (sid string, err error) {
	err = d.row(ctx, f, func(row pgx.Row) error { return row.Scan(&sid) }, `select auth.create_refresh_token($1, $2, $3, $4)::text`, of.TenantID, of.ID, hash, client)
	return sid, store.AsError(err)
}

// rotation is the database's verdict on a refresh token.
type rotation struct {
	outcome string // ok, reused, invalid or disabled
	user    user
	sid     string
}

func (d database) rotateRefreshToken(ctx context.Context, f frame, old, fresh []byte, client string) (rotation, error) {
	var r rotation
	var tenantID, userID, name, display, slug, sid *string
	err := d.row(ctx, f, func(row pgx.Row) error {
		return row.Scan(&r.outcome, &tenantID, &userID, &name, &display, &r.user.Roles, &slug, &sid)
	}, `select outcome, tenant_id::text, user_id::text, name, display_name, roles, tenant_slug, sid::text from auth.rotate_refresh_token($1, $2, $3)`, old, fresh, client)
	if err != nil {
		return rotation{}, store.AsError(err)
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	r.sid = text(sid)
	r.user.TenantID, r.user.ID, r.user.Name, r.user.DisplayName, r.user.Tenant = text(tenantID), text(userID), text(name), text(display), text(slug)
	return r, nil
}

func (d database) revokeRefreshToken(ctx context.Context, f frame, hash []byte) error {
	return d.exec(ctx, f, `select auth.revoke_refresh_token($1)`, hash)
}

// newAgent is what an enrolment stores.
type newAgent struct {
	tokenHash      []byte
	name           string
	signingSPKI    []byte
	encryptionSPKI []byte
	info           json.RawMessage
}

// enrolled is what an enrolment answers.
type enrolled struct {
	AgentID  string `json:"agent_id"`
	TenantID string `json:"tenant_id"`
	Pool     string `json:"pool"`
	Name     string `json:"name"`
}

func (d database) enrollAgent(ctx context.Context, f frame, a newAgent) (enrolled, error) {
	e := enrolled{Name: a.name}
	err := d.row(ctx, f, func(row pgx.Row) error { return row.Scan(&e.AgentID, &e.TenantID, &e.Pool) },
		`select agent_id::text, tenant_id::text, pool from auth.enroll_agent($1, $2, $3, $4, $5, $6, $7)`,
		a.tokenHash, a.name, algorithmSigning, a.signingSPKI, algorithmEncryption, a.encryptionSPKI, string(a.info))
	return e, store.AsError(err)
}

// agentKey is what an assertion is checked against.
type agentKey struct {
	tenantID  string
	algorithm string
	spki      []byte
	state     string // active or revoked
}

// findAgentKey returns false for an agent that does not exist.
func (d database) findAgentKey(ctx context.Context, agentID string) (agentKey, bool, error) {
	var k agentKey
	err := d.pool.QueryRow(ctx, `select tenant_id::text, signing_alg, spki, state from auth.agent_key($1)`, agentID).Scan(&k.tenantID, &k.algorithm, &k.spki, &k.state)
	if errors.Is(err, pgx.ErrNoRows) {
		return agentKey{}, false, nil
	}
	return k, err == nil, store.AsError(err)
}

// useAssertion reports whether the assertion was not used before.
func (d database) useAssertion(ctx context.Context, agentID, id string, expires time.Time) (fresh bool, err error) {
	err = d.pool.QueryRow(ctx, `select auth.use_assertion($1, $2, $3)`, agentID, id, expires).Scan(&fresh)
	return fresh, store.AsError(err)
}
