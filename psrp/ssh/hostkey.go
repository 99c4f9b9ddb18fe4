package ssh

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// HostKeys are the keys that hosts may have. With both, either is enough.
type HostKeys struct {
	// Files are known_hosts files; hashed names, certificate authorities and
	// revoked keys in them are understood. Each must exist.
	Files []string
	// Pinned are the keys that the host may show, whatever its name: as
	// fingerprint (SHA256:…) or as public key (ssh-ed25519 AAAA…).
	Pinned []string
}

// verifier checks the key of one host.
type verifier struct {
	host   string // host:port
	keys   HostKeys
	pinned []string // fingerprints
	known  xssh.HostKeyCallback

	// result is what check has decided; the handshake wraps it away.
	result   error
	accepted bool
}

func newVerifier(host string, keys HostKeys) (*verifier, error) {
	v := &verifier{host: host, keys: keys}
	for _, pin := range keys.Pinned {
		fingerprint, err := pinFingerprint(pin)
		if err != nil {
			return nil, err
		}
		v.pinned = append(v.pinned, fingerprint)
	}
	if len(keys.Files) == 0 {
		return v, nil
	}
	var err error
	if v.known, err = knownhosts.New(keys.Files...); err != nil {
		return nil, fmt.Errorf("ssh: read known hosts: %w", err)
	}
	return v, nil
}

func pinFingerprint(pin string) (string, error) {
	pin = strings.TrimSpace(pin)
	if hash, ok := strings.CutPrefix(pin, "SHA256:"); ok && len(strings.TrimRight(hash, "=")) == 43 {
		return strings.TrimRight(pin, "="), nil
	}
	key, _, _, _, err := xssh.ParseAuthorizedKey([]byte(pin))
	if err != nil {
		return "", fmt.Errorf("ssh: pinned key %.40q is neither a fingerprint (SHA256:…) nor a public key", pin)
	}
	return xssh.FingerprintSHA256(key), nil
}

// check implements xssh.HostKeyCallback.
func (v *verifier) check(host string, remote net.Addr, key xssh.PublicKey) error {
	v.result = v.decide(host, remote, key)
	v.accepted = v.result == nil
	return v.result
}

func (v *verifier) decide(host string, remote net.Addr, key xssh.PublicKey) error {
	fingerprint := xssh.FingerprintSHA256(key)
	if slices.Contains(v.pinned, fingerprint) {
		return nil
	}
	var known []KnownKey
	for _, pin := range v.pinned {
		known = append(known, KnownKey{Fingerprint: pin})
	}
	name := knownhosts.Normalize(v.host)
	if v.known != nil {
		err := v.known(host, remote, key)
		var revoked *knownhosts.RevokedError
		var mismatch *knownhosts.KeyError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &revoked):
			return &RevokedHostKeyError{Host: name, Fingerprint: fingerprint, File: revoked.Revoked.Filename, Line: revoked.Revoked.Line}
		case !errors.As(err, &mismatch):
			return fmt.Errorf("ssh: the key of host %s is not accepted: %w", name, err)
		}
		known = append(known, knownKeys(mismatch.Want)...)
	}
	if len(known) > 0 {
		return &ChangedHostKeyError{Host: name, Type: key.Type(), Fingerprint: fingerprint, Known: known}
	}
	return &UnknownHostKeyError{
		Host: name, Type: key.Type(), Fingerprint: fingerprint,
		Line: knownhosts.Line([]string{v.host}, key), Files: v.keys.Files,
	}
}

func knownKeys(want []knownhosts.KnownKey) []KnownKey {
	var keys []KnownKey
	for _, w := range want {
		keys = append(keys, KnownKey{
			Type: w.Key.Type(), Fingerprint: xssh.FingerprintSHA256(w.Key), File: w.Filename, Line: w.Line,
		})
	}
	return keys
}

// algorithms gives the kinds of key to ask the host for: first those that are
// known of it, so that it does not show another of its keys. Certificates are
// only asked for where there is an authority.
func (v *verifier) algorithms() []string {
	all := xssh.SupportedAlgorithms().HostKeys
	known := v.knownTypes()
	authority := v.hasAuthority()
	all = slices.DeleteFunc(all, func(a string) bool { return strings.Contains(a, "-cert-") && !authority })
	rank := func(algorithm string) int {
		switch {
		case strings.Contains(algorithm, "-cert-"):
			return 0
		case slices.Contains(known, keyType(algorithm)):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(all, func(a, b string) int { return rank(a) - rank(b) })
	return all
}

// keyType gives the type of key that an algorithm signs with.
func keyType(algorithm string) string {
	if algorithm == xssh.KeyAlgoRSASHA256 || algorithm == xssh.KeyAlgoRSASHA512 {
		return xssh.KeyAlgoRSA
	}
	return algorithm
}

// knownTypes asks for the key of nobody, to hear which ones would be right.
func (v *verifier) knownTypes() []string {
	var types []string
	for _, pin := range v.keys.Pinned {
		if key, _, _, _, err := xssh.ParseAuthorizedKey([]byte(pin)); err == nil {
			types = append(types, key.Type())
		}
	}
	if v.known == nil {
		return types
	}
	var mismatch *knownhosts.KeyError
	if err := v.known(v.host, nowhere{}, nobody{}); errors.As(err, &mismatch) {
		for _, w := range mismatch.Want {
			types = append(types, w.Key.Type())
		}
	}
	return types
}

// hasAuthority tells whether a file names a certificate authority.
func (v *verifier) hasAuthority() bool {
	for _, file := range v.keys.Files {
		data, err := os.ReadFile(file)
		if err == nil && bytes.Contains(data, []byte("@cert-authority")) {
			return true
		}
	}
	return false
}

// nobody is a key that no host has.
type nobody struct{}

func (nobody) Type() string                         { return "none" }
func (nobody) Marshal() []byte                      { return []byte("none") }
func (nobody) Verify([]byte, *xssh.Signature) error { return errors.New("not a key") }

// nowhere is an address that nothing has.
type nowhere struct{}

func (nowhere) Network() string { return "tcp" }
func (nowhere) String() string  { return "0.0.0.0:0" }
