package psrp

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/epo-dev/epo/psrp/clixml"
)

// recordedPublicKey is what the client of the recorded conversations sent.
const (
	recordedPublicKey = "BgIAAACkAABSU0ExAAgAAAEAAQBvH62/q5haEUStHGs+p3e5TIR1xaL+Ab9pYjd1pB4oYN1Rbru+i2BpzCNAvmE+y018u0idwQnoE70Pvq16bcxeXiaXajuKrqx+e+cg/Yu0emyZZspUN8opTPXceSEVXR8jhpSrnpI6ziP0ek+/Mu7836HJ5DnikE6h7tSk1sRnJ3XVQFS8EbcfI+sigy30rJjZA/aD1HRpXpyoABoK8hSpihvnJcVNr3uY8DibjLSKIoeGF3nK0V3peMUC3cbxjvwOsGjFPBCuA/exOKkNuPEraLtEv1PvaFmRFUR0M9lj4WjKMhU8sle04IZJlYTvX6xuX8nYS1P3RsRdsqa0YpnD"
)

// recordedKey is the key pair that the recorded conversations with real Windows
// hosts were made with.
func recordedKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	text, err := os.ReadFile("winrm/testdata/recorded-key.txt")
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")
	number := func(text string) *big.Int {
		n, ok := new(big.Int).SetString(text, 10)
		require.True(t, ok)
		return n
	}
	n, p := number(lines[1]), number(lines[2])
	q := new(big.Int).Div(n, p)
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	k := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: n, E: 65537},
		D:         new(big.Int).ModInverse(big.NewInt(65537), phi),
		Primes:    []*big.Int{p, q},
	}
	require.NoError(t, k.Validate())
	k.Precompute()
	return k
}

// recordings are exchanges with real servers: the session key as it came, and
// SecureStrings with their texts, of either side.
var recordings = map[string]struct {
	sessionKey string
	texts      map[string]string
}{
	"multiple commands": {
		"AQIAABBmAAAApAAAyiHuF/hQKKq/XcqpzNRoVsSjI3deLpXbcwpKWdlsxSKS/5c0Mw3d0Wj3YGCZRjbQXbY2mG8/KyrXgt0sK7891btBvIO1rlMzRmiyv5IygUtBOHm3cknyCPNEJ68JK93m01lo4UPe7bLcINFWla4dOPl55cFlKqo7JnWpzD3jp8rYCjtJlM4fUG2GUt+doHJVL9uZV3jxSatwQnSMe3QFuZWYbUU0pCutdb/SQiByM4KIch3Tq5N1mFjVnBLJUClwZL/a4fU4VwGqPmhw8f60EdJP6iaixln/iyZ0WZse6dd0ys1WdidLVl5jVR5EbUC/oLmEfx1xb4p5Dck1DBb5cw==",
		map[string]string{
			"GXD6gSYvWjfp54Vgl3jLpuNMBhNdfWFRbM1QdeUNYFU=": "Hello World",
			"rTm4n3bxaFOIgdjhDDV5OA==":                     "abc",
		},
	},
	"host methods": {
		"AQIAABBmAAAApAAAxoUb7uu1x7OuB4jQUEbrUuM2qy7CZ2lmyjOpQhI9KGP2L9ilhCvfdGxrmnPC0K184jUDnfEXpi5XAPMqvQDzB34l+iZSJo9gzQYNw9+MlNf+sVF/qz6wu4xmGOZs9cJOhk3zFM5VMMUOxvSl0OC8FRQBh1MTEANqOYxQeYOhHduXBYOS9N9evq5NQf6UK2u/+wqeREmm6MJe0htbwa/0njNPeu0khedq9KWZq3zhBiP5egAhiUtnueOPsCZgMlubpE6nhFG3GGBO+8ji5aiwU5N0xzdgQgClha2Yey4a2VSWVZXMEcoTs7S15C0bAGMxDWlKQEuhgfa+jTu0Aw6Daw==",
		map[string]string{
			"xTIlte2IE7q6bM0/U/PTtjmnmBO4+KhQ3NBK7A+uB3sqxukLSeI7lBLn5aHskOCliWqEdgEGRaAAQo5q9L4g2g==": "ReadLineAsSecureString response",
			"K86C/Bl3T/RyAsU62XoDMTutDb5iAk1xgDNBMZwqPZY=":                                             "password",
		},
	},
}

func keyMessage(t *testing.T, blob string) []byte {
	t.Helper()
	body, err := clixml.Encode(clixml.NewBag(clixml.Property{Name: "EncryptedSessionKey", Value: blob}))
	require.NoError(t, err)
	return body
}

func TestKey_PublicKeyBlobIsTheRecordedOne(t *testing.T) {
	t.Parallel()
	got := base64.StdEncoding.EncodeToString(publicKeyBlob(&recordedKey(t).PublicKey))
	require.Equal(t, recordedPublicKey, got)
}

func TestKey_RecordedSecretsAreReadAndWrittenTheSame(t *testing.T) {
	t.Parallel()
	key := recordedKey(t)
	for name, r := range recordings {
		c, err := decodeSessionKey(keyMessage(t, r.sessionKey), key)
		require.NoError(t, err, name)
		for encoded, want := range r.texts {
			data, err := base64.StdEncoding.DecodeString(encoded)
			require.NoError(t, err)
			text, err := c.open(clixml.SecureString{Cipher: data})
			require.NoError(t, err)
			require.Equal(t, want, text)
			again, err := c.seal(text)
			require.NoError(t, err)
			require.Equal(t, data, again.Cipher)
		}
	}
}

func TestKey_AnyTextSurvives(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]sessionCipher{"with key": {key: make([]byte, 32)}, "2.4": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
					"", "\xed\xa0\xbd", "\xed\xb8\x80", "a\xed\xa0\xbd\xed\xa0\xbdb", "😀", "\ufffe\uffff\x00",
				})).Draw(t, "text")
				sealed, err := c.seal(text)
				if err != nil {
					t.Fatal(err)
				}
				got, err := c.open(sealed)
				if err != nil || got != text {
					t.Fatalf("%q became %q, %v", text, got, err)
				}
			})
		})
	}
}

func TestKey_WhatIsNotACipherIsRefused(t *testing.T) {
	t.Parallel()
	c := sessionCipher{key: make([]byte, 32)}
	other := sessionCipher{key: append(make([]byte, 31), 1)}
	foreign, err := other.seal("text of another pool")
	require.NoError(t, err)
	for name, data := range map[string][]byte{
		"empty": nil, "half a block": make([]byte, 8), "a block and a half": make([]byte, 24), "another key": foreign.Cipher,
	} {
		_, err := c.open(clixml.SecureString{Cipher: data})
		require.ErrorIs(t, err, ErrForeignSecret, name)
	}
	_, err = sessionCipher{}.open(clixml.SecureString{Cipher: []byte("odd")})
	require.ErrorIs(t, err, ErrForeignSecret)
}

func TestKey_WhatIsNoSessionKeyIsRefused(t *testing.T) {
	t.Parallel()
	key := recordedKey(t)
	good, err := base64.StdEncoding.DecodeString(recordings["host methods"].sessionKey)
	require.NoError(t, err)
	for name, blob := range map[string][]byte{
		"empty": nil, "header only": good[:12], "cut": good[:200], "other header": append([]byte{9}, good[1:]...),
		"other key": append(good[:len(good)-1:len(good)-1], good[len(good)-1]^1),
	} {
		_, err := decodeSessionKey(keyMessage(t, base64.StdEncoding.EncodeToString(blob)), key)
		var protocol *ProtocolError
		require.ErrorAs(t, err, &protocol, name)
	}
	for _, body := range []string{"", "<Nil/>", "<S>x</S>", "<Obj>"} {
		_, err := decodeSessionKey([]byte(body), key)
		require.Error(t, err)
	}
}

func FuzzSessionKey(f *testing.F) {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(f, err)
	blob, err := base64.StdEncoding.DecodeString(recordings["host methods"].sessionKey)
	require.NoError(f, err)
	f.Add(blob, []byte("0123456789abcdef"))
	f.Add(blob[:12], []byte{})
	f.Add([]byte(simpleBlobHeader), make([]byte, 33))
	f.Fuzz(func(t *testing.T, blob, cipher []byte) {
		body, err := clixml.Encode(clixml.NewBag(clixml.Property{
			Name: "EncryptedSessionKey", Value: base64.StdEncoding.EncodeToString(blob)}))
		require.NoError(t, err)
		_, _ = decodeSessionKey(body, key)
		for _, c := range []sessionCipher{{}, {key: make([]byte, 32)}} {
			text, err := c.open(clixml.SecureString{Cipher: cipher})
			if err != nil {
				continue
			}
			again, err := c.seal(text)
			require.NoError(t, err)
			require.Equal(t, cipher, again.Cipher, "what is read is written the same")
		}
	})
}
