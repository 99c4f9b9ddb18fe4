package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/httpjson"
)

// cheap is the floor of the costs.
var cheap = HashCost{MemoryKiB: minMemoryKiB, Passes: minPasses, Threads: 1}

func TestHashesMatchTheirPasswordOnly(t *testing.T) {
	t.Parallel()
	encoded, err := hashPassword("pässword", cheap)
	require.NoError(t, err)
	stored, ok := parseHash(encoded)
	require.True(t, ok)
	require.Equal(t, cheap, stored.cost)
	require.True(t, stored.matches("pässword"))
	require.False(t, stored.matches("password"))
	decomposed, err := normalPassword("pa\u0308ssword")
	require.NoError(t, err)
	require.True(t, stored.matches(decomposed), "both spellings of one character are one password")
	again, err := hashPassword("pässword", cheap)
	require.NoError(t, err)
	require.NotEqual(t, encoded, again)
	require.False(t, dummyHash(cheap).matches(""))
}

func TestPasswordBounds(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"x", " ", strings.Repeat("p", 128), strings.Repeat("ü", 128)} {
		_, err := normalPassword(good)
		require.NoError(t, err)
	}
	for _, bad := range []string{"", strings.Repeat("p", 129), strings.Repeat("p", 1<<20), "\xff", strings.Repeat("𝕡", 129)} {
		_, err := HashPassword(bad)
		require.ErrorIs(t, err, ErrPassword)
	}
}

func TestNewPasswordCanBeReadAloud(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		p := NewPassword()
		require.Regexp(t, regexp.MustCompile(`^([`+passwordAlphabet+`]{4}-){4}[`+passwordAlphabet+`]{4}$`), p)
		require.False(t, seen[p])
		require.NoError(t, CheckChosenPassword(p))
		seen[p] = true
	}
}

func TestChosenPasswordsAreLong(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]error{
		"correct horse": nil, "zwölf Zeichen": nil, strings.Repeat("ab", 64): nil, "elf Zeichen": ErrWeakPassword, "": ErrPassword, "aaaaaaaaaaaaaaaa": ErrWeakPassword,
		strings.Repeat("u\u0308", 6) + "x": ErrWeakPassword, strings.Repeat("x", 129): ErrPassword, "\xff23456789012": ErrPassword,
	} {
		require.ErrorIs(t, CheckChosenPassword(password), want, "%q", password)
	}
}

// TestStoredCostsAreBounded: neither a weak hash nor one that would exhaust the machine is computed.
func TestStoredCostsAreBounded(t *testing.T) {
	t.Parallel()
	const tail = "$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for parameters, want := range map[string]bool{
		"$argon2id$v=19$m=65536,t=3,p=1": true, "$argon2id$v=19$m=19456,t=2,p=1": true,
		"$argon2id$v=19$m=19455,t=2,p=1": false, "$argon2id$v=19$m=9999999,t=2,p=1": false, "$argon2id$v=19$m=65536,t=1,p=1": false, "$argon2id$v=19$m=65536,t=99,p=1": false,
		"$argon2id$v=19$m=65536,t=3,p=0": false, "$argon2id$v=19$m=65536,t=3,p=64": false, "$argon2i$v=19$m=65536,t=3,p=1": false, "$argon2id$v=16$m=65536,t=3,p=1": false, "$2a$10": false, "": false,
	} {
		_, ok := parseHash(parameters + tail)
		require.Equal(t, want, ok, parameters)
	}
}

// TestHashingStaysWithinItsMemory: no more hashes run at once than fit, and what does not get its turn is told so.
func TestHashingStaysWithinItsMemory(t *testing.T) {
	t.Parallel()
	h := newHasher(maxMemoryKiB, cheap)
	require.NoError(t, h.memory.Acquire(t.Context(), maxMemoryKiB-2*minMemoryKiB))
	var most int32
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, err := h.verify(t.Context(), "x", "")
			mu.Lock()
			defer mu.Unlock()
			most = max(most, h.running.Load())
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
		})
	}
	group.Wait()
	require.LessOrEqual(t, most, int32(2))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	full := newHasher(0, cheap)
	require.NoError(t, full.memory.Acquire(t.Context(), maxMemoryKiB))
	_, err := full.verify(ctx, "x", "")
	require.Error(t, err)
}

// clock is a time that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newTestThrottle() (*throttle, *clock) {
	c := &clock{time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	return newThrottle(c.now), c
}

func TestThrottleBacksOff(t *testing.T) {
	t.Parallel()
	th, c := newTestThrottle()
	for range freeAttempts {
		require.Zero(t, th.begin("acme/admin", "10.0.0.1"))
	}
	require.Equal(t, firstWait, th.begin("acme/admin", "10.0.0.1"))
	require.Zero(t, th.begin("acme/other", "10.0.0.1"), "another account is not affected")
	require.Zero(t, th.begin("acme/admin", "10.0.0.2"), "nor is another address")
	waits := []time.Duration{}
	for range 12 {
		wait := th.begin("acme/admin", "10.0.0.1")
		waits = append(waits, wait)
		c.at = c.at.Add(wait)
		require.Zero(t, th.begin("acme/admin", "10.0.0.1"))
	}
	require.Equal(t, []time.Duration{1 * time.Second, 2 * time.Second, 4 * time.Second}, waits[:3])
	require.Equal(t, longestWait, waits[11])
	c.at = c.at.Add(forgetAfter + time.Second)
	require.Zero(t, th.begin("acme/admin", "10.0.0.1"), "it is forgotten after a while")
	th.succeed("acme/admin", "10.0.0.1")
	for range freeAttempts {
		require.Zero(t, th.begin("acme/admin", "10.0.0.1"), "a success starts anew")
	}
}

// TestAccountUnderAttack: guesses from everywhere shut out everybody but whoever was there before.
func TestAccountUnderAttack(t *testing.T) {
	t.Parallel()
	th, _ := newTestThrottle()
	require.Zero(t, th.begin("acme/admin", "192.0.2.1"))
	th.succeed("acme/admin", "192.0.2.1")
	refused := 0
	for i := range 10000 {
		if th.begin("acme/admin", fmt.Sprintf("10.0.%d.%d", i/256, i%256)) > 0 {
			refused++
		}
	}
	require.Equal(t, 10000-accountAttempts, refused)
	require.Zero(t, th.begin("acme/admin", "192.0.2.1"))
	require.Zero(t, th.begin("acme/other", "10.0.0.1"))
}

func TestOneAddressIsBounded(t *testing.T) {
	t.Parallel()
	th, c := newTestThrottle()
	passed := 0
	for i := range 10000 {
		if th.begin(fmt.Sprintf("acme/user%d", i), "10.0.0.1") == 0 {
			passed++
		}
	}
	require.Equal(t, addressBurst, passed)
	require.Zero(t, th.begin("acme/admin", "10.0.0.2"))
	c.at = c.at.Add(time.Second)
	require.Zero(t, th.begin("acme/admin", "10.0.0.1"))
	for range machineBurst {
		require.Zero(t, th.machine("10.0.0.3"))
	}
	require.NotZero(t, th.machine("10.0.0.3"))
}

func TestThrottleIsBounded(t *testing.T) {
	t.Parallel()
	th, _ := newTestThrottle()
	for i := range 2 * maxEntries {
		th.begin(fmt.Sprint(i), fmt.Sprint(i))
	}
	require.LessOrEqual(t, len(th.pairs), maxEntries)
	require.LessOrEqual(t, len(th.accounts), maxEntries)
	require.LessOrEqual(t, len(th.addresses), maxEntries)
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"10.1.2.3:99": "10.1.2.3", "[::ffff:10.1.2.3]:99": "10.1.2.3", "[2001:db8:1:2:3:4:5:6]:99": "2001:db8:1:2::/64", "[fe80::1%eth0]:1": "fe80::/64", "x": "unknown", "": "unknown",
	} {
		require.Equal(t, want, networkOf(remote))
	}
	require.Equal(t, accountKey("ACME", " Admin"), accountKey("acme", "ａｄｍｉｎ"))
	require.NotEqual(t, accountKey("a", "b"), accountKey("b", "a"))
}

func TestKeysAreChecked(t *testing.T) {
	t.Parallel()
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	good, err := x509.MarshalPKIXPublicKey(p256.Public())
	require.NoError(t, err)
	weak, err := x509.MarshalPKIXPublicKey(small.Public())
	require.NoError(t, err)
	_, err = signingKey(good)
	require.NoError(t, err)
	for _, bad := range [][]byte{nil, {}, weak, good[:len(good)-1], append(append([]byte{}, good...), 1), make([]byte, maxSPKIBytes+1)} {
		_, err := signingKey(bad)
		require.Error(t, err)
		require.Error(t, checkEncryptionKey(bad))
	}
	require.Error(t, checkEncryptionKey(good))
	odd := rsa.PublicKey{N: small.N, E: 3}
	cubed, err := x509.MarshalPKIXPublicKey(&odd)
	require.NoError(t, err)
	require.Error(t, checkEncryptionKey(cubed))
}

func TestJWSHeaderIsClosed(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for name, header := range map[string]map[string]any{
		"plain": {}, "kid": {"kid": "x"}, "jwk": {"jwk": map[string]any{}}, "crit": {"crit": []string{"exp"}}, "b64": {"b64": false}, "typ": {"typ": "x"}, "ES384": {"alg": "ES384"}, "lower": {"alg": "es256"},
	} {
		tok := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"a": 1})
		for k, v := range header {
			tok.Header[k] = v
		}
		signed, err := tok.SignedString(key)
		require.NoError(t, err)
		o, err := parseJWS(signed)
		if name != "plain" {
			require.Error(t, err, name)
			continue
		}
		require.NoError(t, err)
		var claims map[string]any
		require.NoError(t, o.verify(&key.PublicKey, &claims))
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		require.Error(t, o.verify(&other.PublicKey, &claims))
	}
}

// TestOtherSitesAreRefused: a browser on another site cannot use the cookie, whatever it sends.
func TestOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	g := &Gateway{origins: http.NewCrossOriginProtection()}
	for name, tc := range map[string]struct {
		header http.Header
		status int
	}{
		"cli": {http.Header{}, 0}, "same": {http.Header{"Sec-Fetch-Site": {"same-origin"}}, 0}, "cross": {http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"same site": {http.Header{"Sec-Fetch-Site": {"same-site"}}, 403}, "origin": {http.Header{"Origin": {"https://evil.example"}}, 403}, "null": {http.Header{"Origin": {"null"}}, 403},
	} {
		r := httptest.NewRequest(http.MethodPost, "http://localhost/auth/refresh", nil)
		r.Header = tc.header
		err := g.guard(r)
		if tc.status == 0 {
			require.NoError(t, err, name)
			continue
		}
		require.Equal(t, tc.status, httpjson.AsError(err).Status, name)
	}
}

// FuzzJWS: nothing but a signature by the key is believed.
func FuzzJWS(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(f, err)
	good, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": "x", "aud": []string{"epo"}}).SignedString(key)
	require.NoError(f, err)
	f.Add(good)
	f.Add("..")
	f.Add("eyJhbGciOiJFUzI1NiJ9.e30.AA")
	f.Fuzz(func(t *testing.T, compact string) {
		o, err := parseJWS(compact)
		if err != nil {
			return
		}
		var claims assertion
		if err := o.verify(&key.PublicKey, &claims); err == nil && compact != good {
			t.Fatalf("believed %q", compact)
		}
		_ = o.decode(&claims)
	})
}

func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, encoded string) {
		h, ok := parseHash(encoded)
		if ok && (h.cost.MemoryKiB > maxMemoryKiB || h.cost.Passes > maxPasses || len(h.sum) != hashBytes) {
			t.Fatalf("accepted %+v", h.cost)
		}
	})
}

func BenchmarkHashPassword(b *testing.B) {
	for b.Loop() {
		if _, err := HashPassword("correct horse battery staple"); err != nil {
			b.Fatal(err)
		}
	}
}
