// Package winrmtest is a WS-Man service for tests: enough of WinRM to open
// PowerShell shells over HTTP and HTTPS, with NTLM and sealing, Basic and
// client certificates. Behind each shell is another [psrp.Transport], such as
// that of a real `pwsh -s`, so that what a client does is done for real.
//
// It is independent of what it tests where that is possible: it reads requests
// with encoding/xml and writes answers in the form of recorded ones; it is held
// against the recordings itself. [Start] is all that most tests need. Only tests
// import it.
package winrmtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/epo-dev/epo/psrp"
)

// Config configures a Server. Exactly one of NTLM, Basic and ClientCAs is set;
// with none, everybody is let in.
type Config struct {
	// Engine starts what is behind a new shell; release is called when the shell
	// is gone.
	Engine func() (t psrp.Transport, release func(), err error)

	NTLM      *Account
	Basic     *Account
	ClientCAs *x509.CertPool

	TLS *tls.Certificate // nil: plain HTTP
	// ChannelBinding is the application data NTLM must have been bound to.
	ChannelBinding []byte

	// Before, if set, sees each operation before it is performed, and may answer
	// itself.
	Before func(w http.ResponseWriter, r *http.Request, op Operation) (answered bool)
	// Tamper, if set, may change what is sent as answer to an operation.
	Tamper func(op Operation, contentType string, body []byte) (string, []byte)
}

// Account is whom the server lets in.
type Account struct{ Domain, User, Password string }

// Operation is one request as a server sees it.
type Operation struct {
	Name     string // last part of the action
	Command  string // CommandId; "" for the shell
	Resource string // URI, with the name of the session configuration
	Size     int    // of the envelope in bytes
	Number   int    // of this operation on its target, from 1
}

// A Server serves until it is closed.
type Server struct {
	config Config
	http   *httptest.Server

	mu         sync.Mutex
	shells     map[string]*shell
	counts     map[string]int
	operations []Operation
	handshakes int
}

// NewServer starts a server on a free port of the loopback interface.
func NewServer(c Config) *Server {
	s := &Server{config: c, shells: make(map[string]*shell), counts: make(map[string]int)}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.http.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, new(conn))
	}
	if c.TLS == nil {
		s.http.Start()
		return s
	}
	s.http.TLS = &tls.Config{Certificates: []tls.Certificate{*c.TLS}}
	if c.ClientCAs != nil {
		s.http.TLS.ClientCAs, s.http.TLS.ClientAuth = c.ClientCAs, tls.VerifyClientCertIfGiven
	}
	s.http.StartTLS()
	return s
}

// URL is the address to configure a client with.
func (s *Server) URL() string { return s.http.URL + "/wsman" }

// Close ends the server and every shell that is left.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.mu.Lock()
	shells := s.shells
	s.shells = make(map[string]*shell)
	s.mu.Unlock()
	for _, sh := range shells {
		sh.close()
	}
	s.http.Close()
}

// DropConnections cuts every connection, whatever is under way.
func (s *Server) DropConnections() { s.http.CloseClientConnections() }

// DropShells ends all shells behind the back of their clients.
func (s *Server) DropShells() {
	s.mu.Lock()
	shells := s.shells
	s.shells = make(map[string]*shell)
	s.mu.Unlock()
	for _, sh := range shells {
		sh.close()
	}
}

// Shells is how many shells there are.
func (s *Server) Shells() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.shells)
}

// Operations gives what was asked for so far.
func (s *Server) Operations() []Operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Operation(nil), s.operations...)
}

// Handshakes is how many connections were authenticated with NTLM.
func (s *Server) Handshakes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handshakes
}

// record notes an operation and gives it its number.
func (s *Server) record(op Operation) Operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := op.Name + " " + op.Command
	s.counts[key]++
	op.Number = s.counts[key]
	s.operations = append(s.operations, op)
	return op
}
