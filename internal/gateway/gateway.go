package gateway

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/epo-dev/epo/internal/httpjson"
	"github.com/epo-dev/epo/internal/token"
)

// Body limits in bytes: the largest honest body is an enrolment with an RSA key and its proof.
const (
	maxBody       = 8 << 10
	maxEnrollBody = 64 << 10
)

// Config is what a Gateway needs.
type Config struct {
	// Pool is of login epo_gateway.
	Pool *pgxpool.Pool
	// Keys sign the access tokens.
	Keys *token.Ring
	// Clock gives the time; nil means time.Now.
	Clock func() time.Time
	// HashCost is what new hashes cost, and the one that stands for an unknown user; the zero value means [DefaultHashCost].
	HashCost HashCost
	// HashMemoryKiB is the most that all hashes together may take; zero means 256 MiB.
	HashMemoryKiB int64
}

func (c *Config) validate() error {
	if c.Pool == nil || c.Keys == nil {
		return errors.New("gateway: pool and keys must be given")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.HashCost == (HashCost{}) {
		c.HashCost = DefaultHashCost()
	}
	if c.HashMemoryKiB == 0 {
		c.HashMemoryKiB = maxMemoryKiB
	}
	return nil
}

// Gateway answers the requests below /auth.
type Gateway struct {
	db       database
	keys     *token.Ring
	now      func() time.Time
	hasher   *hasher
	throttle *throttle
	origins  *http.CrossOriginProtection
}

// New returns a gateway.
func New(c Config) (*Gateway, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Gateway{
		db: database{c.Pool}, keys: c.Keys, now: c.Clock, hasher: newHasher(c.HashMemoryKiB, c.HashCost),
		throttle: newThrottle(c.Clock), origins: http.NewCrossOriginProtection(),
	}, nil
}

// guard refuses what no honest client sends: another site's request, and secrets in the URL, where logs would keep them.
func (g *Gateway) guard(r *http.Request) error {
	if err := g.origins.Check(r); err != nil {
		return &httpjson.Error{Status: http.StatusForbidden, Code: "cross_origin", Message: "requests from other sites are refused", Cause: err}
	}
	if r.URL.RawQuery != "" {
		return httpjson.NewError(http.StatusBadRequest, "invalid_body", "parameters belong into the body, not into the URL")
	}
	return nil
}

// tooMany is a 429 that says when to come back.
func tooMany(wait time.Duration) error {
	seconds := strconv.Itoa(max(1, int(math.Ceil(wait.Seconds()))))
	return &httpjson.Error{
		Status: http.StatusTooManyRequests, Code: "too_many_attempts", Message: "too many attempts, try again later", Header: http.Header{"Retry-After": {seconds}},
	}
}

// session is what a sign-in and a refresh answer.
type session struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	User         user   `json:"user"`
}

// user is the person of a session.
type user struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	DisplayName string   `json:"display_name"`
	Roles       []string `json:"roles"`
	TenantID    string   `json:"tenant_id"`
	Tenant      string   `json:"tenant"`
}

// openSession issues an access token for u and answers with it and with the refresh token.
func (g *Gateway) openSession(w http.ResponseWriter, r *http.Request, u user, sid, refresh string, browser bool) error {
	signed, _, err := g.keys.Issue(token.Subject{TenantID: u.TenantID, SessionID: sid, UserID: u.ID, AppRoles: u.Roles}, g.now())
	if err != nil {
		return fmt.Errorf("open session: %w", err)
	}
	s := session{AccessToken: signed, TokenType: "Bearer", ExpiresIn: int(token.Lifetime.Seconds()), User: u}
	if browser {
		setCookie(w, r, refresh)
	} else {
		s.RefreshToken = refresh
	}
	httpjson.Write(w, http.StatusOK, s)
	return nil
}
