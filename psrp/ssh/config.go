package ssh

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/epo-dev/epo/psrp"
)

// DefaultSubsystem is the name that PowerShell's documentation gives the
// subsystem.
const DefaultSubsystem = "powershell"

// Config configures a Session. Address, User, Auth and HostKeys are required.
type Config struct {
	Address  string // host, host:port or [IPv6]:port; the port is 22 by default
	User     string
	Auth     Auth
	HostKeys HostKeys

	// Jump is a host to go through: the connection to Address starts there. Of it
	// only what is above, its own Jump and Banner count.
	Jump *Config

	Subsystem string // "" means DefaultSubsystem

	// ConnectTimeout is for connecting, jumps included, and once more for the
	// first packet of the subsystem. 0 means 30 s.
	ConnectTimeout time.Duration
	// KeepAlive is the pause between questions to a host that nothing else is
	// heard of. 0 means 15 s, less than 0 none.
	KeepAlive time.Duration
	// KeepAliveTries is how many of them may go unanswered; 0 means 3.
	KeepAliveTries int
	// CloseGrace is how long Close waits for the subsystem to end; 0 means 2 s.
	CloseGrace time.Duration

	// Banner, if set, is told what the server shows before authentication.
	Banner func(text string)
	// Stderr, if set, is told each line of the subsystem's standard error, cut at
	// 64 KiB. Banners and shell profiles may appear here; it is never an error.
	Stderr func(line string)
	// Noise, if set, is told what came on standard output and is not protocol.
	Noise func(text []byte)
	// Redact hides secrets in what an error shows of the above, after everything
	// that looks like packet content was hidden.
	Redact func(string) string

	// Dial opens TCP connections, the first one only when there are jumps; nil
	// means a net.Dialer.
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Logger *slog.Logger // nil: nothing is logged
}

// Auth is how a user is proved. Keys are tried first, then the agent's, then the
// password.
type Auth struct {
	Keys []PrivateKey
	// Agent is the socket of an ssh-agent, usually that in SSH_AUTH_SOCK; ""
	// means none. On Windows it is a pipe, \\.\pipe\openssh-ssh-agent.
	Agent string
	// Password is used if it is not nil.
	Password *psrp.Secret
}

// A PrivateKey is a key in OpenSSH's or in PEM form: Ed25519, ECDSA or RSA of at
// least 2048 bits.
type PrivateKey struct {
	PEM        []byte
	Passphrase psrp.Secret // of an encrypted key
}

// String hides the key.
func (PrivateKey) String() string { return "ssh.PrivateKey(hidden)" }

// GoString hides the key.
func (PrivateKey) GoString() string { return "ssh.PrivateKey(hidden)" }

// LogValue hides the key.
func (PrivateKey) LogValue() slog.Value { return slog.StringValue("ssh.PrivateKey(hidden)") }

// MarshalText hides the key.
func (PrivateKey) MarshalText() ([]byte, error) { return []byte("ssh.PrivateKey(hidden)"), nil }

func (c Config) withDefaults() (Config, error) {
	if c.ConnectTimeout < 0 || c.KeepAliveTries < 0 || c.CloseGrace < 0 {
		return c, errors.New("ssh: negative number in Config")
	}
	c.Subsystem = cmp.Or(c.Subsystem, DefaultSubsystem)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 30*time.Second)
	c.KeepAlive = cmp.Or(c.KeepAlive, 15*time.Second)
	c.KeepAliveTries = cmp.Or(c.KeepAliveTries, 3)
	c.CloseGrace = cmp.Or(c.CloseGrace, 2*time.Second)
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, c.check()
}

// check looks at what every host of the chain must have.
func (c Config) check() error {
	for hop := &c; hop != nil; hop = hop.Jump {
		switch {
		case hop.Address == "":
			return errors.New("ssh: no address")
		case hop.User == "":
			return errors.New("ssh: no user for " + hop.Address)
		case len(hop.HostKeys.Files) == 0 && len(hop.HostKeys.Pinned) == 0:
			return errors.New("ssh: no known_hosts file and no pinned key for " + hop.Address)
		case len(hop.Auth.Keys) == 0 && hop.Auth.Agent == "" && hop.Auth.Password == nil:
			return errors.New("ssh: no key, agent or password for " + hop.Address)
		}
	}
	return nil
}

// hostPort gives the address with its port.
func (c Config) hostPort() string {
	if _, _, err := net.SplitHostPort(c.Address); err == nil {
		return c.Address
	}
	host := c.Address
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	return net.JoinHostPort(host, "22")
}
