package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/epo-dev/epo/internal/httpjson"
	"github.com/epo-dev/epo/internal/token"
)

const (
	// assertionLifetime is the longest an assertion may be valid.
	assertionLifetime = time.Minute
	// maxAssertionID bounds jti.
	maxAssertionID = 128
)

// assertion is the payload by which an agent asks for an access token (RFC 7523).
type assertion struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	ID        string   `json:"jti"`
	IssuedAt  *int64   `json:"iat"`
	ExpiresAt *int64   `json:"exp"`
}

// audience takes a string, or an array of exactly one.
type audience string

// UnmarshalJSON refuses everything else.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if err := json.Unmarshal(b, &one); err == nil {
		*a = audience(one)
		return nil
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil || len(list) != 1 {
		return errJWS
	}
	*a = audience(list[0])
	return nil
}

// check looks at everything but the signature and whether it was used before.
func (a assertion) check(now time.Time) error {
	id, err := uuid.Parse(a.Issuer)
	if err != nil || id.String() != a.Issuer || a.Subject != a.Issuer || a.Audience != token.AudienceUsers {
		return assertionInvalid(nil)
	}
	if a.ID == "" || len(a.ID) > maxAssertionID || a.IssuedAt == nil || a.ExpiresAt == nil {
		return assertionInvalid(nil)
	}
	issued, expires := time.Unix(*a.IssuedAt, 0), time.Unix(*a.ExpiresAt, 0)
	life := expires.Sub(issued)
	if life <= 0 || life > assertionLifetime || issued.After(now.Add(token.Skew)) || !now.Before(expires.Add(token.Skew)) {
		return &httpjson.Error{
			Status: http.StatusUnauthorized, Code: "assertion_invalid", Message: "the assertion is not accepted",
			Hint: "are the clocks of agent and server right?", Header: httpjson.Unauthorized("", "the assertion is not accepted").Header,
		}
	}
	return nil
}

func assertionInvalid(cause error) error {
	e := httpjson.Unauthorized("assertion_invalid", "the assertion is not accepted")
	e.Cause = cause
	return e
}

// AgentToken trades an agent's signed assertion for an access token. An assertion works once.
func (g *Gateway) AgentToken(w http.ResponseWriter, r *http.Request) error {
	if err := g.guardMachine(r); err != nil {
		return err
	}
	var in struct {
		Assertion string `json:"assertion"`
	}
	if err := httpjson.Decode(r, maxBody+maxJWSBytes, &in); err != nil {
		return err
	}
	claims, key, err := g.verifyAssertion(r, in.Assertion)
	if err != nil {
		return err
	}
	subject := token.Subject{TenantID: key.tenantID, SessionID: uuid.Must(uuid.NewV7()).String(), AgentID: claims.Issuer}
	signed, _, err := g.keys.Issue(subject, g.now())
	if err != nil {
		return fmt.Errorf("issue agent token: %w", err)
	}
	httpjson.Write(w, http.StatusOK, map[string]any{"access_token": signed, "token_type": "Bearer", "expires_in": int(token.Lifetime.Seconds())})
	return nil
}

// verifyAssertion checks an assertion against the key of the agent that it names, and uses it up. What it says is believed
// only after the signature; an agent that does not exist and a wrong signature are answered alike.
func (g *Gateway) verifyAssertion(r *http.Request, compact string) (assertion, agentKey, error) {
	object, err := parseJWS(compact)
	if err != nil {
		return assertion{}, agentKey{}, assertionInvalid(err)
	}
	var claims assertion
	if err := object.decode(&claims); err != nil {
		return assertion{}, agentKey{}, assertionInvalid(err)
	}
	if err := claims.check(g.now()); err != nil {
		return assertion{}, agentKey{}, err
	}
	key, found, err := g.db.findAgentKey(r.Context(), claims.Issuer)
	if err != nil {
		return assertion{}, agentKey{}, err
	}
	public, err := signingKey(key.spki)
	if !found || key.algorithm != algorithmSigning || err != nil || object.verify(public, &claims) != nil {
		return assertion{}, agentKey{}, assertionInvalid(err)
	}
	if key.state != "active" {
		return assertion{}, agentKey{}, httpjson.Unauthorized("agent_revoked", "the agent may not act any more")
	}
	fresh, err := g.db.useAssertion(r.Context(), claims.Issuer, claims.ID, time.Unix(*claims.ExpiresAt, 0).Add(token.Skew))
	if err != nil {
		return assertion{}, agentKey{}, err
	}
	if !fresh {
		return assertion{}, agentKey{}, assertionInvalid(nil)
	}
	return claims, key, nil
}
