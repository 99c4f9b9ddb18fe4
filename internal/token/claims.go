package token

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"
)

const (
	// Issuer is the iss claim of every token.
	Issuer = "epo"
	// Lifetime is how long an access token is valid, and the longest lifetime that is accepted.
	Lifetime = 10 * time.Minute
	// Skew is how far the clocks of issuer and verifier may differ.
	Skew = 30 * time.Second

	// AudienceUsers is the aud claim of the tokens of people.
	AudienceUsers = "epo"
	// AudienceAgents is the aud claim of the tokens of agents.
	AudienceAgents = "epo-agent"

	// RoleAdmin is the database role of administrators.
	RoleAdmin = "app_admin"
	// RoleUser is the database role of operators and auditors.
	RoleUser = "app_user"
	// RoleAgent is the database role of agents.
	RoleAgent = "app_agent"

	// AppRoleAdmin, AppRoleOperator and AppRoleAuditor are what app_roles may hold.
	AppRoleAdmin    = "admin"
	AppRoleOperator = "operator"
	AppRoleAuditor  = "auditor"
)

// maxAppRoles bounds app_roles before its members are looked at.
const maxAppRoles = 3

// Kind says which row of the closed table a token stands in.
type Kind int

// The kinds of tokens; the zero value is none of them.
//
//	kind   aud        role       app_roles                               agent_id
//	Admin  epo        app_admin  contains admin                          absent
//	User   epo        app_user   non-empty subset of operator, auditor   absent
//	Agent  epo-agent  app_agent  empty                                   required, equal to sub
const (
	KindAdmin Kind = iota + 1
	KindUser
	KindAgent
)

// String returns the word for k.
func (k Kind) String() string {
	switch k {
	case KindAdmin:
		return "admin"
	case KindUser:
		return "user"
	case KindAgent:
		return "agent"
	}
	return "none"
}

// Claims is what a token says. AgentID is empty for people.
type Claims struct {
	Audience  string
	Subject   string
	SessionID string
	ID        string
	IssuedAt  time.Time
	NotBefore time.Time
	ExpiresAt time.Time
	Role      string
	AppRoles  []string
	TenantID  string
	AgentID   string
}

// wireClaims is the payload as it travels.
type wireClaims struct {
	Issuer    string   `json:"iss"`
	Audience  string   `json:"aud"`
	Subject   string   `json:"sub"`
	SessionID string   `json:"sid"`
	ID        string   `json:"jti"`
	IssuedAt  int64    `json:"iat"`
	NotBefore int64    `json:"nbf"`
	ExpiresAt int64    `json:"exp"`
	Role      string   `json:"role"`
	AppRoles  []string `json:"app_roles"`
	TenantID  string   `json:"tenant_id"`
	AgentID   string   `json:"agent_id,omitempty"`
}

// RoleFor returns the database role that fits a person's application roles, or an error where there is none.
func RoleFor(appRoles []string) (string, error) {
	c := Claims{Audience: AudienceUsers, Role: RoleUser, AppRoles: appRoles}
	if slices.Contains(appRoles, AppRoleAdmin) {
		c.Role = RoleAdmin
	}
	if _, err := c.kind(); err != nil {
		return "", err
	}
	return c.Role, nil
}

// kind finds the row of the closed table that c stands in. It looks at audience, role, app_roles and agent_id only.
func (c Claims) kind() (Kind, error) {
	if !knownRoles(c.AppRoles) {
		return 0, claimError("app_roles")
	}
	switch {
	case c.Audience == AudienceUsers && c.Role == RoleAdmin && c.AgentID == "" && slices.Contains(c.AppRoles, AppRoleAdmin):
		return KindAdmin, nil
	case c.Audience == AudienceUsers && c.Role == RoleUser && c.AgentID == "" && len(c.AppRoles) > 0 && !slices.Contains(c.AppRoles, AppRoleAdmin):
		return KindUser, nil
	case c.Audience == AudienceAgents && c.Role == RoleAgent && c.AgentID != "" && c.AgentID == c.Subject && len(c.AppRoles) == 0:
		return KindAgent, nil
	}
	return 0, claimError("role")
}

// knownRoles reports whether each member is an application role and none stands there twice.
func knownRoles(roles []string) bool {
	if len(roles) > maxAppRoles {
		return false
	}
	for i, r := range roles {
		known := r == AppRoleAdmin || r == AppRoleOperator || r == AppRoleAuditor
		if !known || slices.Contains(roles[:i], r) {
			return false
		}
	}
	return true
}

// validate checks everything about c that does not depend on the time, and returns its kind.
func (c Claims) validate() (Kind, error) {
	for name, value := range map[string]string{"sub": c.Subject, "sid": c.SessionID, "jti": c.ID, "tenant_id": c.TenantID} {
		if !isUUID(value) {
			return 0, claimError(name)
		}
	}
	if c.AgentID != "" && !isUUID(c.AgentID) {
		return 0, claimError("agent_id")
	}
	if life := c.ExpiresAt.Sub(c.IssuedAt); life <= 0 || life > Lifetime {
		return 0, claimError("exp")
	}
	return c.kind()
}

// validAt checks the times of c against now, allowing [Skew].
func (c Claims) validAt(now time.Time) error {
	switch {
	case !now.Before(c.ExpiresAt.Add(Skew)):
		return &Error{Reason: ReasonExpired, message: "JWT expired"}
	case now.Add(Skew).Before(c.NotBefore):
		return &Error{Reason: ReasonClaims, message: "JWT not yet valid"}
	case now.Add(Skew).Before(c.IssuedAt):
		return &Error{Reason: ReasonClaims, message: "JWT issued at future"}
	}
	return nil
}

// payload encodes c.
func (c Claims) payload() ([]byte, error) {
	roles := c.AppRoles
	if roles == nil {
		roles = []string{}
	}
	b, err := json.Marshal(wireClaims{
		Issuer: Issuer, Audience: c.Audience, Subject: c.Subject, SessionID: c.SessionID, ID: c.ID,
		IssuedAt: c.IssuedAt.Unix(), NotBefore: c.NotBefore.Unix(), ExpiresAt: c.ExpiresAt.Unix(),
		Role: c.Role, AppRoles: roles, TenantID: c.TenantID, AgentID: c.AgentID,
	})
	if err != nil {
		return nil, fmt.Errorf("encode claims: %w", err)
	}
	return b, nil
}

// uuidPattern is the one spelling of an id that is accepted: lower case with dashes.
var uuidPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func isUUID(s string) bool { return len(s) == 36 && uuidPattern.MatchString(s) }
