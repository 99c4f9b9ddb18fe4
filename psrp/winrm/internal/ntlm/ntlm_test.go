package ntlm

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// TestMD4 has the vectors of RFC 1320, appendix A.5.
func TestMD4(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                           "31d6cfe0d16ae931b73c59d7e0c089c0",
		"a":                          "bde52cb31de33e46245e05fbdbd6fb24",
		"abc":                        "a448017aaf21d8525fc10ae87aa6729d",
		"message digest":             "d9130a8164549fe818874806e1c7014b",
		"abcdefghijklmnopqrstuvwxyz": "d79e1c308aa5bbcdeea8ed63df412da9",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789":                   "043f8582f241db351ce627e153e7f0e4",
		"12345678901234567890123456789012345678901234567890123456789012345678901234567890": "e33b4ddc9c38f2199c3e7b164fcc0536",
	} {
		require.Equal(t, want, fmt.Sprintf("%x", md4([]byte(text))), text)
	}
}

// The values of [MS-NLMP] 4.2.1 and 4.2.4: User, Domain, Password, a zero
// clock, and constants in place of what is random.
const (
	exampleNonce   = "0123456789abcdef"
	exampleInfo    = "02000c0044006f006d00610069006e0001000c005300650072007600650072000000 0000"
	exampleSession = "55555555555555555555555555555555"
)

func TestCheck42_ExampleKeys(t *testing.T) {
	t.Parallel()
	k := responseKey("User", "Domain", "Password")
	require.Equal(t, unhex(t, "0c868a403bfd7a93a3001ef22ef02e3f"), k[:], "NTOWFv2, 4.2.4.1.1")

	nonce := [8]byte(unhex(t, exampleNonce))
	client := [8]byte(bytes.Repeat([]byte{0xaa}, 8))
	temp := clientChallenge(0, client, unhex(t, exampleInfo))
	require.Equal(t, unhex(t, "01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000"+exampleInfo+"00000000"), temp, "temp, 4.2.4.1.3")

	response, base := k.proof(nonce, temp)
	require.Equal(t, unhex(t, "68cd0ab851e51c96aabc927bebef6a1c"), response[:16], "NTProofStr, 4.2.4.2.2")
	require.Equal(t, temp, response[16:])
	require.Equal(t, unhex(t, "8de40ccadbc14a82f15cb0ad0de95ca3"), base[:], "session base key, 4.2.4.1.2")
	require.Equal(t, unhex(t, "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa"), k.lmProof(nonce, client), "LMv2, 4.2.4.2.1")
	require.Equal(t, unhex(t, "c5dad2544fc9799094ce1ce90bc9d03e"), base.exchange(unhex(t, exampleSession)), "encrypted session key, 4.2.4.2.3")
}

func TestCheck42_ExampleSealing(t *testing.T) {
	t.Parallel()
	session := key(unhex(t, exampleSession))
	sign, seal := session.derive(true, "signing"), session.derive(true, "sealing")
	require.Equal(t, unhex(t, "4788dc861b4782f35d43fd98fe1a2d39"), sign[:], "SIGNKEY, 4.2.4.4")
	require.Equal(t, unhex(t, "59f600973cc4960a25480a7c196e4c58"), seal[:], "SEALKEY, 4.2.4.4")

	sig, sealed, err := newSession(session, true).Seal(toUTF16("Plaintext"))
	require.NoError(t, err)
	require.Equal(t, unhex(t, "54e50165bf1936dc996020c1811b0f06fb5f"), sealed, "4.2.4.4")
	require.Equal(t, unhex(t, "01000000 7fb38ec5c55d4976 00000000"), sig, "4.2.4.4")
}

func TestCheck42_ExampleChallenge(t *testing.T) {
	t.Parallel()
	m := unhex(t, "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef"+
		"000000000000000024002400440000000600 7017 0000000f"+
		"530065007200760065007200 02000c0044006f006d00610069006e0001000c005300650072007600650072000000 0000")
	c, err := ParseChallenge(m)
	require.NoError(t, err)
	require.Equal(t, "Server", c.Target)
	require.Equal(t, unhex(t, exampleNonce), c.Nonce[:])
	require.Equal(t, unhex(t, exampleInfo), appendPairs(nil, c.Info))
	require.True(t, c.Flags.has(Required))
}

const clock = "0090d336b734c301"

func handshake(t *testing.T, c *Client, s *Server) (*Session, *Session, error) {
	t.Helper()
	challenge, err := s.Challenge(c.Negotiate())
	require.NoError(t, err)
	message, client, err := c.Authenticate(challenge)
	if err != nil {
		return nil, nil, err
	}
	server, err := s.Accept(message, func(domain, user string) string {
		if domain == "DOM" && user == "Grüß" {
			return "pässwörd €"
		}
		return "another"
	})
	return client, server, err
}

func newClient() *Client {
	return &Client{Domain: "DOM", User: "Grüß", Password: "pässwörd €", TargetName: "HTTP/host"}
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*Server{
		"with a clock and MIC": {Domain: "DOM", Clock: unhex(t, clock)},
		"without a clock":      {Domain: "DOM"},
	} {
		client, server, err := handshake(t, newClient(), s)
		require.NoError(t, err, name)
		for range 100 {
			exchange(t, client, server, "to the server")
			exchange(t, server, client, strings.Repeat("to the client", 50))
		}
		exchange(t, client, server, "")
	}
}

func exchange(t *testing.T, from, to *Session, text string) {
	t.Helper()
	sig, sealed, err := from.Seal([]byte(text))
	require.NoError(t, err)
	require.Len(t, sig, SignatureSize)
	plain, err := to.Unseal(sig, sealed)
	require.NoError(t, err)
	require.Equal(t, text, string(plain))
}

func TestHandshakeRefusals(t *testing.T) {
	t.Parallel()
	wrong := newClient()
	wrong.Password = "guess"
	_, _, err := handshake(t, wrong, &Server{Domain: "DOM"})
	require.ErrorIs(t, err, ErrRefused)

	unbound := newClient()
	_, _, err = handshake(t, unbound, &Server{Domain: "DOM", ChannelBinding: []byte("tls-server-end-point:x")})
	require.ErrorIs(t, err, ErrRefused, "channel binding is missing")
	bound := newClient()
	bound.ChannelBinding = []byte("tls-server-end-point:y")
	_, _, err = handshake(t, bound, &Server{Domain: "DOM", ChannelBinding: []byte("tls-server-end-point:x")})
	require.ErrorIs(t, err, ErrRefused, "channel binding of another certificate")
	bound.ChannelBinding = []byte("tls-server-end-point:x")
	_, _, err = handshake(t, bound, &Server{Domain: "DOM", ChannelBinding: []byte("tls-server-end-point:x")})
	require.NoError(t, err)
}

// TestMICCoversAllMessages: a man in the middle who takes flags out of the
// first two messages is noticed by the server.
func TestMICCoversAllMessages(t *testing.T) {
	t.Parallel()
	s := &Server{Domain: "DOM", Clock: unhex(t, clock)}
	c := newClient()
	negotiate := bytes.Clone(c.Negotiate())
	negotiate[13] ^= 0x80 // ALWAYS_SIGN
	challenge, err := s.Challenge(negotiate)
	require.NoError(t, err)
	message, _, err := c.Authenticate(challenge)
	require.NoError(t, err)
	_, err = s.Accept(message, func(string, string) string { return "pässwörd €" })
	require.ErrorIs(t, err, ErrRefused)
}

// TestDowngradeIsRefused takes every required flag away in turn.
func TestDowngradeIsRefused(t *testing.T) {
	t.Parallel()
	for bit := range 32 {
		flag := Flags(1) << bit
		if Required&flag == 0 {
			continue
		}
		_, _, err := handshake(t, newClient(), &Server{Domain: "DOM", Flags: offered &^ flag})
		require.ErrorIs(t, err, ErrWeak, "flag %#x", uint32(flag))
	}
}

func TestTamperedMessages(t *testing.T) {
	t.Parallel()
	open := func() (*Session, *Session) {
		client, server, err := handshake(t, newClient(), &Server{Domain: "DOM", Clock: unhex(t, clock)})
		require.NoError(t, err)
		return client, server
	}
	for name, tamper := range map[string]func(sig, sealed []byte){
		"a bit of the text":       func(_, sealed []byte) { sealed[3] ^= 1 },
		"a bit of the checksum":   func(sig, _ []byte) { sig[5] ^= 1 },
		"the number":              func(sig, _ []byte) { sig[12]++ },
		"the version":             func(sig, _ []byte) { sig[0]++ },
		"the end of the checksum": func(sig, _ []byte) { sig[11] ^= 0x80 },
	} {
		client, server := open()
		exchange(t, client, server, "fine")
		sig, sealed, err := client.Seal([]byte("attack at dawn"))
		require.NoError(t, err)
		tamper(sig, sealed)
		_, err = server.Unseal(sig, sealed)
		require.ErrorIs(t, err, ErrTampered, name)
		_, err = server.Unseal(sig, sealed)
		require.ErrorIs(t, err, ErrTampered, "a session stays dead")
		_, _, err = server.Seal(nil)
		require.ErrorIs(t, err, ErrTampered)
	}
	client, server := open()
	sig, sealed, err := client.Seal([]byte("once"))
	require.NoError(t, err)
	_, err = server.Unseal(sig, sealed)
	require.NoError(t, err)
	_, err = server.Unseal(sig, sealed)
	require.ErrorIs(t, err, ErrTampered, "a replay")

	client, _ = open()
	sig, sealed, err = client.Seal([]byte("mirror"))
	require.NoError(t, err)
	_, err = client.Unseal(sig, sealed)
	require.ErrorIs(t, err, ErrTampered, "a reflection")
}

func TestFileTime(t *testing.T) {
	t.Parallel()
	require.Equal(t, uint64(116444736000000000), FileTime(time.Unix(0, 0)))
	require.Equal(t, uint64(116444736000000005), FileTime(time.Unix(0, 599)))
}

func TestKeysHaveNoText(t *testing.T) {
	t.Parallel()
	k := responseKey("User", "Domain", "Password")
	require.Equal(t, "[redacted] [redacted] [redacted]", fmt.Sprintf("%v %s %#v", k, k, k))
}

// TestBindingSum: 16 zero bytes for no addresses, the length, the data.
func TestBindingSum(t *testing.T) {
	t.Parallel()
	require.Equal(t, make([]byte, 16), bindingSum(nil))
	data := []byte("tls-server-end-point:")
	for i := range 32 {
		data = append(data, byte(i))
	}
	require.Equal(t, unhex(t, "8f1214c9c9cab8dc3bf866da9aba57a7"), bindingSum(data))
}

func TestMalformedMessages(t *testing.T) {
	t.Parallel()
	good, err := (&Server{Domain: "DOM", Clock: unhex(t, clock)}).Challenge(negotiateMessage())
	require.NoError(t, err)
	for i := range len(good) {
		_, err := ParseChallenge(good[:i])
		require.Error(t, err, "cut at %d", i)
	}
	for name, change := range map[string]func([]byte){
		"signature":        func(m []byte) { m[0] = 'X' },
		"type":             func(m []byte) { m[8] = 9 },
		"offset":           func(m []byte) { binary.LittleEndian.PutUint32(m[44:], 0xffffffff) },
		"length":           func(m []byte) { binary.LittleEndian.PutUint16(m[40:], 0xffff) },
		"attribute length": func(m []byte) { binary.LittleEndian.PutUint16(m[challengeSize+6+2:], 0xffff) },
	} {
		m := bytes.Clone(good)
		change(m)
		_, err := ParseChallenge(m)
		var bad *MessageError
		require.ErrorAs(t, err, &bad, name)
	}
}

func FuzzParse(f *testing.F) {
	challenge, err := (&Server{Domain: "DOM", Clock: make([]byte, 8)}).Challenge(negotiateMessage())
	require.NoError(f, err)
	c := newClient()
	f.Add(c.Negotiate())
	f.Add(challenge)
	authenticate, _, err := c.Authenticate(challenge)
	require.NoError(f, err)
	f.Add(authenticate)
	f.Fuzz(func(t *testing.T, m []byte) {
		_, _ = ParseNegotiate(m)
		if a, err := ParseAuthenticate(m); err == nil {
			again, err := ParseAuthenticate(a.Append(nil))
			require.NoError(t, err)
			require.Equal(t, a.NT, again.NT)
			s := &Server{}
			_, err = s.Accept(m, func(string, string) string { return "" })
			require.Error(t, err, "no one can know the proof")
		}
		if c, err := ParseChallenge(m); err == nil {
			again, err := ParseChallenge(c.Append(nil))
			require.NoError(t, err)
			require.Equal(t, c.Nonce, again.Nonce)
			require.Equal(t, len(c.Info), len(again.Info))
		}
		client := newClient()
		client.Negotiate()
		_, _, _ = client.Authenticate(m)
	})
}
