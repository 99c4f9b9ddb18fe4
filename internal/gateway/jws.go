package gateway

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/epo-dev/epo/internal/httpjson"
)

// Algorithms of an agent's keys.
const (
	algorithmSigning    = "ES256"
	algorithmEncryption = "RSA-OAEP-256"
)

const (
	// maxJWSBytes bounds a signed object before anything of it is read.
	maxJWSBytes   = 8 << 10
	minRSABits    = 3072
	maxRSABits    = 8192
	maxSPKIBytes  = 4096
	leastExponent = 65537
)

var errJWS = errors.New("not a compact JWS with alg ES256")

// signedObject is a compact JWS in its three parts; nothing of it is believed before verify.
type signedObject struct {
	signed    string
	payload   []byte
	signature []byte
}

// parseJWS cuts a compact JWS whose header holds alg ES256 and at most typ JWT.
func parseJWS(compact string) (signedObject, error) {
	parts := strings.Split(compact[:min(len(compact), maxJWSBytes+1)], ".")
	if len(compact) > maxJWSBytes || len(parts) != 3 {
		return signedObject{}, errJWS
	}
	header, err := decodeStrict(parts[0])
	if err != nil {
		return signedObject{}, err
	}
	if err := checkHeader(header); err != nil {
		return signedObject{}, err
	}
	payload, err := decodeStrict(parts[1])
	if err != nil {
		return signedObject{}, err
	}
	signature, err := decodeStrict(parts[2])
	if err != nil {
		return signedObject{}, err
	}
	return signedObject{signed: parts[0] + "." + parts[1], payload: payload, signature: signature}, nil
}

func decodeStrict(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errJWS
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errJWS
	}
	return b, nil
}

func checkHeader(header []byte) error {
	var h struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ"`
	}
	if _, err := httpjson.Members(header); err != nil {
		return errJWS
	}
	d := json.NewDecoder(bytes.NewReader(header))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil || h.Algorithm != algorithmSigning || (h.Type != "" && h.Type != "JWT") {
		return errJWS
	}
	return nil
}

// verify checks the signature and decodes the payload into claims; unknown members are allowed.
func (o signedObject) verify(key *ecdsa.PublicKey, claims any) error {
	if err := jwt.SigningMethodES256.Verify(o.signed, o.signature, key); err != nil {
		return errJWS
	}
	return o.decode(claims)
}

// decode reads the payload; before verify it may only tell whose key to look up.
func (o signedObject) decode(claims any) error {
	if _, err := httpjson.Members(o.payload); err != nil {
		return errJWS
	}
	if err := json.Unmarshal(o.payload, claims); err != nil {
		return errJWS
	}
	return nil
}

// parseSPKI reads DER that encodes exactly one public key in the one canonical way.
func parseSPKI(der []byte) (any, error) {
	if len(der) > maxSPKIBytes {
		return nil, errors.New("the key is too large")
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("the key is no SubjectPublicKeyInfo")
	}
	canonical, err := x509.MarshalPKIXPublicKey(key)
	if err != nil || !bytes.Equal(canonical, der) {
		return nil, errors.New("the key is not in canonical DER")
	}
	return key, nil
}

// signingKey reads a P-256 key.
func signingKey(der []byte) (*ecdsa.PublicKey, error) {
	key, err := parseSPKI(der)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PublicKey)
	if !ok || ec.Curve != elliptic.P256() {
		return nil, errors.New("the signing key must be on P-256")
	}
	return ec, nil
}

// checkEncryptionKey wants RSA of 3072 to 8192 bits with a usual exponent.
func checkEncryptionKey(der []byte) error {
	key, err := parseSPKI(der)
	if err != nil {
		return err
	}
	r, ok := key.(*rsa.PublicKey)
	if !ok || r.N.BitLen() < minRSABits || r.N.BitLen() > maxRSABits || r.E < leastExponent || r.N.Bit(0) == 0 {
		return errors.New("the encryption key must be RSA with 3072 to 8192 bits")
	}
	return nil
}
