package ntlm

import (
	"crypto/hmac"
	"crypto/rc4"
	"encoding/binary"
	"errors"
)

// SignatureSize is the length of the signature of a sealed message.
const SignatureSize = 16

// ErrTampered is what a message gets that was changed, lost its place in the
// sequence, or was sealed with another key. The session is of no use afterwards.
var ErrTampered = errors.New("ntlm: the signature of a sealed message is wrong")

// A Session seals and opens messages in order, 3.4: RC4 with a running key
// stream and an HMAC over number and plaintext, keys of its own for each way.
// It is for one goroutine at a time.
type Session struct {
	out, in direction
	dead    bool
}

type direction struct {
	sign   key
	cipher *rc4.Cipher
	number uint32
}

func newSession(k key, client bool) *Session {
	return &Session{out: newDirection(k, client), in: newDirection(k, !client)}
}

func newDirection(k key, client bool) direction {
	return direction{sign: k.derive(client, "signing"), cipher: k.derive(client, "sealing").cipher()}
}

// Seal encrypts a message and signs it.
func (s *Session) Seal(plain []byte) (sig, sealed []byte, err error) {
	if s.dead {
		return nil, nil, ErrTampered
	}
	sealed = make([]byte, len(plain))
	s.out.cipher.XORKeyStream(sealed, plain)
	return s.out.signature(plain), sealed, nil
}

// Unseal decrypts a message and verifies its signature.
func (s *Session) Unseal(sig, sealed []byte) ([]byte, error) {
	if s.dead {
		return nil, ErrTampered
	}
	plain := make([]byte, len(sealed))
	s.in.cipher.XORKeyStream(plain, sealed)
	if !hmac.Equal(sig, s.in.signature(plain)) {
		s.dead = true
		return nil, ErrTampered
	}
	return plain, nil
}

// signature is the MAC of 3.4.4.2 with key exchange. It takes its bytes of the
// key stream after those of the message.
func (d *direction) signature(plain []byte) []byte {
	number := binary.LittleEndian.AppendUint32(nil, d.number)
	sum := hmacMD5(d.sign[:], number, plain)
	sig := make([]byte, 12, SignatureSize)
	sig[0] = 1
	d.cipher.XORKeyStream(sig[4:12], sum[:8])
	d.number++
	return append(sig, number...)
}
