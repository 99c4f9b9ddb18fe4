package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxTokenBytes bounds a token before anything of it is read.
const maxTokenBytes = 8 << 10

// maxUnixTime is the largest time a claim may name: the last second of the year 9999.
const maxUnixTime = 253402300799

// segments are the three parts of a compact token, still encoded, and what was signed.
type segments struct{ header, payload, signature, signed string }

// split cuts a compact token at its two dots.
func split(token string) (segments, error) {
	if len(token) > maxTokenBytes {
		return segments{}, malformed("JWT is too long")
	}
	if strings.Count(token, ".") != 2 {
		return segments{}, malformed("Expected 3 parts in JWT")
	}
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	return segments{header, payload, signature, token[:len(header)+1+len(payload)]}, nil
}

// decodeSegment decodes canonical base64url without padding.
func decodeSegment(s string) ([]byte, error) {
	// The decoder skips line ends; a token holds none.
	if strings.ContainsAny(s, "\r\n") {
		return nil, malformed("JWT cannot be decoded")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, malformed("JWT cannot be decoded")
	}
	return b, nil
}

// kidPattern is what a key id may look like; it is only ever looked up in memory.
var kidPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// decodeHeader reads a protected header and returns its kid. Only alg HS512, typ JWT and kid may stand there.
func decodeHeader(b []byte) (kid string, err error) {
	pinned := false
	err = eachMember(b, func(name string, value any) bool {
		text, ok := value.(string)
		switch name {
		case "alg":
			pinned = ok && text == "HS512"
			return pinned
		case "typ":
			return ok && text == "JWT"
		case "kid":
			kid = text
			return ok && kidPattern.MatchString(text)
		}
		return false
	})
	if err != nil || !pinned || kid == "" {
		return "", malformed("JWT header is not acceptable")
	}
	return kid, nil
}

// decodeClaims reads a payload whose signature holds. Every claim must stand there once and have its type.
func decodeClaims(b []byte) (Claims, error) {
	var c Claims
	var issuer string
	seen := 0
	var bad string
	err := eachMember(b, func(name string, value any) bool {
		seen++
		ok := c.set(name, value, &issuer)
		if !ok {
			bad = name
		}
		return ok
	})
	switch {
	case bad != "" && len(bad) <= 32:
		return Claims{}, claimError(strconv.Quote(bad))
	case err != nil:
		return Claims{}, claimError("set")
	case issuer != Issuer:
		return Claims{}, claimError("iss")
	}
	if want := requiredClaims(c); seen != want {
		return Claims{}, claimError("set")
	}
	return c, nil
}

// requiredClaims is how many members the payload of c has when none is missing; names are known to be distinct.
func requiredClaims(c Claims) int {
	if c.AgentID != "" {
		return 12
	}
	return 11
}

// set stores one claim and reports whether its name is known and its type fits.
func (c *Claims) set(name string, value any, issuer *string) bool {
	if field := c.text(name, issuer); field != nil {
		s, ok := value.(string)
		*field = s
		return ok && s != ""
	}
	if field := c.time(name); field != nil {
		t, ok := unixTime(value)
		*field = t
		return ok
	}
	if name == "app_roles" {
		roles, ok := stringList(value)
		c.AppRoles = roles
		return ok
	}
	return false
}

// text returns the field of a claim that is a string, or nil.
func (c *Claims) text(name string, issuer *string) *string {
	switch name {
	case "iss":
		return issuer
	case "aud":
		return &c.Audience
	case "sub":
		return &c.Subject
	case "sid":
		return &c.SessionID
	case "jti":
		return &c.ID
	case "role":
		return &c.Role
	case "tenant_id":
		return &c.TenantID
	case "agent_id":
		return &c.AgentID
	}
	return nil
}

// time returns the field of a claim that is a time, or nil.
func (c *Claims) time(name string) *time.Time {
	switch name {
	case "iat":
		return &c.IssuedAt
	case "nbf":
		return &c.NotBefore
	case "exp":
		return &c.ExpiresAt
	}
	return nil
}

// unixTime reads whole seconds since 1970.
func unixTime(value any) (time.Time, bool) {
	n, ok := value.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	f, err := n.Float64()
	if err != nil || f != math.Trunc(f) || f < 0 || f > maxUnixTime {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0).UTC(), true
}

// stringList reads an array of strings; it never returns nil with true.
func stringList(value any) ([]string, bool) {
	items, ok := value.([]any)
	if !ok || len(items) > maxAppRoles {
		return nil, false
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		s, ok := item.(string)
		if !ok {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// errMembers is returned for anything that is not one JSON object with distinct, accepted members.
var errMembers = errors.New("members are not acceptable")

// eachMember calls yield for every member of the JSON object b and fails at a duplicate name, at what yield refuses,
// and at anything before or behind the object. Nested arrays of plain values are given as []any; objects are refused.
func eachMember(b []byte, yield func(name string, value any) bool) error {
	if !utf8.Valid(b) {
		return errMembers
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errMembers
	}
	var names []string
	for d.More() {
		name, value, err := member(d)
		if err != nil || slices.Contains(names, name) || !yield(name, value) {
			return errMembers
		}
		names = append(names, name)
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return errMembers
	}
	if d.InputOffset() != int64(len(b)) {
		return errMembers
	}
	return nil
}

// member reads a name and its value.
func member(d *json.Decoder) (string, any, error) {
	t, err := d.Token()
	if err != nil {
		return "", nil, err
	}
	name, ok := t.(string)
	if !ok {
		return "", nil, errMembers
	}
	value, err := d.Token()
	if err != nil {
		return "", nil, err
	}
	if value == json.Delim('[') {
		value, err = plainList(d)
	}
	if _, open := value.(json.Delim); open {
		return "", nil, errMembers
	}
	return name, value, err
}

// plainList reads the rest of an array of at most a few plain values.
func plainList(d *json.Decoder) (any, error) {
	items := []any{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		if _, nested := t.(json.Delim); nested || len(items) >= 16 {
			return nil, errMembers
		}
		items = append(items, t)
	}
	_, err := d.Token()
	return items, err
}
