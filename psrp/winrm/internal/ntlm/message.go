package ntlm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
)

const (
	signature = "NTLMSSP\x00"

	typeNegotiate    = 1
	typeChallenge    = 2
	typeAuthenticate = 3

	negotiateSize    = 40
	challengeSize    = 56
	authenticateSize = 88 // with version and MIC
	micOffset        = 72
	micSize          = 16
	// maxMessage is far above what a real message takes.
	maxMessage = 64 << 10
)

// version is the VERSION structure, for information only: 10.0, NTLM revision 15.
var version = [8]byte{10, 0, 0, 0, 0, 0, 0, 15}

// A MessageError is a message that is not what [MS-NLMP] describes.
type MessageError struct{ Msg string }

func (e *MessageError) Error() string { return "ntlm: bad message: " + e.Msg }

func messageError(format string, args ...any) error {
	return &MessageError{Msg: fmt.Sprintf(format, args...)}
}

// ErrWeak refuses a peer that does not agree to all of [Required].
var ErrWeak = errors.New("ntlm: the other side does not offer sealing with 128 bit keys")

// negotiateMessage makes the NEGOTIATE message, 2.2.1.1. It is always the same:
// neither domain nor workstation are told before they are needed.
func negotiateMessage() []byte {
	m := header(typeNegotiate)
	m = binary.LittleEndian.AppendUint32(m, uint32(offered))
	m = appendField(m, negotiateSize, 0)
	m = appendField(m, negotiateSize, 0)
	return append(m, version[:]...)
}

// ParseNegotiate reads a NEGOTIATE message.
func ParseNegotiate(m []byte) (Flags, error) {
	if err := checkHeader(m, typeNegotiate, 16); err != nil {
		return 0, err
	}
	return Flags(binary.LittleEndian.Uint32(m[12:])), nil
}

// A Challenge is the CHALLENGE message, 2.2.1.2.
type Challenge struct {
	Flags  Flags
	Nonce  [8]byte
	Target string
	Info   []AVPair
}

// ParseChallenge reads a CHALLENGE message.
func ParseChallenge(m []byte) (Challenge, error) {
	var c Challenge
	if err := checkHeader(m, typeChallenge, 48); err != nil {
		return c, err
	}
	c.Flags = Flags(binary.LittleEndian.Uint32(m[20:]))
	c.Nonce = [8]byte(m[24:32])
	target, err := field(m, 12)
	if err != nil {
		return c, err
	}
	info, err := field(m, 40)
	if err != nil {
		return c, err
	}
	c.Target = fromUTF16(target)
	c.Info, err = parsePairs(info)
	return c, err
}

// Append writes the message; the server's side of the handshake.
func (c Challenge) Append(dst []byte) []byte {
	target, info := toUTF16(c.Target), appendPairs(nil, c.Info)
	m := header(typeChallenge)
	m = appendField(m, challengeSize, len(target))
	m = binary.LittleEndian.AppendUint32(m, uint32(c.Flags))
	m = append(m, c.Nonce[:]...)
	m = append(m, make([]byte, 8)...)
	m = appendField(m, challengeSize+len(target), len(info))
	m = append(m, version[:]...)
	return append(dst, append(append(m, target...), info...)...)
}

// Authenticate is the AUTHENTICATE message, 2.2.1.3.
type Authenticate struct {
	LM, NT             []byte
	Domain, User, Host string
	SessionKey         []byte // encrypted
	Flags              Flags
	MIC                [micSize]byte
}

// Append writes the message.
func (a Authenticate) Append(dst []byte) []byte {
	parts := [][]byte{a.LM, a.NT, toUTF16(a.Domain), toUTF16(a.User), toUTF16(a.Host), a.SessionKey}
	m, offset := header(typeAuthenticate), authenticateSize
	for _, part := range parts {
		m = appendField(m, offset, len(part))
		offset += len(part)
	}
	m = binary.LittleEndian.AppendUint32(m, uint32(a.Flags))
	m = append(m, version[:]...)
	m = append(m, a.MIC[:]...)
	return append(dst, append(m, bytes.Join(parts, nil)...)...)
}

// ParseAuthenticate reads an AUTHENTICATE message; the server's side.
func ParseAuthenticate(m []byte) (Authenticate, error) {
	var a Authenticate
	if err := checkHeader(m, typeAuthenticate, authenticateSize); err != nil {
		return a, err
	}
	var parts [6][]byte
	for i := range parts {
		part, err := field(m, 12+8*i)
		if err != nil {
			return a, err
		}
		parts[i] = part
	}
	a.LM, a.NT, a.SessionKey = parts[0], parts[1], parts[5]
	a.Domain, a.User, a.Host = fromUTF16(parts[2]), fromUTF16(parts[3]), fromUTF16(parts[4])
	a.Flags = Flags(binary.LittleEndian.Uint32(m[60:]))
	copy(a.MIC[:], m[micOffset:])
	return a, nil
}

func header(kind uint32) []byte {
	return binary.LittleEndian.AppendUint32([]byte(signature), kind)
}

func checkHeader(m []byte, kind uint32, size int) error {
	switch {
	case len(m) < size:
		return messageError("%d bytes, message %d has at least %d", len(m), kind, size)
	case len(m) > maxMessage:
		return messageError("%d bytes", len(m))
	case string(m[:8]) != signature:
		return messageError("no NTLMSSP signature")
	case binary.LittleEndian.Uint32(m[8:]) != kind:
		return messageError("type %d, expected %d", binary.LittleEndian.Uint32(m[8:]), kind)
	}
	return nil
}

// appendField writes length, capacity and offset of a part of the payload.
func appendField(m []byte, offset, length int) []byte {
	m = binary.LittleEndian.AppendUint16(m, uint16(length))
	m = binary.LittleEndian.AppendUint16(m, uint16(length))
	return binary.LittleEndian.AppendUint32(m, uint32(offset))
}

// field gives the part of the payload that the field at position at names.
func field(m []byte, at int) ([]byte, error) {
	length := uint64(binary.LittleEndian.Uint16(m[at:]))
	offset := uint64(binary.LittleEndian.Uint32(m[at+4:]))
	if length == 0 {
		return nil, nil
	}
	if offset+length > uint64(len(m)) {
		return nil, messageError("a field ends at %d of %d bytes", offset+length, len(m))
	}
	return m[offset : offset+length : offset+length], nil
}

func toUTF16(s string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b
}

func fromUTF16(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}
