package ntlm

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"time"
)

// lmSize is the length of an LM response.
const lmSize = 24

// maxField is the length a field of a message can have.
const maxField = 0xffff

// A Client is the client's side of one handshake.
type Client struct {
	Domain, User, Password string

	// TargetName is the service principal name, as "HTTP/host".
	TargetName string
	// ChannelBinding is the application data of the channel bindings
	// ("tls-server-end-point:" and a hash), nil without TLS.
	ChannelBinding []byte

	Now  func() time.Time // for servers that do not tell theirs; nil: time.Now
	Rand func([]byte)     // nil: crypto/rand
	sent []byte           // the NEGOTIATE message
}

// Negotiate gives the first message.
func (c *Client) Negotiate() []byte {
	c.sent = negotiateMessage()
	return c.sent
}

// Authenticate answers the CHALLENGE message and opens the session.
func (c *Client) Authenticate(challenge []byte) (message []byte, s *Session, err error) {
	in, err := ParseChallenge(challenge)
	if err != nil {
		return nil, nil, err
	}
	if !in.Flags.has(Required) {
		return nil, nil, ErrWeak
	}
	var nonce [8]byte
	var session key
	c.random(nonce[:])
	c.random(session[:])

	out := Authenticate{Domain: c.Domain, User: c.User, Flags: in.Flags & offered}
	timestamp, told := c.timestamp(in.Info)
	info := appendPairs(nil, c.info(in.Info, told))
	k := responseKey(c.User, c.Domain, c.Password)
	var base key
	out.NT, base = k.proof(in.Nonce, clientChallenge(timestamp, nonce, info))
	if len(out.NT) > maxField {
		return nil, nil, messageError("target information of %d bytes", len(info))
	}
	out.LM = make([]byte, lmSize)
	if !told {
		out.LM = k.lmProof(in.Nonce, nonce)
	}
	out.SessionKey = base.exchange(session[:])
	message = out.Append(nil)
	if told {
		mic := integrity(session, c.sent, challenge, message)
		copy(message[micOffset:], mic[:])
	}
	return message, newSession(session, true), nil
}

// info makes the attributes of the response out of those of the server.
func (c *Client) info(pairs []AVPair, mic bool) []AVPair {
	if mic {
		pairs = with(pairs, AVFlags, binary.LittleEndian.AppendUint32(nil, avFlags(pairs)|flagMIC))
	}
	pairs = with(pairs, AVChannelBinding, bindingSum(c.ChannelBinding))
	return with(pairs, AVTargetName, toUTF16(c.TargetName))
}

func avFlags(pairs []AVPair) uint32 {
	if v := find(pairs, AVFlags); len(v) == 4 {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}

// timestamp is the time of the server, which then expects a MIC, or ours.
func (c *Client) timestamp(pairs []AVPair) (t uint64, told bool) {
	if v := find(pairs, AVTimestamp); len(v) == 8 {
		return binary.LittleEndian.Uint64(v), true
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	return FileTime(now()), false
}

func (c *Client) random(b []byte) {
	if c.Rand != nil {
		c.Rand(b)
		return
	}
	_, _ = rand.Read(b) // never fails, see crypto/rand
}

// FileTime gives t in units of 100 ns since 1601.
func FileTime(t time.Time) uint64 {
	const epoch = 11644473600 // seconds from 1601 to 1970
	return uint64(t.Unix()+epoch)*10_000_000 + uint64(t.Nanosecond()/100)
}

// integrity is the MIC, the code that binds the three messages together, 3.1.5.1.2. In the
// last one its own place counts as zero.
func integrity(session key, negotiate, challenge, authenticate []byte) [micSize]byte {
	last := append([]byte(nil), authenticate...)
	clear(last[micOffset : micOffset+micSize])
	return hmacMD5(session[:], negotiate, challenge, last)
}

// bindingSum is the MD5 of gss_channel_bindings_struct, 2.2.2.1: no addresses,
// only application data. Without any it is zero.
func bindingSum(data []byte) []byte {
	if len(data) == 0 {
		return make([]byte, md5.Size)
	}
	b := make([]byte, 16, 20+len(data))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	sum := md5.Sum(append(b, data...))
	return sum[:]
}
