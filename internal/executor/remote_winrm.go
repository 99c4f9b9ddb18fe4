package executor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"time"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/winrm"
)

// winrmLink is a shell of a WinRM service. Its pool closes it.
type winrmLink struct{ shell *winrm.Transport }

// shellIdle is after how long without this agent the server ends a shell with
// what it runs.
const shellIdle = 3 * time.Minute

// operationTimeout is how long a server may take for one answer, the start of an
// engine included.
const operationTimeout = 45 * time.Second

// connectWinRM makes the shell; the connection is made when it is first used.
func (c connector) connectWinRM() (link, error) {
	config, err := c.winrmConfig()
	if err != nil {
		return nil, err
	}
	shell, err := winrm.New(config)
	if err != nil {
		return nil, err
	}
	return &winrmLink{shell}, nil
}

func (c connector) winrmConfig() (winrm.Config, error) {
	o := c.target.Options
	u := url.URL{Scheme: cmp.Or(o.Scheme, api.SchemeHTTPS), Host: c.target.HostPort(), Path: o.Path}
	config := winrm.Config{
		URL: u.String(), ConfigurationName: o.ConfigurationName, Locale: o.Culture,
		IdleTimeout: shellIdle, OperationTimeout: operationTimeout, Logger: c.config.Logger,
	}
	var err error
	if u.Scheme == api.SchemeHTTPS {
		if config.TLS, err = c.tls(); err != nil {
			return config, err
		}
	}
	config.Auth, err = c.authenticator()
	return config, err
}

// tls trusts the authorities of the target, or those of the system.
func (c connector) tls() (*tls.Config, error) {
	o := c.target.Options
	config := &tls.Config{ServerName: cmp.Or(o.ServerName, o.Address), MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(o.CA)) {
			return nil, errors.New("option ca holds no certificate")
		}
	}
	return config, nil
}

func (c connector) authenticator() (winrm.Authenticator, error) {
	o, id := c.target.Options, c.identity
	auth := cmp.Or(o.Auth, api.AuthNTLM)
	if auth == api.AuthCertificate {
		pair, err := tls.X509KeyPair([]byte(id.Certificate), []byte(id.Key))
		if err != nil {
			return nil, &identityError{id.name, "has no certificate with its key, which auth certificate needs"}
		}
		return winrm.Certificate{Certificate: pair}, nil
	}
	user := cmp.Or(o.User, id.User)
	switch {
	case user == "":
		return nil, &identityError{id.name, "names no user, and neither does the target"}
	case id.Password == "":
		return nil, &identityError{id.name, "has no password, which auth " + auth + " needs"}
	case auth == api.AuthBasic:
		return winrm.Basic{User: user, Password: winrm.Password(id.Password)}, nil
	}
	return winrm.NTLM{User: user, Password: winrm.Password(id.Password)}, nil
}

func (l *winrmLink) transport() psrp.Transport { return l.shell }

func (l *winrmLink) drop() { go func() { _ = l.shell.Close() }() } // bounded by its own time-out

func (l *winrmLink) close(context.Context) { _ = l.shell.Close() }

func (l *winrmLink) cause(err error) error {
	var broken *psrp.BrokenError
	if errors.As(err, &broken) {
		return broken.Err
	}
	return err
}
