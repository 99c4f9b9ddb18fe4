package sshtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"sync"
	"testing"

	xssh "golang.org/x/crypto/ssh"
)

// KeyTypes are the kinds of key that a [Server] has and lets in.
var KeyTypes = []string{"ed25519", "ecdsa", "rsa"}

// A Key is a key pair: PEM is the private half in OpenSSH's form.
type Key struct {
	Signer xssh.Signer
	PEM    []byte
}

// NewKey makes a key: one of [KeyTypes], or "small rsa", which nobody should
// take. It is encrypted unless passphrase is "".
func NewKey(t testing.TB, kind, passphrase string) Key {
	t.Helper()
	k, err := makeKey(kind, passphrase)
	if err != nil {
		t.Fatalf("sshtest: make %s key: %v", kind, err)
	}
	return k
}

func makeKey(kind, passphrase string) (k Key, err error) {
	var private crypto.PrivateKey
	switch kind {
	case "ed25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "ecdsa":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "small rsa":
		private, err = rsa.GenerateKey(rand.Reader, 1024)
	default:
		err = fmt.Errorf("no such kind")
	}
	if err != nil {
		return k, err
	}
	block, err := xssh.MarshalPrivateKey(private, "")
	if passphrase != "" {
		block, err = xssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		return k, err
	}
	k.PEM = pem.EncodeToMemory(block)
	k.Signer, err = xssh.NewSignerFromKey(private)
	return k, err
}

// userKeys are made once for all servers of a test binary.
var userKeys = sync.OnceValues(func() (map[string]Key, error) {
	keys := map[string]Key{}
	for _, kind := range KeyTypes {
		k, err := makeKey(kind, "")
		if err != nil {
			return nil, err
		}
		keys[kind] = k
	}
	return keys, nil
})

// UserKeys are the keys that every server lets in, by kind.
func UserKeys(t testing.TB) map[string]Key {
	t.Helper()
	keys, err := userKeys()
	if err != nil {
		t.Fatalf("sshtest: make keys: %v", err)
	}
	return keys
}
