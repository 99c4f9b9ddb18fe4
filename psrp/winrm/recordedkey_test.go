package winrm_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// Recorded secrets are encrypted with a session key that was encrypted for the
// recorded client. Its key pair is known; so the replayer encrypts the same
// session key for our client, and every secret must be the recorded one, byte
// by byte. This is written apart from the product's own code.

const simpleBlobHeader = "\x01\x02\x00\x00\x10\x66\x00\x00\x00\xa4\x00\x00"

// recordedSessionKey is the AES key of a conversation, nil without.
func recordedSessionKey(t *testing.T, c *conversation) []byte {
	t.Helper()
	for _, m := range c.received[""] {
		if m.Type != psrp.MsgEncryptedSessionKey {
			continue
		}
		blob, err := base64.StdEncoding.DecodeString(get(plain(m.value), "EncryptedSessionKey").(string))
		require.NoError(t, err)
		encrypted := slices.Clone(blob[len(simpleBlobHeader):])
		slices.Reverse(encrypted)
		//lint:ignore SA1019 the padding that the protocol prescribes
		key, err := rsa.DecryptPKCS1v15(nil, recordedKeyPair(t), encrypted)
		require.NoError(t, err)
		return key
	}
	return nil
}

func recordedKeyPair(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	text, err := os.ReadFile("testdata/recorded-key.txt")
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")
	n, ok := new(big.Int).SetString(lines[1], 10)
	p, ok2 := new(big.Int).SetString(lines[2], 10)
	require.True(t, ok && ok2)
	q, one := new(big.Int).Div(n, p), big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	return &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: 65537}, D: new(big.Int).ModInverse(big.NewInt(65537), phi), Primes: []*big.Int{p, q}}
}

// rewriteKey encrypts the recorded session key for our client.
func (r *replayer) rewriteKey(answer string) string {
	ours := find(r.sent, psrp.MsgPublicKey, "")
	if r.key == nil || len(ours) == 0 {
		return answer
	}
	return mapMessages(r.t, answer, func(blob []byte) []byte {
		m, err := psrp.ParseMessage(blob)
		if err != nil || m.Type != psrp.MsgEncryptedSessionKey {
			return blob
		}
		//lint:ignore SA1019 the padding that the protocol prescribes
		encrypted, err := rsa.EncryptPKCS1v15(rand.Reader, publicKey(r.t, ours[0]), r.key)
		require.NoError(r.t, err)
		slices.Reverse(encrypted)
		body, err := clixml.Encode(clixml.NewBag(clixml.Property{Name: "EncryptedSessionKey",
			Value: base64.StdEncoding.EncodeToString(append([]byte(simpleBlobHeader), encrypted...))}))
		require.NoError(r.t, err)
		m.Body = body
		return psrp.AppendMessage(nil, m)
	})
}

func publicKey(t *testing.T, m message) *rsa.PublicKey {
	blob, err := base64.StdEncoding.DecodeString(get(plain(m.value), "PublicKey").(string))
	require.NoError(t, err)
	require.Len(t, blob, 276)
	modulus := slices.Clone(blob[20:])
	slices.Reverse(modulus)
	return &rsa.PublicKey{E: int(binary.LittleEndian.Uint32(blob[16:])), N: new(big.Int).SetBytes(modulus)}
}

// unseal puts the plain secrets in the place of the recorded ones, so that our
// client has to encrypt them.
func unseal(t *testing.T, key []byte, v any) any {
	t.Helper()
	switch v := v.(type) {
	case clixml.SecureString:
		return psrp.NewSecret(plainSecret(t, key, v))
	case *clixml.Object:
		if v.TypeName() != "System.Management.Automation.PSCredential" {
			return v
		}
		user, _ := v.Get("UserName")
		password, _ := v.Get("Password")
		return psrp.Credential{UserName: user.(string), Password: unseal(t, key, password).(psrp.Secret)}
	}
	return v
}

func plainSecret(t *testing.T, key []byte, s clixml.SecureString) string {
	t.Helper()
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	data := bytes.Clone(s.Cipher)
	cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(data, data)
	data = data[:len(data)-int(data[len(data)-1])]
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units))
}

// requireExchange makes our client exchange keys, as the recorded one did, and
// read a secret with what it got.
func requireExchange(t *testing.T, pool *psrp.Pool, key []byte) {
	t.Helper()
	if key == nil {
		_, err := pool.Decrypt(ctx(t), clixml.SecureString{Cipher: make([]byte, aes.BlockSize)})
		require.ErrorIs(t, err, psrp.ErrNoSessionKey)
		return
	}
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	data := append([]byte("x\x00"), bytes.Repeat([]byte{14}, 14)...)
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(data, data)
	secret, err := pool.Decrypt(ctx(t), clixml.SecureString{Cipher: data})
	require.NoError(t, err)
	require.Equal(t, "x", secret.Reveal())
}
