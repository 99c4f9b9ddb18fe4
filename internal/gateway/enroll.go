package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"github.com/epo-dev/epo/internal/httpjson"
)

// publicKey is one key of an agent that enrols.
type publicKey struct {
	Algorithm string `json:"alg"`
	SPKI      []byte `json:"spki"` // DER, base64 in JSON
}

// enrollRequest is the body of an enrolment.
type enrollRequest struct {
	Token         string          `json:"token"`
	Name          string          `json:"name"`
	SigningKey    publicKey       `json:"signing_key"`
	EncryptionKey publicKey       `json:"encryption_key"`
	Proof         string          `json:"proof"`
	Info          json.RawMessage `json:"info"`
}

// proof is the payload of the JWS by which an agent shows that it holds its signing key and means this enrolment. The
// digests are lower-case hex SHA-256.
type proof struct {
	TokenSHA256         string `json:"token_sha256"`
	Name                string `json:"name"`
	SigningKeySHA256    string `json:"signing_key_sha256"`
	EncryptionKeySHA256 string `json:"encryption_key_sha256"`
}

func hexDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Enroll registers an agent by a one-time token. The keys and the proof are checked before the token is looked at.
func (g *Gateway) Enroll(w http.ResponseWriter, r *http.Request) error {
	if err := g.guardMachine(r); err != nil {
		return err
	}
	var in enrollRequest
	if err := httpjson.Decode(r, maxEnrollBody, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	agent, err := g.db.enrollAgent(r.Context(), frameOf(r, nil), newAgent{
		tokenHash: digest(in.Token), name: in.Name, signingSPKI: in.SigningKey.SPKI, encryptionSPKI: in.EncryptionKey.SPKI, info: in.Info,
	})
	if err != nil {
		return err
	}
	httpjson.Write(w, http.StatusCreated, agent)
	return nil
}

// guardMachine is guard for agents, with the rate of their address.
func (g *Gateway) guardMachine(r *http.Request) error {
	if err := g.guard(r); err != nil {
		return err
	}
	if wait := g.throttle.machine(networkOf(r.RemoteAddr)); wait > 0 {
		return tooMany(wait)
	}
	return nil
}

// check refuses keys that are too weak and a proof that does not hold.
func (e *enrollRequest) check() error {
	if e.SigningKey.Algorithm != algorithmSigning || e.EncryptionKey.Algorithm != algorithmEncryption {
		return httpjson.NewError(http.StatusBadRequest, "invalid_argument", "the algorithms must be ES256 and RSA-OAEP-256")
	}
	key, err := signingKey(e.SigningKey.SPKI)
	if err != nil {
		return httpjson.NewError(http.StatusBadRequest, "invalid_argument", err.Error())
	}
	if err := checkEncryptionKey(e.EncryptionKey.SPKI); err != nil {
		return httpjson.NewError(http.StatusBadRequest, "invalid_argument", err.Error())
	}
	if len(e.Info) == 0 {
		e.Info = json.RawMessage("{}")
	}
	object, err := parseJWS(e.Proof)
	if err != nil {
		return proofInvalid(err)
	}
	var p proof
	if err := object.verify(key, &p); err != nil {
		return proofInvalid(err)
	}
	want := proof{hexDigest([]byte(e.Token)), e.Name, hexDigest(e.SigningKey.SPKI), hexDigest(e.EncryptionKey.SPKI)}
	if p.Name != want.Name || !equal(p.TokenSHA256, want.TokenSHA256) || !equal(p.SigningKeySHA256, want.SigningKeySHA256) || !equal(p.EncryptionKeySHA256, want.EncryptionKeySHA256) {
		return proofInvalid(nil)
	}
	return nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func proofInvalid(cause error) error {
	return &httpjson.Error{Status: http.StatusBadRequest, Code: "proof_invalid", Message: "the proof of possession does not hold", Cause: cause}
}
