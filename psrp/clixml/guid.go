package clixml

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
)

// GUID is a System.Guid in the byte order of its text form.
type GUID [16]byte

var errGUID = errors.New("not a GUID")

// NewGUID makes a random (version 4) GUID.
func NewGUID() GUID {
	var g GUID
	_, _ = rand.Read(g[:]) // never fails, see crypto/rand
	g[6] = g[6]&0x0f | 0x40
	g[8] = g[8]&0x3f | 0x80
	return g
}

// ParseGUID reads the form 00000000-0000-0000-0000-000000000000, with or
// without braces, in upper or lower case.
func ParseGUID(s string) (GUID, error) {
	var g GUID
	if len(s) == 38 && s[0] == '{' && s[37] == '}' {
		s = s[1:37]
	}
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return g, errGUID
	}
	digits := s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36]
	if _, err := hex.Decode(g[:], []byte(digits)); err != nil {
		return GUID{}, errGUID
	}
	return g, nil
}

// GUIDFromBytes reads the .NET byte order (first three fields little-endian),
// the one PSRP message headers use.
func GUIDFromBytes(b [16]byte) GUID { return GUID(b).swap() }

// Bytes gives the .NET byte order.
func (g GUID) Bytes() [16]byte { return g.swap() }

func (g GUID) swap() GUID {
	g[0], g[1], g[2], g[3] = g[3], g[2], g[1], g[0]
	g[4], g[5] = g[5], g[4]
	g[6], g[7] = g[7], g[6]
	return g
}

// IsZero tells whether g is all zero.
func (g GUID) IsZero() bool { return g == GUID{} }

// String gives the lower-case form with dashes.
func (g GUID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], g[0:4])
	hex.Encode(b[9:13], g[4:6])
	hex.Encode(b[14:18], g[6:8])
	hex.Encode(b[19:23], g[8:10])
	hex.Encode(b[24:36], g[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}
