package winrmtest

import (
	"cmp"
	"context"
	"crypto/tls"
	"os"
	"testing"
	"time"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/stdio"
	"github.com/epo-dev/epo/psrp/winrm"
)

// An Access is a way to get in.
type Access string

// All of them.
const (
	NTLM        Access = "NTLM sealed on HTTP"
	NTLMOverTLS Access = "NTLM bound to TLS"
	Basic       Access = "Basic on TLS"
	Certificate Access = "client certificate"
)

// Whom [Start] lets in unless told otherwise.
const (
	Domain   = "DOM"
	User     = "Grüßer"
	Password = "s3cret-Pässwörd€"
)

// Options are for [Start]. PowerShell or Engine is required.
type Options struct {
	Access Access // "" means NTLM
	// PowerShell is the program with its arguments before "-s"; each shell gets a
	// process of its own.
	PowerShell []string
	// Env is added to the environment of PowerShell, which is otherwise clean.
	Env []string
	// Engine is what is behind a shell instead of PowerShell.
	Engine func() (t psrp.Transport, release func(), err error)

	User, Password string // "" means the constants above

	// Change, if set, has the last word.
	Change func(*Config)
}

// An Endpoint is a server that runs, and what a client needs to get in.
type Endpoint struct {
	*Server
	// Client is a complete configuration for package winrm.
	Client winrm.Config

	User     string // with the domain, for NTLM: DOM\user
	Password string
	CA       []byte // PEM of the server's authority; nil without TLS
	// ClientCertificate and ClientKey are PEM, for access with a certificate.
	ClientCertificate, ClientKey []byte
}

// Start serves until the end of the test:
//
//	e := winrmtest.Start(t, winrmtest.Options{PowerShell: []string{"pwsh"}})
//	transport, err := winrm.New(e.Client)
func Start(t testing.TB, o Options) *Endpoint {
	t.Helper()
	e := &Endpoint{User: cmp.Or(o.User, User), Password: cmp.Or(o.Password, Password)}
	s := Config{Engine: o.Engine}
	if s.Engine == nil {
		s.Engine = PowerShell(o.PowerShell, o.Env...)
	}
	e.admit(t, cmp.Or(o.Access, NTLM), &s)
	if o.Change != nil {
		o.Change(&s)
	}
	e.Server = NewServer(s)
	t.Cleanup(e.Server.Close)
	e.Client.URL = e.URL()
	e.Client.OperationTimeout = 10 * time.Second
	return e
}

// admit prepares both sides for a way to get in.
func (e *Endpoint) admit(t testing.TB, access Access, s *Config) {
	t.Helper()
	account := &Account{User: e.User, Password: e.Password}
	if access != NTLM {
		pair := NewKeyPair(t)
		s.TLS, e.CA = &pair.Certificate, pair.PEM
		s.ChannelBinding = pair.Binding
		e.Client.TLS = &tls.Config{RootCAs: pair.Pool}
	}
	switch access {
	case NTLM, NTLMOverTLS:
		account.Domain = Domain
		s.NTLM, e.User = account, Domain+`\`+e.User
		e.Client.Auth = winrm.NTLM{User: e.User, Password: winrm.Password(e.Password)}
	case Basic:
		s.Basic = account
		e.Client.Auth = winrm.Basic{User: e.User, Password: winrm.Password(e.Password)}
	case Certificate:
		own := NewKeyPair(t)
		s.ClientCAs, e.ClientCertificate, e.ClientKey = own.Pool, own.PEM, own.KeyPEM
		e.Client.Auth = winrm.Certificate{Certificate: own.Certificate}
	default:
		t.Fatalf("winrmtest: no such access: %s", access)
	}
}

// PowerShell is an engine that starts a process for each shell: program and
// arguments before "-s", and what its environment has beside the bare minimum.
func PowerShell(command []string, more ...string) func() (psrp.Transport, func(), error) {
	return func() (psrp.Transport, func(), error) {
		env := []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "LANG=C.UTF-8", "NO_COLOR=1", "TERM=dumb", "TZ=UTC",
			"POWERSHELL_TELEMETRY_OPTOUT=1", "POWERSHELL_DIAGNOSTICS_OPTOUT=1", "DOTNET_EnableDiagnostics=0",
		}
		p, err := stdio.Start(context.Background(), stdio.Config{Path: command[0], Args: command[1:], Env: append(env, more...)})
		if err != nil {
			return nil, nil, err
		}
		return p.Transport(), func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = p.Close(ctx) // it is killed, if need be
		}, nil
	}
}
