package token

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxCached bounds the cache of verified tokens; about 1.5 kB each.
const maxCached = 8192

// Verified is a token that was checked: what it says, which kind it is, and its payload as JSON for the database.
type Verified struct {
	Claims
	Kind    Kind
	Payload string
}

// Verifier checks tokens and remembers, by their SHA-256, those whose signature and claims hold, until they expire or
// the keys change. The times are checked at every call.
type Verifier struct {
	ring *Ring

	mu         sync.RWMutex
	generation uint64
	cached     map[[sha256.Size]byte]*Verified
}

// NewVerifier returns a verifier for the keys of ring.
func NewVerifier(ring *Ring) *Verifier {
	return &Verifier{ring: ring, cached: map[[sha256.Size]byte]*Verified{}}
}

// Verify checks a compact token at the time now; the caller looks at Kind to see whose it is. Errors are [*Error]. The
// result is shared between callers and must not be changed.
func (v *Verifier) Verify(token string, now time.Time) (*Verified, error) {
	if len(token) > maxTokenBytes {
		return nil, malformed("JWT is too long")
	}
	sum := sha256.Sum256([]byte(token))
	generation := v.ring.Generation()
	ok := v.lookup(sum, generation)
	if ok == nil {
		var err error
		if ok, err = v.verify(token); err != nil {
			return nil, err
		}
		defer v.remember(sum, generation, ok, now)
	}
	if err := ok.validAt(now); err != nil {
		return nil, err
	}
	return ok, nil
}

// verify checks everything but the times.
func (v *Verifier) verify(token string) (*Verified, error) {
	parts, err := split(token)
	if err != nil {
		return nil, err
	}
	payload, audience, err := v.authentic(parts)
	if err != nil {
		return nil, err
	}
	c, err := decodeClaims(payload)
	if err != nil {
		return nil, err
	}
	if c.Audience != audience {
		return nil, claimError("aud")
	}
	kind, err := c.validate()
	if err != nil {
		return nil, err
	}
	return &Verified{Claims: c, Kind: kind, Payload: string(payload)}, nil
}

// authentic returns the payload if the signature holds, and the audience whose key made it.
func (v *Verifier) authentic(parts segments) (payload []byte, audience string, err error) {
	header, err := decodeSegment(parts.header)
	if err != nil {
		return nil, "", err
	}
	kid, err := decodeHeader(header)
	if err != nil {
		return nil, "", err
	}
	signature, err := decodeSegment(parts.signature)
	if err != nil {
		return nil, "", err
	}
	k, audience := v.ring.find(kid)
	if audience == "" || jwt.SigningMethodHS512.Verify(parts.signed, signature, k.secret.Reveal()) != nil {
		return nil, "", malformed("No suitable key or wrong key type")
	}
	payload, err = decodeSegment(parts.payload)
	return payload, audience, err
}

// lookup finds a remembered token of the present keys.
func (v *Verifier) lookup(sum [sha256.Size]byte, generation uint64) *Verified {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.generation != generation {
		return nil
	}
	return v.cached[sum]
}

// remember keeps a token. When the cache is full, what has expired goes, then anything.
func (v *Verifier) remember(sum [sha256.Size]byte, generation uint64, ok *Verified, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.generation != generation {
		clear(v.cached)
		v.generation = generation
	}
	if len(v.cached) >= maxCached {
		v.evict(now)
	}
	v.cached[sum] = ok
}

// evict makes room for at least one token.
func (v *Verifier) evict(now time.Time) {
	for sum, have := range v.cached {
		if have.validAt(now) != nil {
			delete(v.cached, sum)
		}
	}
	for sum := range v.cached {
		if len(v.cached) < maxCached*3/4 {
			return
		}
		delete(v.cached, sum)
	}
}
