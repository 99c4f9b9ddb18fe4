package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/golang-jwt/jwt/v5"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/filelock"
	"github.com/epo-dev/epo/internal/version"
)

// ErrEnrolled says that the state folder already holds an identity.
var ErrEnrolled = errors.New("this agent is already enrolled")

// Enrollment is what Enroll needs.
type Enrollment struct {
	StateDir string
	Client   *api.Client
	Token    string // one-time
	Name     string // empty: the machine's host name
	Replace  bool   // give up an identity that is there
}

// Enroll makes two key pairs, registers them by a one-time token, and writes the identity. The keys are on the disk before
// the server hears of them; without an answer the identity is not written and another token is needed.
func Enroll(ctx context.Context, e Enrollment) (Identity, error) {
	if err := makePrivate(e.StateDir); err != nil {
		return Identity{}, err
	}
	lock, err := filelock.Try(filepath.Join(e.StateDir, lockFile))
	if errors.Is(err, filelock.ErrHeld) {
		return Identity{}, fmt.Errorf("%w on %s: stop it first", ErrRunning, e.StateDir)
	}
	if err != nil {
		return Identity{}, err
	}
	defer lock.Release()
	if old, err := LoadIdentity(e.StateDir); !e.Replace && !errors.Is(err, ErrNotEnrolled) {
		return old, fmt.Errorf("%w as %q on %s", ErrEnrolled, old.Name, old.Server)
	}
	return e.enroll(ctx)
}

func (e Enrollment) enroll(ctx context.Context) (Identity, error) {
	k, err := newKeys()
	if err != nil {
		return Identity{}, err
	}
	request, err := e.request(k)
	if err != nil {
		return Identity{}, err
	}
	if err := os.RemoveAll(filepath.Join(e.StateDir, identityFile)); err != nil {
		return Identity{}, fmt.Errorf("give up the old identity: %w", err)
	}
	if err := k.save(e.StateDir); err != nil {
		return Identity{}, err
	}
	answer, err := e.Client.Enroll(ctx, request)
	if err != nil {
		return Identity{}, fmt.Errorf("enroll: %w", err)
	}
	id := Identity{
		Server: e.Client.Server(), AgentID: answer.AgentID, TenantID: answer.TenantID, Pool: answer.Pool,
		Name: answer.Name, keys: k,
	}
	if id.Name == "" {
		id.Name = request.Name
	}
	return id, id.save(e.StateDir)
}

// proof is the payload that the signing key signs.
type proof struct {
	api.EnrollProof
	jwt.RegisteredClaims
}

func (e Enrollment) request(k keys) (api.Enrollment, error) {
	signing, encryption, err := k.public()
	if err != nil {
		return api.Enrollment{}, err
	}
	host, _ := os.Hostname()
	name := e.Name
	if name == "" {
		name = host
	}
	p := proof{EnrollProof: api.EnrollProof{
		TokenSHA256: hexSHA256([]byte(e.Token)), Name: name,
		SigningKeySHA256: hexSHA256(signing.SPKI), EncryptionKeySHA256: hexSHA256(encryption.SPKI),
	}}
	signed, err := sign(k.signing, p)
	if err != nil {
		return api.Enrollment{}, err
	}
	return api.Enrollment{
		Token: e.Token, Name: name, SigningKey: signing, EncryptionKey: encryption, Proof: signed,
		Info: api.HostInfo{Version: version.String(), Hostname: host, OS: runtime.GOOS, Arch: runtime.GOARCH},
	}, nil
}
