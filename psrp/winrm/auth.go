package winrm

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/epo-dev/epo/psrp/winrm/internal/ntlm"
	"github.com/epo-dev/epo/psrp/winrm/internal/sealing"
)

// An Authenticator makes a security context for each connection. [Basic],
// [NTLM] and [Certificate] are there; others can be added. It is used by
// several goroutines.
type Authenticator interface {
	// Authenticate performs the handshake on a new connection, with as many
	// exchanges as it takes, and gives what protects the requests that follow.
	Authenticate(ctx context.Context, ch Channel, exchange Exchange) (Security, error)
}

// Channel is the connection that is to be authenticated.
type Channel struct {
	Host string               // of the URL, without port
	TLS  *tls.ConnectionState // nil on plain HTTP
}

// Exchange posts an empty request with the given Authorization header.
type Exchange func(ctx context.Context, authorization string) (Challenge, error)

// Challenge is what the server answered to an Exchange.
type Challenge struct {
	Refused bool     // status 401: the handshake is not over, or has failed
	Offers  []string // the WWW-Authenticate headers
}

// Token gives the token of the given scheme, nil if the server sent none.
func (c Challenge) Token(scheme string) []byte {
	for _, offer := range c.Offers {
		name, value, _ := strings.Cut(offer, " ")
		if !strings.EqualFold(name, scheme) {
			continue
		}
		token, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if err == nil && len(token) > 0 {
			return token
		}
	}
	return nil
}

// refusal is the error of a handshake that the server ended.
func (c Challenge) refusal() error {
	err := &AuthError{}
	for _, offer := range c.Offers {
		name, _, _ := strings.Cut(offer, " ")
		err.Offers = append(err.Offers, name)
	}
	return err
}

// Security protects the requests of one connection.
type Security struct {
	// Authorization is a header for each request; "" where the connection
	// itself was authenticated.
	Authorization string
	// Sealer seals bodies. It is required on plain HTTP and not used on TLS.
	Sealer Sealer
	// Protocol is the name of the sealing,
	// "application/HTTP-SPNEGO-session-encrypted" if empty.
	Protocol string
}

// A Sealer encrypts and signs messages in order, and opens those of the server.
// It is used by one goroutine at a time. A message that was tampered with must
// be an error.
type Sealer interface {
	Seal(plain []byte) (signature, sealed []byte, err error)
	Unseal(signature, sealed []byte) (plain []byte, err error)
}

// Basic sends name and password with each request. It needs TLS. Windows allows
// it for local accounts only.
type Basic struct {
	User     string
	Password Password
}

func (Basic) needsTLS() {}

// Authenticate implements Authenticator.
func (b Basic) Authenticate(_ context.Context, ch Channel, _ Exchange) (Security, error) {
	if ch.TLS == nil {
		return Security{}, fmt.Errorf("basic authentication: %w", ErrPlainHTTP)
	}
	plain := b.User + ":" + string(b.Password)
	return Security{Authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte(plain))}, nil
}

// Certificate presents a client certificate, which the server maps to an
// account. It needs TLS.
type Certificate struct {
	Certificate tls.Certificate
}

const certificateHeader = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"

func (Certificate) needsTLS() {}

// configureTLS adds the certificate. Windows asks for it only after it has seen
// the request, by renegotiation, which TLS 1.3 does not have.
func (c Certificate) configureTLS(t *tls.Config) {
	t.Certificates = []tls.Certificate{c.Certificate}
	t.Renegotiation = tls.RenegotiateOnceAsClient
	if t.MaxVersion == 0 {
		t.MaxVersion = tls.VersionTLS12
	}
}

// Authenticate implements Authenticator.
func (Certificate) Authenticate(_ context.Context, ch Channel, _ Exchange) (Security, error) {
	if ch.TLS == nil {
		return Security{}, fmt.Errorf("client certificate: %w", ErrPlainHTTP)
	}
	return Security{Authorization: certificateHeader}, nil
}

// NTLM is NTLMv2 inside of Negotiate. It works for local and domain accounts,
// seals bodies on plain HTTP and binds itself to the certificate on TLS.
type NTLM struct {
	User     string // name, DOMAIN\name or name@domain
	Password Password
}

const negotiate = "Negotiate"

// Authenticate implements Authenticator.
func (n NTLM) Authenticate(ctx context.Context, ch Channel, exchange Exchange) (Security, error) {
	c := ntlm.Client{User: n.User, Password: string(n.Password), TargetName: "HTTP/" + ch.Host}
	if domain, user, ok := strings.Cut(n.User, `\`); ok {
		c.Domain, c.User = domain, user
	}
	if ch.TLS != nil {
		c.ChannelBinding = endpointBinding(ch.TLS)
	}
	answer, err := exchange(ctx, negotiate+" "+base64.StdEncoding.EncodeToString(c.Negotiate()))
	if err != nil {
		return Security{}, err
	}
	challenge := answer.Token(negotiate)
	if challenge == nil {
		return Security{}, answer.refusal()
	}
	message, session, err := c.Authenticate(challenge)
	if err != nil {
		return Security{}, err
	}
	answer, err = exchange(ctx, negotiate+" "+base64.StdEncoding.EncodeToString(message))
	if err != nil {
		return Security{}, err
	}
	if answer.Refused {
		return Security{}, answer.refusal()
	}
	return Security{Sealer: session, Protocol: sealing.SPNEGO}, nil
}
