package winrm

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/epo-dev/epo/psrp/winrm/internal/wsman"
)

// DefaultConfiguration is the session configuration of Windows PowerShell.
// Those of PowerShell 7 are named as "PowerShell.7".
const DefaultConfiguration = "Microsoft.PowerShell"

// Config configures a Transport. URL and Auth are required.
type Config struct {
	// URL is the address of the service. Ports 5985 (http) and 5986 (https) and
	// the path /wsman are filled in. It must not contain credentials.
	URL  string
	Auth Authenticator

	// ConfigurationName is the session configuration (endpoint) to use; ""
	// means DefaultConfiguration.
	ConfigurationName string
	// Locale of messages; "" means en-US.
	Locale string
	// NoProfile keeps Windows from loading the user's registry profile.
	NoProfile bool
	// IdleTimeout is how long the server keeps a shell that nobody asks for
	// output; 0 means what the server likes, 2 h by default.
	IdleTimeout time.Duration
	// OperationTimeout is how long the server holds a Receive; 0 means 20 s. An
	// answer is waited for ten seconds longer.
	OperationTimeout time.Duration
	// MaxEnvelopeSize is the size of messages both ways in bytes; 0 means
	// 153,600 and, once the server has said that it is not older than PowerShell
	// 3, 512,000. To be set where a server's MaxEnvelopeSizekb is less than 500.
	MaxEnvelopeSize int

	// TLS verifies the server; nil means the system's authorities and TLS 1.2.
	TLS *tls.Config
	// Dial opens TCP connections; nil means a net.Dialer with 30 s.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// RetryPauses are the pauses before each new try of a Receive that was lost
	// on the way; nil means 0, 0.5, 1, 2, 4 and 8 s. An empty slice means none.
	RetryPauses []time.Duration
	// Logger hears of each operation, without what it carries.
	Logger *slog.Logger // nil: nothing is logged
}

const (
	envelopeOld     = 153_600
	envelopeCurrent = 512_000
	envelopeLeast   = 8_192

	answerGrace = 10 * time.Second // beyond OperationTimeout
)

// settled is a Config that was checked and completed.
type settled struct {
	Config
	url      *url.URL
	address  string // host and port
	resource string
}

// tlsOnly marks authenticators that must not be used without TLS.
type tlsOnly interface{ needsTLS() }

// tlsConfigurer is an authenticator that is part of the TLS handshake.
type tlsConfigurer interface{ configureTLS(*tls.Config) }

func (c Config) settle() (settled, error) {
	s := settled{Config: c}
	if err := s.settleURL(); err != nil {
		return s, err
	}
	if c.Auth == nil {
		return s, errors.New("winrm: no authentication given")
	}
	if _, ok := c.Auth.(tlsOnly); ok && s.url.Scheme != "https" {
		return s, ErrPlainHTTP
	}
	if c.MaxEnvelopeSize != 0 && c.MaxEnvelopeSize < envelopeLeast {
		return s, fmt.Errorf("winrm: MaxEnvelopeSize is less than %d", envelopeLeast)
	}
	s.OperationTimeout = cmp.Or(c.OperationTimeout, 20*time.Second)
	if s.OperationTimeout < 0 || c.IdleTimeout < 0 {
		return s, errors.New("winrm: negative time in Config")
	}
	s.Locale = cmp.Or(c.Locale, "en-US")
	s.resource = wsman.PowerShellURI + "/" + cmp.Or(c.ConfigurationName, DefaultConfiguration)
	if c.RetryPauses == nil {
		s.RetryPauses = []time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}
	}
	if c.Dial == nil {
		s.Dial = (&net.Dialer{Timeout: 30 * time.Second}).DialContext
	}
	if c.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	s.settleTLS()
	return s, nil
}

// settleURL completes the address. What was given is not repeated in errors: it
// might contain a password.
func (s *settled) settleURL() error {
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return errors.New("winrm: the address is not a URL such as https://host:5986")
	case u.User != nil:
		return errors.New("winrm: the address must not contain credentials")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("winrm: the address begins with %q, not http or https", u.Scheme)
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("winrm: the address must not contain a query")
	}
	port := map[string]string{"http": "5985", "https": "5986"}[u.Scheme]
	s.address = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
	u.Host = s.address
	if u.Path == "" || u.Path == "/" {
		u.Path = "/wsman"
	}
	s.url = u
	return nil
}

func (s *settled) settleTLS() {
	if s.url.Scheme != "https" {
		s.TLS = nil
		return
	}
	t := new(tls.Config)
	if s.TLS != nil {
		t = s.TLS.Clone()
	}
	t.ServerName = cmp.Or(t.ServerName, s.url.Hostname())
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	t.NextProtos = nil // HTTP/1.1: authentication belongs to a connection
	if a, ok := s.Auth.(tlsConfigurer); ok {
		a.configureTLS(t)
	}
	s.TLS = t
}
