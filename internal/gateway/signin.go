package gateway

import (
	"context"
	"net/http"
	"unicode/utf8"

	"github.com/epo-dev/epo/internal/httpjson"
	"github.com/epo-dev/epo/internal/token"
)

// signInRequest is the body of a sign-in.
type signInRequest struct {
	Tenant   string `json:"tenant"`
	User     string `json:"user"`
	Password string `json:"password"`
	Client   string `json:"client"`
}

// Kinds of clients: a browser keeps its refresh token in a cookie that scripts cannot read, the CLI in a file.
const (
	clientBrowser = "browser"
	clientCLI     = "cli"
)

// maxNameBytes bounds tenant and user names before anything is done with them.
const maxNameBytes = 512

// signInFailed is the one answer to every sign-in that fails, whatever was wrong.
func signInFailed() error {
	return httpjson.Unauthorized("sign_in_failed", "tenant, user or password is wrong")
}

// validate refuses what is no sign-in at all; it must not depend on which accounts there are.
func (s *signInRequest) validate() error {
	if s.Client != clientBrowser && s.Client != clientCLI {
		return httpjson.NewError(http.StatusBadRequest, "invalid_body", "client must be cli or browser")
	}
	if len(s.Tenant) > maxNameBytes || len(s.User) > maxNameBytes || !utf8.ValidString(s.Tenant) || !utf8.ValidString(s.User) {
		return httpjson.NewError(http.StatusBadRequest, "invalid_body", "tenant or user is too long")
	}
	if s.Password == "" {
		return signInFailed()
	}
	password, err := normalPassword(s.Password)
	if err != nil {
		return httpjson.NewError(http.StatusBadRequest, "invalid_body", err.Error())
	}
	s.Password = password
	return nil
}

// SignIn opens a session for a person with a password.
func (g *Gateway) SignIn(w http.ResponseWriter, r *http.Request) error {
	if err := g.guard(r); err != nil {
		return err
	}
	var in signInRequest
	if err := httpjson.Decode(r, maxBody, &in); err != nil {
		return err
	}
	if err := in.validate(); err != nil {
		return err
	}
	account, addr := accountKey(in.Tenant, in.User), networkOf(r.RemoteAddr)
	if wait := g.throttle.begin(account, addr); wait > 0 {
		return tooMany(wait)
	}
	found, reason, err := g.checkPassword(r.Context(), in)
	if err != nil {
		g.throttle.undo(account, addr)
		return err
	}
	attempt := signInAttempt{account: found, name: in.User, reason: reason, client: clientName(r, in.Client)}
	if err := g.db.recordSignIn(r.Context(), frameOf(r, nil), attempt); err != nil {
		return err
	}
	if reason != "" {
		return signInFailed()
	}
	g.throttle.succeed(account, addr)
	return g.begin(w, r, found, in.Client)
}

// checkPassword finds the account and compares the password. The reason, which is for the audit only, is empty when
// everything holds. It does the same work for an account that does not exist.
func (g *Gateway) checkPassword(ctx context.Context, in signInRequest) (account, string, error) {
	found, err := g.db.lookUp(ctx, in.Tenant, in.User)
	if err != nil {
		return account{}, "", err
	}
	matches, err := g.hasher.verify(ctx, in.Password, found.passwordHash)
	if err != nil {
		return account{}, "", tooMany(hashWait)
	}
	_, roleErr := token.RoleFor(found.user.Roles)
	switch {
	case found.user.ID == "":
		return found, "unknown_user", nil
	case !matches:
		return found, "wrong_password", nil
	case found.disabled:
		return found, "disabled", nil
	case roleErr != nil:
		return found, "no_role", nil
	}
	return found, "", nil
}

// begin makes the first refresh token of a session and opens it.
func (g *Gateway) begin(w http.ResponseWriter, r *http.Request, found account, client string) error {
	refresh, hash := newRefreshToken()
	sid, err := g.db.createRefreshToken(r.Context(), frameOf(r, nil), found.user, hash, clientName(r, client))
	if err != nil {
		return err
	}
	return g.openSession(w, r, found.user, sid, refresh, client == clientBrowser)
}
