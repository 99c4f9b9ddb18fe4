package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/epo-dev/epo/internal/httpjson"
	"github.com/epo-dev/epo/internal/token"
)

const (
	cookieName = "epo_refresh"
	cookiePath = "/auth"
	// cookieAge is the life of a refresh token in the database, in seconds.
	cookieAge = 14 * 24 * 3600
	// refreshPrefix makes a refresh token recognisable to scanners.
	refreshPrefix = "epor_"
)

// newRefreshToken makes a token and the digest that the database keeps.
func newRefreshToken() (refresh string, hash []byte) {
	refresh = refreshPrefix + rand.Text() + rand.Text()
	return refresh, digest(refresh)
}

// digest is how every opaque token is stored: SHA-256 over its text.
func digest(opaque string) []byte {
	sum := sha256.Sum256([]byte(opaque))
	return sum[:]
}

// clientName names the program a refresh token was given to. The predecessor of a token is honoured for the same client
// only.
func clientName(r *http.Request, kind string) string {
	return kind + ":" + hex.EncodeToString(digest(r.UserAgent()))[:16]
}

// refreshRequest is the body of a refresh and of a sign-out; a browser sends none, but its cookie.
type refreshRequest struct {
	RefreshToken string `json:"refresh_token"`
}

// readRefreshToken takes the token from the body, else from the cookie.
func (g *Gateway) readRefreshToken(r *http.Request) (refresh string, browser bool, err error) {
	if err := g.guard(r); err != nil {
		return "", false, err
	}
	var in refreshRequest
	if r.ContentLength != 0 {
		if err := httpjson.Decode(r, maxBody, &in); err != nil {
			return "", false, err
		}
	}
	if in.RefreshToken != "" {
		return in.RefreshToken, false, nil
	}
	cookie, err := r.Cookie(cookieName)
	if err != nil || cookie.Value == "" {
		return "", false, refreshInvalid()
	}
	return cookie.Value, true, nil
}

func refreshInvalid() error {
	return httpjson.Unauthorized("refresh_invalid", "sign in again")
}

// Refresh trades a refresh token for its successor and a new access token.
func (g *Gateway) Refresh(w http.ResponseWriter, r *http.Request) error {
	old, browser, err := g.readRefreshToken(r)
	if err != nil {
		return err
	}
	kind := clientCLI
	if browser {
		kind = clientBrowser
	}
	fresh, hash := newRefreshToken()
	got, err := g.db.rotateRefreshToken(r.Context(), frameOf(r, nil), digest(old), hash, clientName(r, kind))
	if err != nil {
		return err
	}
	if err := outcomeError(got); err != nil {
		if browser {
			clearCookie(w, r)
		}
		return err
	}
	return g.openSession(w, r, got.user, got.sid, fresh, browser)
}

// outcomeError is what the database's verdict means; the revocation that goes with it is committed.
func outcomeError(got rotation) error {
	switch got.outcome {
	case "ok":
		if _, err := token.RoleFor(got.user.Roles); err != nil {
			return httpjson.Unauthorized("principal_disabled", "the user has no role any more")
		}
		return nil
	case "reused":
		return httpjson.Unauthorized("refresh_reused", "this sign-in was used twice and has been ended; sign in again")
	case "disabled":
		return httpjson.Unauthorized("principal_disabled", "the user may not act any more")
	}
	return refreshInvalid()
}

// SignOut ends the session of a refresh token. It succeeds also where there is none.
func (g *Gateway) SignOut(w http.ResponseWriter, r *http.Request) error {
	refresh, _, err := g.readRefreshToken(r)
	if err != nil && httpjson.AsError(err).Code != "refresh_invalid" {
		return err
	}
	if err == nil {
		if err := g.db.revokeRefreshToken(r.Context(), frameOf(r, nil), digest(refresh)); err != nil {
			return err
		}
	}
	clearCookie(w, r)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// setCookie hands a refresh token to a browser, out of reach of scripts and of other sites.
func setCookie(w http.ResponseWriter, r *http.Request, refresh string) {
	writeCookie(w, r, refresh, cookieAge)
}

func clearCookie(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Cookie"), cookieName) {
		writeCookie(w, r, "", -1)
	}
}

func writeCookie(w http.ResponseWriter, r *http.Request, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: value, Path: cookiePath, MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil, // plain HTTP is served on loopback only
	})
}
