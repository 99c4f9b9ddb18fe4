package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// User is who a token speaks for.
type User struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	DisplayName string   `json:"display_name"`
	Roles       []string `json:"roles"`
	TenantID    string   `json:"tenant_id"`
	Tenant      string   `json:"tenant"` // slug
}

// SignIn is a request for a session. It holds a password and prints without it.
type SignIn struct {
	Tenant   string `json:"tenant,omitempty"` // slug; may be empty where only one tenant exists
	User     string `json:"user"`
	Password string `json:"password"`
	Client   string `json:"client"` // "cli" or "browser"
}

// String leaves the password out.
func (s SignIn) String() string { return "sign-in of " + s.User + "@" + s.Tenant }

// GoString leaves the password out.
func (s SignIn) GoString() string { return s.String() }

// Grant is an answer to a sign-in or a refresh. It holds secrets and prints without them.
type Grant struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	User         User   `json:"user"`
}

// String leaves the tokens out.
func (g Grant) String() string { return "grant for " + g.User.Name }

// GoString leaves the tokens out.
func (g Grant) GoString() string { return g.String() }

// SignIn opens a session. A wrong tenant, user or password gives CodeSignInFailed, all alike.
func (c *Client) SignIn(ctx context.Context, s SignIn) (Grant, error) {
	var g Grant
	err := c.do(ctx, call{method: http.MethodPost, path: "/auth/sign-in", body: s, anonymous: true}, &g)
	return g, err
}

// Refresh trades a refresh token, which works once, for a new grant. The server takes the direct predecessor for 10 s, so
// that a lost answer may be asked for again.
func (c *Client) Refresh(ctx context.Context, refreshToken string) (Grant, error) {
	var g Grant
	body := map[string]string{"refresh_token": refreshToken}
	err := c.do(ctx, call{method: http.MethodPost, path: "/auth/refresh", body: body, anonymous: true, idempotent: true}, &g)
	return g, err
}

// SignOut ends the session that the refresh token belongs to.
func (c *Client) SignOut(ctx context.Context, refreshToken string) error {
	body := map[string]string{"refresh_token": refreshToken}
	return c.do(ctx, call{method: http.MethodPost, path: "/auth/sign-out", body: body, anonymous: true, idempotent: true}, nil)
}

// WhoAmI returns the user of this client's token, as the server sees it now.
func (c *Client) WhoAmI(ctx context.Context) (User, error) {
	var answer struct {
		User
		Nested *User `json:"user"`
	}
	err := c.do(ctx, call{method: http.MethodGet, path: "/auth/whoami", idempotent: true}, &answer)
	if answer.Nested != nil {
		return *answer.Nested, err
	}
	return answer.User, err
}

// NewUser is a user to make.
type NewUser struct {
	Name        string   `json:"name"`
	DisplayName string   `json:"display_name"`
	Roles       []string `json:"roles"` // some of admin, operator, auditor
}

// CreatedUser is a user that was made. It holds a password and prints without it.
type CreatedUser struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

// String leaves the password out.
func (u CreatedUser) String() string { return "user " + u.Name }

// GoString leaves the password out.
func (u CreatedUser) GoString() string { return u.String() }

// CreateUser makes a user with a password that the server makes.
func (c *Client) CreateUser(ctx context.Context, u NewUser) (CreatedUser, error) {
	var out CreatedUser
	err := c.do(ctx, call{method: http.MethodPost, path: "/auth/users", body: u}, &out)
	return out, err
}

// ResetPassword gives another user a password that the server makes, and ends that user's sign-ins.
func (c *Client) ResetPassword(ctx context.Context, userID string) (password string, err error) {
	var out struct {
		Password string `json:"password"`
	}
	err = c.do(ctx, call{method: http.MethodPost, path: "/auth/users/" + url.PathEscape(userID) + "/password"}, &out)
	return out.Password, err
}

// ChangePassword gives the user of this client's token another password. The session of the token goes on, others end.
func (c *Client) ChangePassword(ctx context.Context, current, next string) error {
	body := map[string]string{"current": current, "new": next}
	return c.do(ctx, call{method: http.MethodPost, path: "/auth/password", body: body}, nil)
}

// DisableUser lets a user do nothing any more, or again.
func (c *Client) DisableUser(ctx context.Context, userID string, disabled bool) error {
	return c.rpc(ctx, "disable_user", true, map[string]any{"user_id": userID, "disabled": disabled}, nil)
}

// SetUserRoles says what a user may do: all their roles.
func (c *Client) SetUserRoles(ctx context.Context, userID string, roles []string) error {
	return c.rpc(ctx, "set_user_roles", true, map[string]any{"user_id": userID, "roles": roles}, nil)
}

// PublicKey is one public key of an agent.
type PublicKey struct {
	Alg  string `json:"alg"`  // ES256 or RSA-OAEP-256
	SPKI []byte `json:"spki"` // DER of SubjectPublicKeyInfo, base64 in JSON
}

// EnrollProof is the payload of the proof of possession: a compact JWS with alg ES256 by the new signing key, so that
// whoever sees the token cannot enroll somebody else's key. Digests are SHA-256, in lower-case hex.
type EnrollProof struct {
	TokenSHA256         string `json:"token_sha256"`          // of the enrollment token's text
	Name                string `json:"name"`                  // as in the request
	SigningKeySHA256    string `json:"signing_key_sha256"`    // of the signing key's SPKI
	EncryptionKeySHA256 string `json:"encryption_key_sha256"` // of the encryption key's SPKI
}

// Enrollment registers an agent. It holds a token and prints without it.
type Enrollment struct {
	Token         string    `json:"token"`
	Name          string    `json:"name"`
	SigningKey    PublicKey `json:"signing_key"`
	EncryptionKey PublicKey `json:"encryption_key"`
	Proof         string    `json:"proof"` // compact JWS over EnrollProof
	Info          HostInfo  `json:"info"`
}

// String leaves the token out.
func (e Enrollment) String() string { return "enrollment of " + e.Name }

// GoString leaves the token out.
func (e Enrollment) GoString() string { return e.String() }

// HostInfo is what an agent says about its machine when it enrolls.
type HostInfo struct {
	Hostname string `json:"hostname,omitempty"`
	OS       string `json:"os,omitempty"`
	Arch     string `json:"arch,omitempty"`
	Version  string `json:"version,omitempty"` // of the agent
}

// AgentInfo is what an agent says about itself with each heartbeat.
type AgentInfo struct {
	Version       string `json:"version,omitempty"`
	Hostname      string `json:"hostname,omitempty"`
	OS            string `json:"os,omitempty"`
	Arch          string `json:"arch,omitempty"`
	Isolation     string `json:"isolation,omitempty"`      // account or none
	EngineVersion string `json:"engine_version,omitempty"` // PowerShell's; empty when there is none
	Warm          int    `json:"warm"`                     // PowerShell processes that wait ready
	Capacity      int    `json:"capacity"`                 // attempts at once
}

// Enrolled is the answer to an enrollment.
type Enrolled struct {
	AgentID  string `json:"agent_id"`
	TenantID string `json:"tenant_id"`
	Pool     string `json:"pool"`
	Name     string `json:"name"`
}

// Enroll registers an agent by a one-time token. It is never repeated by itself: the token works once.
func (c *Client) Enroll(ctx context.Context, e Enrollment) (Enrolled, error) {
	var out Enrolled
	err := c.do(ctx, call{method: http.MethodPost, path: "/auth/agent/enroll", body: e, anonymous: true}, &out)
	return out, err
}

// AgentToken trades a signed assertion (iss = sub = agent id, aud "epo", jti, iat, exp at most 60 s ahead) for an access
// token and its lifetime. An assertion works once, so the caller makes a new one for another try.
func (c *Client) AgentToken(ctx context.Context, assertion string) (token string, lifetime time.Duration, err error) {
	var out struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	body := map[string]string{"assertion": assertion}
	err = c.do(ctx, call{method: http.MethodPost, path: "/auth/agent/token", body: body, anonymous: true}, &out)
	return out.AccessToken, time.Duration(out.ExpiresIn) * time.Second, err
}

// ServerVersion returns what the server says about its build.
func (c *Client) ServerVersion(ctx context.Context) (string, error) {
	var out struct {
		Version string `json:"version"`
	}
	err := c.do(ctx, call{method: http.MethodGet, path: "/version", anonymous: true, idempotent: true}, &out)
	return strings.TrimSpace(out.Version), err
}
