package ssh

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrSilent: the subsystem did not say anything within ConnectTimeout.
	ErrSilent = errors.New("ssh: the subsystem does not answer; it may not be PowerShell in server mode (pwsh -sshs)")
	// ErrKeepAlive: the host does not answer any more.
	ErrKeepAlive = errors.New("ssh: connection lost: the host does not answer")
	// ErrClosed: the session was closed by this side.
	ErrClosed = errors.New("ssh: session is closed")
	// ErrConnectTimeout: not connected within ConnectTimeout.
	ErrConnectTimeout = errors.New("ssh: not connected in time")
)

// An UnknownHostKeyError refuses a host of which no key is known. Nothing was
// sent to it that it should not know.
type UnknownHostKeyError struct {
	Host        string // as in known_hosts
	Type        string // of the key, such as ssh-ed25519
	Fingerprint string // SHA256:…
	Line        string // what would make it known in a known_hosts file
	Files       []string
}

func (e *UnknownHostKeyError) Error() string {
	return fmt.Sprintf("ssh: the key of host %s is not known: it shows %s %s; compare that with what `ssh-keygen -lf` says "+
		"on the host itself, then pin the fingerprint or add to %s the line: %s",
		e.Host, e.Type, e.Fingerprint, strings.Join(e.Files, " or "), e.Line)
}

// A ChangedHostKeyError refuses a host that shows another key than the known
// one: it was set up anew, or something else answers in its place.
type ChangedHostKeyError struct {
	Host        string
	Type        string
	Fingerprint string
	Known       []KnownKey
}

// A KnownKey is a key that was expected.
type KnownKey struct {
	Type        string // "" for a pinned fingerprint
	Fingerprint string
	File        string // "" for a pinned key
	Line        int
}

func (k KnownKey) String() string {
	text := strings.TrimSpace(k.Type + " " + k.Fingerprint)
	if k.File == "" {
		return text + " (pinned)"
	}
	return fmt.Sprintf("%s (%s:%d)", text, k.File, k.Line)
}

func (e *ChangedHostKeyError) Error() string {
	known := make([]string, len(e.Known))
	for i, k := range e.Known {
		known[i] = k.String()
	}
	return fmt.Sprintf("ssh: the key of host %s is NOT the known one: it shows %s %s, known is %s; "+
		"somebody may be answering in its place. Only if the host was set up anew: compare the fingerprint on the host itself, "+
		"then replace the known key", e.Host, e.Type, e.Fingerprint, strings.Join(known, ", "))
}

// A RevokedHostKeyError refuses a key that is marked as revoked.
type RevokedHostKeyError struct {
	Host        string
	Fingerprint string
	File        string
	Line        int
}

func (e *RevokedHostKeyError) Error() string {
	return fmt.Sprintf("ssh: host %s shows the key %s, which %s:%d revokes; do not connect", e.Host, e.Fingerprint, e.File, e.Line)
}

// A KeyError is a private key that cannot be used.
type KeyError struct {
	Index int // in Auth.Keys
	Err   error
}

func (e *KeyError) Error() string { return fmt.Sprintf("ssh: private key %d: %v", e.Index+1, e.Err) }

// Unwrap gives the cause.
func (e *KeyError) Unwrap() error { return e.Err }

var (
	// ErrPassphrase: a private key is encrypted and the passphrase is missing or wrong.
	ErrPassphrase = errors.New("passphrase is missing or wrong")
	// ErrKeyType: a private key is of a type that is not used any more.
	ErrKeyType = errors.New("type or size is not accepted: Ed25519, ECDSA and RSA from 2048 bits are")
)

// An AuthError is a host that does not let the user in.
type AuthError struct {
	Host, User string
	Tried      []string // fingerprints of keys, and "password"
	Err        error
}

func (e *AuthError) Error() string {
	return fmt.Sprintf("ssh: host %s does not let user %s in with %s: %v; look into its authorized_keys and its log",
		e.Host, e.User, strings.Join(e.Tried, ", "), e.Err)
}

// Unwrap gives the cause.
func (e *AuthError) Unwrap() error { return e.Err }

// A ConnectError is a host that could not be connected to.
type ConnectError struct {
	Host  string
	Stage string // dial, handshake or session
	Err   error
}

func (e *ConnectError) Error() string { return fmt.Sprintf("ssh: %s %s: %v", e.Stage, e.Host, e.Err) }

// Unwrap gives the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// A SubsystemError is a host that has no such subsystem.
type SubsystemError struct{ Host, Subsystem string }

func (e *SubsystemError) Error() string {
	return fmt.Sprintf("ssh: host %s refuses the subsystem %q; its sshd_config needs a line like "+
		"`Subsystem %s /usr/bin/pwsh -sshs -NoLogo`, and sshd a restart", e.Host, e.Subsystem, e.Subsystem)
}
