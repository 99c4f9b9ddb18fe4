package token

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

const (
	// keyBytes is the length of a key that is made here, and the least that is accepted (RFC 7518 §3.2).
	keyBytes = 64
	// maxKeys is how many keys a set may hold: previous, active, next.
	maxKeys = 3
	// minDistinctBytes refuses keys that cannot be random: 64 random bytes hold about 57 distinct ones.
	minDistinctBytes = 32
)

// key is one HS512 key.
type key struct {
	id     string
	secret Secret
	made   time.Time
}

// keySet is the keys of one audience. Tokens signed by any of them are accepted, active signs.
type keySet struct {
	keys   []key
	active int
}

// Ring holds the keys for people and for agents. Its contents are replaced as a whole by [Ring.Reload] and
// [Ring.Rotate]; readers never wait for a file.
type Ring struct {
	path string

	mu         sync.RWMutex
	users      keySet
	agents     keySet
	generation uint64
	file       fs.FileInfo // what the keys were read from, nil in memory
}

// NewRing makes a ring of fresh keys that lives in memory only; it is for tests and tools.
func NewRing(now time.Time) (*Ring, error) {
	users, err := newKeySet(now)
	if err != nil {
		return nil, err
	}
	agents, err := newKeySet(now)
	if err != nil {
		return nil, err
	}
	return &Ring{users: users, agents: agents, generation: 1}, nil
}

// newKeySet makes an active key and the one that follows it.
func newKeySet(now time.Time) (keySet, error) {
	active, err := newKey(now)
	if err != nil {
		return keySet{}, err
	}
	next, err := newKey(now)
	if err != nil {
		return keySet{}, err
	}
	return keySet{keys: []key{active, next}}, nil
}

func newKey(now time.Time) (key, error) {
	b := make([]byte, keyBytes+9)
	if _, err := rand.Read(b); err != nil {
		return key{}, fmt.Errorf("make key: %w", err)
	}
	id := base64.RawURLEncoding.EncodeToString(b[keyBytes:])
	return key{id: id, secret: NewSecret(b[:keyBytes:keyBytes]), made: now.UTC().Truncate(time.Second)}, nil
}

// rotated returns the set after one step: the next key signs, the active one is still accepted, what was previous is gone.
func (s keySet) rotated(now time.Time) (keySet, error) {
	fresh, err := newKey(now)
	if err != nil {
		return keySet{}, err
	}
	if s.active+1 >= len(s.keys) {
		return keySet{keys: []key{s.keys[s.active], fresh}, active: 1}, nil
	}
	return keySet{keys: []key{s.keys[s.active], s.keys[s.active+1], fresh}, active: 1}, nil
}

// find returns the key named id.
func (s keySet) find(id string) (key, bool) {
	for _, k := range s.keys {
		if k.id == id {
			return k, true
		}
	}
	return key{}, false
}

// validate checks number, names, lengths and obvious lack of randomness.
func (s keySet) validate() error {
	if len(s.keys) == 0 || len(s.keys) > maxKeys || s.active < 0 || s.active >= len(s.keys) {
		return fmt.Errorf("a set holds one to %d keys, one of them active", maxKeys)
	}
	for i, k := range s.keys {
		if !kidPattern.MatchString(k.id) {
			return fmt.Errorf("key %d: kid must match %s", i, kidPattern)
		}
		if other, _ := s.find(k.id); other.made != k.made || string(other.secret.Reveal()) != string(k.secret.Reveal()) {
			return fmt.Errorf("key %d: kid is not unique", i)
		}
		if err := strong(k.secret.Reveal()); err != nil {
			return fmt.Errorf("key %d: %w", i, err)
		}
	}
	return nil
}

// strong refuses short keys and keys that are no random bytes.
func strong(b []byte) error {
	if len(b) < keyBytes {
		return fmt.Errorf("HS512 needs at least %d random bytes", keyBytes)
	}
	distinct := map[byte]struct{}{}
	for _, c := range b {
		distinct[c] = struct{}{}
	}
	if len(distinct) < minDistinctBytes {
		return fmt.Errorf("the key is not random")
	}
	return nil
}

// set returns the keys for an audience.
func (r *Ring) set(audience string) (keySet, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	switch audience {
	case AudienceUsers:
		return r.users, true
	case AudienceAgents:
		return r.agents, true
	}
	return keySet{}, false
}

// find returns the key named id and the audience it signs for; the audience is empty if there is none.
func (r *Ring) find(id string) (key, string) {
	for _, audience := range []string{AudienceUsers, AudienceAgents} {
		set, _ := r.set(audience)
		if k, ok := set.find(id); ok {
			return k, audience
		}
	}
	return key{}, ""
}

// Generation grows whenever the keys change; caches of verified tokens are void then.
func (r *Ring) Generation() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.generation
}

// Subject is what a caller gives to [Ring.Issue]; audience and role follow from AppRoles and AgentID.
type Subject struct {
	TenantID  string
	SessionID string   // sid: the family of refresh tokens, or for an agent the assertion
	UserID    string   // empty for agents
	AgentID   string   // empty for people
	AppRoles  []string // empty for agents
}

// Issue signs a token for s that is valid from now for [Lifetime]. It refuses what [Verifier.Verify] would refuse.
func (r *Ring) Issue(s Subject, now time.Time) (string, Claims, error) {
	c, err := s.claims(now)
	if err != nil {
		return "", Claims{}, fmt.Errorf("issue token: %w", err)
	}
	signed, err := r.sign(c)
	if err != nil {
		return "", Claims{}, fmt.Errorf("issue token: %w", err)
	}
	return signed, c, nil
}

// claims fills in what follows from s and now.
func (s Subject) claims(now time.Time) (Claims, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Claims{}, fmt.Errorf("make jti: %w", err)
	}
	now = now.UTC().Truncate(time.Second)
	c := Claims{
		Audience: AudienceUsers, Subject: s.UserID, SessionID: s.SessionID, ID: id.String(), IssuedAt: now, NotBefore: now,
		ExpiresAt: now.Add(Lifetime), AppRoles: s.AppRoles, TenantID: s.TenantID, AgentID: s.AgentID,
	}
	if s.AgentID != "" {
		c.Audience, c.Subject, c.Role = AudienceAgents, s.AgentID, RoleAgent
	} else if c.Role, err = RoleFor(s.AppRoles); err != nil {
		return Claims{}, err
	}
	_, err = c.validate()
	return c, err
}

// sign encodes and signs c with the active key of its audience.
func (r *Ring) sign(c Claims) (string, error) {
	set, ok := r.set(c.Audience)
	if !ok {
		return "", claimError("aud")
	}
	k := set.keys[set.active]
	payload, err := c.payload()
	if err != nil {
		return "", err
	}
	return signWith(k, payload)
}

// signWith makes the compact form.
func signWith(k key, payload []byte) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "HS512", "typ": "JWT", "kid": k.id})
	if err != nil {
		return "", fmt.Errorf("encode header: %w", err)
	}
	signed := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	mac, err := jwt.SigningMethodHS512.Sign(signed, k.secret.Reveal())
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac), nil
}
