package winrm

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCheck43_EndpointBinding: the hashes were computed by OpenSSL over certificates
// that it made, with the hash that RFC 5929 asks for.
func TestCheck43_EndpointBinding(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"md5-rsa":      "51e487a6105469d3a4db9074a0ed33689c421ea3a8b3c1943c3d60dfbf67f5e9",
		"sha1-rsa":     "18ecf7bc9fd67949ab7c3b358f773a9815ba4b3eadb0df3bd98f39862201bbd3",
		"sha256-rsa":   "e2899e072727e19fd1a42d583bc202b56970552c94e772ef2800c2cc2f779312",
		"sha384-rsa":   "787331e21b165288df5e7ec2f5ac06808860d5448e101512c89ea4c37297f21ce325339a66db624962dc4d5c74901e73",
		"sha512-rsa":   "3c21830c8df165f45bcb7438c48004018c0d1d4e83bbe9b438c1018f937110a2215d00bcad93dda9f9e39196422711168b4b3bf2dfd3851cf70c59d9419522eb",
		"sha384-pss":   "2852a3e15639a927f814284967afbca72113490aa3abccd6ae50e25701c526be12e6bd61c935934a87d7e3d7bfc94408",
		"sha256-ecdsa": "faefddcd7ccd297f58ffe7feab3144b621b6db7074b743db09035821e3e9b60a",
		"sha384-ecdsa": "35b22bb5e007c6cea1b5d50a58a282ac4563b943b8140ad29c4f6b201289d45bb1c8c3c27b86dad897b256c932e47421",
	} {
		data, err := os.ReadFile(filepath.Join("testdata/certificates", name+".pem"))
		require.NoError(t, err)
		block, _ := pem.Decode(data)
		certificate, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		hash, err := hex.DecodeString(want)
		require.NoError(t, err)
		state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificate}}
		require.Equal(t, append([]byte("tls-server-end-point:"), hash...), endpointBinding(state), name)
	}
	require.Nil(t, endpointBinding(new(tls.ConnectionState)))
}
