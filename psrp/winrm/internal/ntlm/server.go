package ntlm

import (
	"bytes"
	"crypto/hmac"
	"errors"
)

// ErrRefused is the server's answer to a wrong user, password or binding.
var ErrRefused = errors.New("ntlm: credentials refused")

// A Server is the server's side of one handshake. Only tests use it: it is how
// the client is proved.
type Server struct {
	Domain string
	Clock  []byte // AVTimestamp to tell; nil: none
	// ChannelBinding, if set, must be what the client saw.
	ChannelBinding []byte
	Nonce          [8]byte
	Flags          Flags // what to grant; 0: all the client asked for

	negotiate, challenge []byte
}

// Challenge answers a NEGOTIATE message.
func (s *Server) Challenge(negotiate []byte) ([]byte, error) {
	asked, err := ParseNegotiate(negotiate)
	if err != nil {
		return nil, err
	}
	if s.Flags == 0 {
		s.Flags = asked
	}
	info := []AVPair{{AVDomain, toUTF16(s.Domain)}, {AVComputer, toUTF16("SERVER")}}
	if s.Clock != nil {
		info = append(info, AVPair{AVTimestamp, s.Clock})
	}
	s.negotiate = negotiate
	s.challenge = Challenge{Flags: s.Flags, Nonce: s.Nonce, Target: s.Domain, Info: info}.Append(nil)
	return s.challenge, nil
}

// Accept verifies an AUTHENTICATE message against the password that the user
// should have.
func (s *Server) Accept(message []byte, password func(domain, user string) string) (*Session, error) {
	a, err := ParseAuthenticate(message)
	if err != nil {
		return nil, err
	}
	const head = 28 // of NTLMv2_CLIENT_CHALLENGE, before the attributes
	if len(a.NT) < 16+head || len(a.SessionKey) != 16 {
		return nil, messageError("no NTLMv2 response")
	}
	temp := a.NT[16:]
	response, base := responseKey(a.User, a.Domain, password(a.Domain, a.User)).proof(s.Nonce, temp)
	info, err := parsePairs(temp[head:])
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(response, a.NT) || !s.bound(info) {
		return nil, ErrRefused
	}
	session := key(base.exchange(a.SessionKey))
	if s.Clock != nil && (avFlags(info)&flagMIC == 0 || integrity(session, s.negotiate, s.challenge, message) != a.MIC) {
		return nil, ErrRefused
	}
	return newSession(session, false), nil
}

func (s *Server) bound(info []AVPair) bool {
	return s.ChannelBinding == nil || bytes.Equal(find(info, AVChannelBinding), bindingSum(s.ChannelBinding))
}
