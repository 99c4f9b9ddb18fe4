package token

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// epoch is the time of every test that does not move it.
var epoch = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// bundle is a ring, its verifier and one good token of each kind.
type bundle struct {
	ring     *Ring
	verifier *Verifier
	tokens   map[Kind]string
}

func setup(t testing.TB) bundle {
	ring, err := NewRing(epoch)
	require.NoError(t, err)
	b := bundle{ring: ring, verifier: NewVerifier(ring), tokens: map[Kind]string{}}
	for kind, s := range map[Kind]Subject{
		KindAdmin: {TenantID: newID(), SessionID: newID(), UserID: newID(), AppRoles: []string{AppRoleAdmin}},
		KindUser:  {TenantID: newID(), SessionID: newID(), UserID: newID(), AppRoles: []string{AppRoleOperator}},
		KindAgent: {TenantID: newID(), SessionID: newID(), AgentID: newID()},
	} {
		b.tokens[kind], _, err = ring.Issue(s, epoch)
		require.NoError(t, err)
	}
	return b
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// members is the payload of a good token of the kind, to be changed by a test.
func (b bundle) members(t testing.TB, kind Kind) map[string]any {
	parts := strings.Split(b.tokens[kind], ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(payload, &m))
	return m
}

// activeKey is the key that signs for the audience.
func (b bundle) activeKey(audience string) key {
	set, _ := b.ring.set(audience)
	return set.keys[set.active]
}

// raw signs any header and payload with HS512.
func raw(t testing.TB, k key, header, payload string) string {
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	mac, err := jwt.SigningMethodHS512.Sign(signed, k.secret.Reveal())
	require.NoError(t, err)
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac)
}

func TestEveryKindVerifies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for kind, tok := range b.tokens {
		for range 2 { // fresh, then from the cache
			got, err := b.verifier.Verify(tok, epoch)
			require.NoError(t, err)
			require.Equal(t, kind, got.Kind)
			require.Equal(t, epoch.Add(Lifetime), got.ExpiresAt)
			require.True(t, json.Valid([]byte(got.Payload)))
		}
	}
}

// TestClaimsAreRequiredAndTyped removes every claim and gives it every wrong type, for each kind of token.
func TestClaimsAreRequiredAndTyped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	wrong := []any{nil, "", " ", true, 1.5, -1, 1e300, []any{}, []any{"epo"}, []any{1}, map[string]any{"0": "epo"}, "admin", strings.Repeat("a", 300)}
	for kind := range b.tokens {
		good := b.members(t, kind)
		k := b.activeKey(good["aud"].(string))
		for claim := range good {
			refuse := func(payload map[string]any) {
				encoded, err := json.Marshal(payload)
				require.NoError(t, err)
				_, err = b.verifier.Verify(raw(t, k, fmt.Sprintf(`{"alg":"HS512","typ":"JWT","kid":%q}`, k.id), string(encoded)), epoch)
				require.Error(t, err, "%s %s: %s", kind, claim, encoded)
				_, ours := ReasonOf(err)
				require.True(t, ours)
			}
			missing := maps.Clone(good)
			delete(missing, claim)
			refuse(missing)
			for _, value := range wrong {
				if claim == "app_roles" && kind == KindAgent && fmt.Sprint(value) == "[]" {
					continue
				}
				changed := maps.Clone(good)
				changed[claim] = value
				refuse(changed)
			}
		}
	}
}

// TestTableIsClosed tries the whole cross product of audience, role, app_roles and agent_id.
func TestTableIsClosed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	accepted := 0
	for _, audience := range []string{AudienceUsers, AudienceAgents, "other"} {
		for _, role := range []string{RoleAdmin, RoleUser, RoleAgent, "app_anon", "postgres", "epo_owner", "authenticator", "app_user; drop"} {
			for _, roles := range [][]string{{}, {"admin"}, {"operator"}, {"auditor"}, {"operator", "auditor"}, {"admin", "operator"}, {"admin", "admin"}, {"root"}, {"operator", "root"}} {
				for _, agent := range []bool{false, true} {
					c := Claims{Audience: audience, Subject: newID(), SessionID: newID(), ID: newID(), IssuedAt: epoch, NotBefore: epoch,
						ExpiresAt: epoch.Add(Lifetime), Role: role, AppRoles: roles, TenantID: newID()}
					if agent {
						c.AgentID = c.Subject
					}
					want := expectedKind(c)
					signer := AudienceUsers
					if audience == AudienceAgents {
						signer = AudienceAgents
					}
					payload, err := c.payload()
					require.NoError(t, err)
					tok, err := signWith(b.activeKey(signer), payload)
					require.NoError(t, err)
					got, err := b.verifier.Verify(tok, epoch)
					if want == 0 {
						require.Error(t, err, string(payload))
						continue
					}
					require.NoError(t, err, string(payload))
					require.Equal(t, want, got.Kind)
					accepted++
				}
			}
		}
	}
	require.Equal(t, 6, accepted)
}

// expectedKind is the table of the design, written a second time.
func expectedKind(c Claims) Kind {
	roles := strings.Join(c.AppRoles, ",")
	switch strings.Join([]string{c.Audience, c.Role, roles, fmt.Sprint(c.AgentID != "")}, " ") {
	case "epo app_admin admin false", "epo app_admin admin,operator false":
		return KindAdmin
	case "epo app_user operator false", "epo app_user auditor false", "epo app_user operator,auditor false":
		return KindUser
	case "epo-agent app_agent  true":
		return KindAgent
	}
	return 0
}

func TestAgentMustBeItsOwnSubject(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.members(t, KindAgent)
	m["agent_id"] = newID()
	payload, err := json.Marshal(m)
	require.NoError(t, err)
	tok, err := signWith(b.activeKey(AudienceAgents), payload)
	require.NoError(t, err)
	_, err = b.verifier.Verify(tok, epoch)
	require.Error(t, err)
}

func TestTimesAllowThirtySecondsOfSkew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := b.members(t, KindUser)
	k := b.activeKey(AudienceUsers)
	for _, tc := range []struct {
		name          string
		iat, nbf, exp int
		reason        Reason // 0: accepted
	}{
		{"exp 29 s ago", -60, -60, -29, 0},
		{"exp 30 s ago", -60, -60, -30, ReasonExpired},
		{"exp 31 s ago", -60, -60, -31, ReasonExpired},
		{"nbf in 30 s", 0, 30, 60, 0},
		{"nbf in 31 s", 0, 31, 60, ReasonClaims},
		{"iat in 30 s", 30, 0, 60, 0},
		{"iat in 31 s", 31, 0, 60, ReasonClaims},
		{"ten minutes", 0, 0, 600, 0},
		{"longer than ten minutes", 0, 0, 601, ReasonClaims},
		{"one year", 0, 0, 365 * 24 * 3600, ReasonClaims},
		{"ends before it begins", 0, 0, -1, ReasonClaims},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := maps.Clone(good)
			m["iat"], m["nbf"], m["exp"] = epoch.Unix()+int64(tc.iat), epoch.Unix()+int64(tc.nbf), epoch.Unix()+int64(tc.exp)
			payload, err := json.Marshal(m)
			require.NoError(t, err)
			tok, err := signWith(k, payload)
			require.NoError(t, err)
			_, err = b.verifier.Verify(tok, epoch)
			reason, _ := ReasonOf(err)
			require.Equal(t, tc.reason, reason)
		})
	}
}

// TestCacheHonoursTheTime: a remembered token ends with its exp.
func TestCacheHonoursTheTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.verifier.Verify(b.tokens[KindUser], epoch)
	require.NoError(t, err)
	_, err = b.verifier.Verify(b.tokens[KindUser], epoch.Add(Lifetime+Skew))
	reason, _ := ReasonOf(err)
	require.Equal(t, ReasonExpired, reason)
}

func TestForeignHeadersAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	k := b.activeKey(AudienceUsers)
	payloadOf := strings.Split(b.tokens[KindUser], ".")[1]
	payload, err := base64.RawURLEncoding.DecodeString(payloadOf)
	require.NoError(t, err)
	for _, header := range []string{
		`{"alg":"none","typ":"JWT","kid":"%s"}`, `{"alg":"None","kid":"%s"}`, `{"alg":"nOnE","kid":"%s"}`,
		`{"alg":"HS256","typ":"JWT","kid":"%s"}`, `{"alg":"HS384","typ":"JWT","kid":"%s"}`, `{"alg":"hs512","typ":"JWT","kid":"%s"}`,
		`{"alg":"RS256","typ":"JWT","kid":"%s"}`, `{"alg":"ES256","typ":"JWT","kid":"%s"}`,
		`{"alg":"HS512","typ":"JWT","kid":"%s","crit":["x"]}`, `{"alg":"HS512","kid":"%s","b64":false}`, `{"alg":"HS512","kid":"%s","zip":"DEF"}`,
		`{"alg":"HS512","kid":"%s","jku":"http://127.0.0.1:1/"}`, `{"alg":"HS512","kid":"%s","x5u":"http://127.0.0.1:1/"}`, `{"alg":"HS512","kid":"%s","jwk":{}}`,
		`{"alg":"HS512","typ":"at+jwt","kid":"%s"}`, `{"alg":["HS512"],"kid":"%s"}`, `{"alg":"HS512","alg":"HS512","kid":"%s"}`,
		`{"kid":"%s"}`, `{"alg":"HS512","typ":"JWT","kid":"%s"} `, `["%s"]`, `"%s"`, ``, `{`,
	} {
		if strings.Contains(header, "%s") {
			header = fmt.Sprintf(header, k.id)
		}
		_, err := b.verifier.Verify(raw(t, k, header, string(payload)), epoch)
		reason, _ := ReasonOf(err)
		require.Equal(t, ReasonMalformed, reason, header)
	}
	for _, kid := range []string{``, `"kid":"",`, `"kid":"unknown",`, `"kid":"../../dev/null",`, `"kid":"' or 1=1",`, `"kid":1,`, `"kid":"` + strings.Repeat("k", 4096) + `",`} {
		_, err := b.verifier.Verify(raw(t, k, `{`+kid+`"alg":"HS512","typ":"JWT"}`, string(payload)), epoch)
		require.Error(t, err, kid)
	}
}

func TestSignatureAndEncodingAreExact(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := b.tokens[KindUser]
	parts := strings.Split(good, ".")
	unsigned := parts[0] + "." + parts[1] + "."
	for name, tok := range map[string]string{
		"empty": "", "one part": parts[0], "no signature": unsigned, "truncated": good[:len(good)-1], "padding": good + "=", "space": good + " ",
		"leading space": " " + good, "line end": good[:40] + "\n" + good[40:], "four parts": good + ".x", "standard alphabet": strings.NewReplacer("-", "+", "_", "/").Replace(good) + "+",
		"JSON form": `{"payload":"` + parts[1] + `"}`, "encrypted form": "a.b.c.d.e", "dots": strings.Repeat(".", 1<<20), "long": strings.Repeat("a", maxTokenBytes+1),
		"non-canonical": nonCanonical(good),
	} {
		_, err := b.verifier.Verify(tok, epoch)
		reason, _ := ReasonOf(err)
		require.Equal(t, ReasonMalformed, reason, name)
	}
}

// nonCanonical sets a bit of the last character that decoding drops.
func nonCanonical(tok string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, tok[len(tok)-1])
	return tok[:len(tok)-1] + string(alphabet[last^1])
}

// TestAnyFlippedBitIsRefused is a property: no change of one bit survives.
func TestAnyFlippedBitIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := []byte(b.tokens[KindUser])
	rapid.Check(t, func(rt *rapid.T) {
		changed := append([]byte(nil), good...)
		changed[rapid.IntRange(0, len(good)-1).Draw(rt, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		_, err := b.verifier.Verify(string(changed), epoch)
		require.Error(rt, err)
	})
}

// TestIssueAndVerifyAgree is a property: what Issue gives, Verify takes and reads back.
func TestIssueAndVerifyAgree(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := Subject{TenantID: newID(), SessionID: newID()}
		if rapid.Bool().Draw(rt, "agent") {
			s.AgentID = newID()
		} else {
			s.UserID = newID()
			s.AppRoles = rapid.SliceOfDistinct(rapid.SampledFrom([]string{"admin", "operator", "auditor", "root"}), rapid.ID).Draw(rt, "roles")
		}
		at := epoch.Add(time.Duration(rapid.Int64Range(0, 1e6).Draw(rt, "ms")) * time.Millisecond)
		tok, claims, err := b.ring.Issue(s, at)
		if err != nil {
			require.True(rt, len(s.AppRoles) == 0 || strings.Contains(strings.Join(s.AppRoles, ","), "root"), "refused %v", s.AppRoles)
			return
		}
		got, err := b.verifier.Verify(tok, at)
		require.NoError(rt, err)
		require.Equal(rt, claims.ID, got.ID)
		require.Equal(rt, claims.TenantID, got.TenantID)
		require.Equal(rt, claims.AgentID, got.AgentID)
		require.ElementsMatch(rt, claims.AppRoles, got.AppRoles)
	})
}

// TestKeysOfOneRingCannotSignForTheOther: an agent's key makes no token of a person, and the reverse.
func TestKeysOfOneRingCannotSignForTheOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for kind, foreign := range map[Kind]string{KindAdmin: AudienceAgents, KindUser: AudienceAgents, KindAgent: AudienceUsers} {
		payload, err := json.Marshal(b.members(t, kind))
		require.NoError(t, err)
		tok, err := signWith(b.activeKey(foreign), payload)
		require.NoError(t, err)
		_, err = b.verifier.Verify(tok, epoch)
		reason, _ := ReasonOf(err)
		require.Equal(t, ReasonClaims, reason)
	}
	other := setup(t)
	_, err := b.verifier.Verify(other.tokens[KindUser], epoch)
	require.Error(t, err)
}

func TestDuplicateAndUnknownClaimsAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good, err := json.Marshal(b.members(t, KindUser))
	require.NoError(t, err)
	k := b.activeKey(AudienceUsers)
	header := fmt.Sprintf(`{"alg":"HS512","typ":"JWT","kid":%q}`, k.id)
	body := strings.TrimSuffix(string(good), "}")
	for _, payload := range []string{
		body + `,"role":"app_admin"}`, body + `,"scope":"all"}`, body + `,"agent_id":""}`, body + `,"agent_id":null}`, body + `}}`, body + `} x`, body,
		"[" + string(good) + "]", strings.Repeat("[", 3000), "null", "", body + `,"x` + "\xff" + `":1}`, body + `,"deep":{"a":{"b":1}}}`,
	} {
		_, err := b.verifier.Verify(raw(t, k, header, payload), epoch)
		require.Error(t, err, payload)
	}
}

func TestRotationRefusesNoTokenThatRuns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	first, err := LoadOrCreate(path, epoch)
	require.NoError(t, err)
	second, err := Load(path)
	require.NoError(t, err)
	subject := Subject{TenantID: newID(), SessionID: newID(), UserID: newID(), AppRoles: []string{"admin"}}
	verifiers := []*Verifier{NewVerifier(first), NewVerifier(second)}
	before, _, err := first.Issue(subject, epoch)
	require.NoError(t, err)
	oldest := before
	for range 3 {
		require.NoError(t, first.Rotate(epoch))
		after, _, err := first.Issue(subject, epoch)
		require.NoError(t, err)
		// The second replica has not read the file yet and knows the new key all the same.
		for _, tok := range []string{before, after} {
			for _, v := range verifiers {
				_, err := v.Verify(tok, epoch)
				require.NoError(t, err)
			}
		}
		changed, err := second.Reload()
		require.NoError(t, err)
		require.True(t, changed)
		again, err := second.Reload()
		require.NoError(t, err)
		require.False(t, again)
		set, _ := second.set(AudienceUsers)
		require.Len(t, set.keys, maxKeys)
		before = after
	}
	for _, v := range verifiers {
		_, err = v.Verify(oldest, epoch)
		require.Error(t, err, "a key that left the ring verifies nothing, cached or not")
	}
}

func TestKeyFileIsPrivateAndStrong(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	_, err := LoadOrCreate(path, epoch)
	require.NoError(t, err)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.NoError(t, os.Chmod(path, 0o640))
		_, err = Load(path)
		require.ErrorContains(t, err, "0600")
		require.NoError(t, os.Chmod(path, 0o600))
	}
	for name, change := range map[string]func(*fileRing){
		"short":      func(f *fileRing) { f.Users[0].Secret = base64.RawURLEncoding.EncodeToString(make([]byte, 63)) },
		"not random": func(f *fileRing) { f.Users[0].Secret = base64.RawURLEncoding.EncodeToString(make([]byte, 64)) },
		"four keys":  func(f *fileRing) { f.Users = append(f.Users, f.Users[1], f.Users[1]) },
		"same kid":   func(f *fileRing) { f.Users[1].ID = f.Users[0].ID },
		"bad kid":    func(f *fileRing) { f.Users[1].ID = "../x" },
		"none":       func(f *fileRing) { f.Agents = nil },
		"no active":  func(f *fileRing) { f.Agents[0].State = "next" },
		"shared":     func(f *fileRing) { f.Agents[0] = f.Users[0] },
		"no base64":  func(f *fileRing) { f.Agents[0].Secret = "*" },
	} {
		var file fileRing
		require.NoError(t, json.Unmarshal(content, &file))
		change(&file)
		changed, err := json.Marshal(file)
		require.NoError(t, err)
		bad := filepath.Join(t.TempDir(), "keys.json")
		require.NoError(t, os.WriteFile(bad, changed, 0o600))
		_, err = LoadOrCreate(bad, epoch)
		require.Error(t, err, name)
	}
}

// TestBadFileKeepsTheKeys: a reload that fails changes nothing.
func TestBadFileKeepsTheKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	ring, err := LoadOrCreate(path, epoch)
	require.NoError(t, err)
	tok, _, err := ring.Issue(Subject{TenantID: newID(), SessionID: newID(), AgentID: newID()}, epoch)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err = ring.Reload()
	require.Error(t, err)
	_, err = NewVerifier(ring).Verify(tok, epoch)
	require.NoError(t, err)
}

func TestSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	s := NewSecret([]byte("canary-canary"))
	encoded, err := json.Marshal(map[string]any{"s": s})
	require.NoError(t, err)
	printed := fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, struct{ S Secret }{s}) + string(encoded) + s.LogValue().String()
	require.NotContains(t, printed, "canary")
	require.NotContains(t, printed, "99 97 110")
	require.Equal(t, "canary-canary", string(s.Reveal()))
	ring, err := NewRing(epoch)
	require.NoError(t, err)
	k := ring.users.keys[0]
	secretText := strings.Trim(fmt.Sprint(k.secret.Reveal()), "[]")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", k, ring.users, ring.users), secretText)
}

func TestJWKSHoldsEveryKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret, err := b.ring.JWKS()
	require.NoError(t, err)
	var set struct{ Keys []map[string]string }
	require.NoError(t, json.Unmarshal(secret.Reveal(), &set))
	require.Len(t, set.Keys, 4)
	for _, k := range set.Keys {
		require.Equal(t, "oct", k["kty"])
		require.Equal(t, "HS512", k["alg"])
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range maxCached + 10 {
		b.verifier.remember([32]byte{byte(i), byte(i >> 8)}, b.ring.Generation(), &Verified{Claims: Claims{ExpiresAt: epoch.Add(time.Hour)}}, epoch)
	}
	require.LessOrEqual(t, len(b.verifier.cached), maxCached)
}

func FuzzVerify(f *testing.F) {
	ring, err := NewRing(epoch)
	require.NoError(f, err)
	good, _, err := ring.Issue(Subject{TenantID: newID(), SessionID: newID(), AgentID: newID()}, epoch)
	require.NoError(f, err)
	f.Add(good)
	for _, seed := range []string{"", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat(".", 100)} {
		f.Add(seed)
	}
	v := NewVerifier(ring)
	f.Fuzz(func(t *testing.T, token string) {
		got, err := v.Verify(token, epoch)
		if token != good && err == nil {
			t.Fatalf("accepted a token that was not issued: %v", got.Claims)
		}
	})
}

func FuzzDecodeClaims(f *testing.F) {
	f.Add([]byte(`{"iss":"epo","aud":"epo","sub":"x","iat":1,"app_roles":["admin"]}`))
	f.Add([]byte(`{"a":[[`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := decodeClaims(payload)
		if err == nil && (c.Audience == "" || c.ExpiresAt.IsZero() || c.AppRoles == nil) {
			t.Fatalf("a claim is missing: %+v", c)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s := setup(b)
	tok := s.tokens[KindUser]
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			_, _ = s.verifier.Verify(tok, epoch)
		}
	})
	b.Run("fresh", func(b *testing.B) {
		for b.Loop() {
			_, _ = s.verifier.verify(tok)
		}
	})
}
