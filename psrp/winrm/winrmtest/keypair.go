package winrmtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// A KeyPair is a certificate for 127.0.0.1 that signs itself, for servers and
// for clients.
type KeyPair struct {
	Certificate tls.Certificate
	Pool        *x509.CertPool // with only this one
	Binding     []byte         // what NTLM is bound to (RFC 5929)
	PEM, KeyPEM []byte
}

// NewKeyPair makes one, with ECDSA and SHA-256.
func NewKeyPair(t testing.TB) KeyPair {
	t.Helper()
	pair, err := makeKeyPair()
	if err != nil {
		t.Fatalf("winrmtest: make certificate: %v", err)
	}
	return pair
}

func makeKeyPair() (KeyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return KeyPair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return KeyPair{}, err
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		return KeyPair{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return KeyPair{}, err
	}
	hash := sha256.Sum256(raw)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return KeyPair{
		Certificate: tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf},
		Pool:        pool,
		Binding:     append([]byte("tls-server-end-point:"), hash[:]...),
		PEM:         pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}),
		KeyPEM:      pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}, nil
}
