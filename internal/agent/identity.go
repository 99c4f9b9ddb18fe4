package agent

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/epo-dev/epo/internal/api"
)

const (
	identityFile      = "identity.json"
	signingKeyFile    = "signing.key"
	encryptionKeyFile = "encryption.key"
	encryptionBits    = 3072
	assertionLifetime = 50 * time.Second // the server takes at most 60
)

// ErrNotEnrolled says that the state folder holds no identity.
var ErrNotEnrolled = errors.New("this agent is not enrolled")

// Identity is who the agent is: what the server gave it, and the keys that never leave the machine. It prints without them.
type Identity struct {
	Server   string `json:"server"`
	AgentID  string `json:"agent_id"`
	TenantID string `json:"tenant_id"`
	Pool     string `json:"pool"`
	Name     string `json:"name"`

	keys keys
}

// String leaves the keys out.
func (i Identity) String() string { return "agent " + i.Name + " (" + i.AgentID + ")" }

// GoString leaves the keys out.
func (i Identity) GoString() string { return i.String() }

// keys are the agent's private keys: one to sign with, one that secrets will be sealed to.
type keys struct {
	signing    *ecdsa.PrivateKey
	encryption *rsa.PrivateKey
}

func newKeys() (keys, error) {
	signing, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keys{}, fmt.Errorf("make signing key: %w", err)
	}
	encryption, err := rsa.GenerateKey(rand.Reader, encryptionBits)
	if err != nil {
		return keys{}, fmt.Errorf("make encryption key: %w", err)
	}
	return keys{signing: signing, encryption: encryption}, nil
}

// public returns both public keys as the server takes them.
func (k keys) public() (signing, encryption api.PublicKey, err error) {
	s, err := x509.MarshalPKIXPublicKey(k.signing.Public())
	if err != nil {
		return signing, encryption, fmt.Errorf("encode signing key: %w", err)
	}
	e, err := x509.MarshalPKIXPublicKey(k.encryption.Public())
	if err != nil {
		return signing, encryption, fmt.Errorf("encode encryption key: %w", err)
	}
	return api.PublicKey{Alg: "ES256", SPKI: s}, api.PublicKey{Alg: "RSA-OAEP-256", SPKI: e}, nil
}

// save writes both keys with mode 0600.
func (k keys) save(dir string) error {
	return errors.Join(saveKey(filepath.Join(dir, signingKeyFile), k.signing), saveKey(filepath.Join(dir, encryptionKeyFile), k.encryption))
}

func saveKey(path string, key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	return replaceFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// replaceFile writes a file of mode 0600 in one step and brings it to the disk.
func replaceFile(path string, text []byte) error {
	next := path + ".new"
	if err := errors.Join(os.RemoveAll(next), os.WriteFile(next, text, 0o600)); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err := errors.Join(syncFile(next), os.Rename(next, path), syncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

// LoadIdentity reads identity and keys from the state folder; ErrNotEnrolled when there is none. Keys that others on the
// machine can read are refused: whoever read them can be this agent.
func LoadIdentity(dir string) (Identity, error) {
	var id Identity
	text, err := os.ReadFile(filepath.Join(dir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return id, ErrNotEnrolled
	}
	if err != nil {
		return id, fmt.Errorf("read identity: %w", err)
	}
	if err := json.Unmarshal(text, &id); err != nil {
		return id, fmt.Errorf("read identity: %w", err)
	}
	if id.keys.signing, err = loadKey[*ecdsa.PrivateKey](filepath.Join(dir, signingKeyFile)); err != nil {
		return id, err
	}
	id.keys.encryption, err = loadKey[*rsa.PrivateKey](filepath.Join(dir, encryptionKeyFile))
	return id, err
}

func loadKey[K crypto.PrivateKey](path string) (key K, err error) {
	if err := checkPrivate(path); err != nil {
		return key, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return key, fmt.Errorf("read key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return key, fmt.Errorf("read key %s: no PEM block", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return key, fmt.Errorf("read key %s: %w", path, err)
	}
	key, ok := parsed.(K)
	if !ok {
		return key, fmt.Errorf("read key %s: it is a %T", path, parsed)
	}
	return key, nil
}

func (i Identity) save(dir string) error {
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	return replaceFile(filepath.Join(dir, identityFile), append(text, '\n'))
}

// assertion is a fresh private_key_jwt: it proves to the server who asks, works once and for less than a minute.
func (i Identity) assertion(now time.Time) (string, error) {
	claims := jwt.MapClaims{
		"iss": i.AgentID, "sub": i.AgentID, "aud": "epo", "jti": uuid.NewString(),
		"iat": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	}
	return sign(i.keys.signing, claims)
}

func sign(key *ecdsa.PrivateKey, claims jwt.Claims) (string, error) {
	text, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return text, nil
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
