package winrmtest

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/epo-dev/epo/psrp/winrm/internal/ntlm"
	"github.com/epo-dev/epo/psrp/winrm/internal/sealing"
)

// clock is the time that the server tells in its challenge.
var clock = []byte{0, 0x90, 0xd3, 0x36, 0xb7, 0x34, 0xc3, 0x01}

const certificateHeader = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"

type connKey struct{}

// conn is the state of one TCP connection: its NTLM handshake and session.
type conn struct {
	mu        sync.Mutex
	handshake *ntlm.Server
	session   *ntlm.Session
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/wsman" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	switch {
	case s.config.NTLM != nil:
		s.serveNTLM(w, r, body)
	case s.config.Basic != nil && !s.basicOK(r):
		w.Header().Set("WWW-Authenticate", `Basic realm="WSMAN"`)
		w.WriteHeader(http.StatusUnauthorized)
	case s.config.ClientCAs != nil && !certificateOK(r):
		w.WriteHeader(http.StatusUnauthorized)
	default:
		s.operate(w, r, body, s.plain)
	}
}

func (s *Server) basicOK(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	return ok && user == s.config.Basic.User &&
		subtle.ConstantTimeCompare([]byte(password), []byte(s.config.Basic.Password)) == 1
}

func certificateOK(r *http.Request) bool {
	return r.Header.Get("Authorization") == certificateHeader && r.TLS != nil && len(r.TLS.VerifiedChains) > 0
}

// serveNTLM performs the handshake of a connection and afterwards opens and
// seals what goes over it, unless it is TLS.
func (s *Server) serveNTLM(w http.ResponseWriter, r *http.Request, body []byte) {
	c := r.Context().Value(connKey{}).(*conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Negotiate "); ok {
		s.step(w, c, token)
		return
	}
	if c.session == nil {
		w.Header().Add("WWW-Authenticate", "Negotiate")
		w.Header().Add("WWW-Authenticate", "Kerberos")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.TLS != nil {
		s.operate(w, r, body, s.plain)
		return
	}
	protocol, ok := sealing.IsSealed(r.Header.Get("Content-Type"))
	plain, err := sealing.Decode(body, c.session)
	if !ok || protocol != sealing.SPNEGO || err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.operate(w, r, plain, func(w http.ResponseWriter, op Operation, status int, answer []byte) {
		sealed, err := sealing.Encode(sealing.SPNEGO, c.session, answer)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.write(w, op, status, sealing.ContentType(sealing.SPNEGO), sealed)
	})
}

// step takes one token of the handshake.
func (s *Server) step(w http.ResponseWriter, c *conn, token string) {
	message, err := base64.StdEncoding.DecodeString(token)
	refuse := func() {
		w.Header().Set("WWW-Authenticate", "Negotiate")
		w.WriteHeader(http.StatusUnauthorized)
	}
	if err != nil {
		refuse()
		return
	}
	if c.handshake == nil {
		c.handshake = &ntlm.Server{Domain: s.config.NTLM.Domain, Clock: bytes.Clone(clock), ChannelBinding: s.config.ChannelBinding, Nonce: [8]byte{1, 2, 3}}
		challenge, err := c.handshake.Challenge(message)
		if err != nil {
			refuse()
			return
		}
		w.Header().Set("WWW-Authenticate", "Negotiate "+base64.StdEncoding.EncodeToString(challenge))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	session, err := c.handshake.Accept(message, s.password)
	if err != nil {
		c.handshake = nil
		refuse()
		return
	}
	c.session = session
	s.mu.Lock()
	s.handshakes++
	s.mu.Unlock()
	w.WriteHeader(http.StatusOK)
}

// password gives that of the one account, and nobody's for others.
func (s *Server) password(domain, user string) string {
	if a := s.config.NTLM; domain == a.Domain && strings.EqualFold(user, a.User) {
		return a.Password
	}
	return "\x00nobody"
}

// plain writes an answer as it is.
func (s *Server) plain(w http.ResponseWriter, op Operation, status int, answer []byte) {
	s.write(w, op, status, sealing.SOAP, answer)
}

func (s *Server) write(w http.ResponseWriter, op Operation, status int, contentType string, body []byte) {
	if s.config.Tamper != nil {
		contentType, body = s.config.Tamper(op, contentType, body)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone will ask again
}
