package psrp

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"unicode/utf8"

	"github.com/epo-dev/epo/psrp/clixml"
)

// hidden is what is shown of a secret.
const hidden = "psrp.Secret(hidden)"

// A Secret is the plain text of a SecureString. As a parameter, as input or as
// the answer of a host call it is sent encrypted, and the script gets a
// SecureString. It never shows its text by itself: not with any verb of fmt,
// also inside of other values, not in slog and not in JSON. The zero value is
// the empty text.
//
// Go cannot wipe memory for certain; a Secret lives until it is collected.
type Secret struct{ text *string }

// NewSecret makes a Secret. Lone surrogates are in WTF-8, as in package clixml.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal gives the plain text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Format implements fmt.Formatter and writes no part of the text.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue implements slog.LogValuer and gives no part of the text.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText implements encoding.TextMarshaler, which JSON uses as well, and
// gives no part of the text.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// A Credential is a PSCredential: a name and a password. It can be sent
// wherever a [Secret] can; a received one is read by [Pool.DecryptCredential].
type Credential struct {
	UserName string
	Password Secret
}

const credentialType = "System.Management.Automation.PSCredential"

// encode makes the object of a credential.
func (c Credential) encode(password clixml.SecureString) *clixml.Object {
	return &clixml.Object{
		TypeNames: []string{credentialType, "System.Object"},
		ToString:  new(credentialType),
		Properties: []clixml.Property{
			{Name: "UserName", Value: c.UserName},
			{Name: "Password", Value: password},
		},
	}
}

// credentialParts takes the object of a credential apart.
func credentialParts(v any) (name string, password clixml.SecureString, err error) {
	o, _ := v.(*clixml.Object)
	if o == nil {
		return "", password, errors.New("psrp: not a PSCredential")
	}
	user, _ := o.Get("UserName")
	secret, _ := o.Get("Password")
	password, ok := secret.(clixml.SecureString)
	if name, isText := user.(string); ok && isText {
		return name, password, nil
	}
	return "", password, errors.New("psrp: not a PSCredential")
}

// toUTF16 gives text as UTF-16LE.
func toUTF16(text string) []byte {
	out := make([]byte, 0, 2*len(text))
	unit := func(u rune) { out = append(out, byte(u), byte(u>>8)) }
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if n == 1 && len(text)-i >= 3 && text[i] == 0xED && text[i+1]&0xE0 == 0xA0 && text[i+2]&0xC0 == 0x80 {
			r, n = 0xD000|rune(text[i+1]&0x3F)<<6|rune(text[i+2]&0x3F), 3
		}
		i += n
		if r >= 0x10000 {
			unit(0xD800 | (r-0x10000)>>10)
			r = 0xDC00 | (r-0x10000)&0x3FF
		}
		unit(r)
	}
	return out
}

// fromUTF16 is the reverse of toUTF16; data has an even length.
func fromUTF16(data []byte) string {
	out := make([]byte, 0, len(data))
	for i := 0; i+1 < len(data); i += 2 {
		u := rune(data[i]) | rune(data[i+1])<<8
		if u >= 0xD800 && u < 0xDC00 && i+3 < len(data) {
			if low := rune(data[i+2]) | rune(data[i+3])<<8; low >= 0xDC00 && low < 0xE000 {
				u = 0x10000 + (u&0x3FF)<<10 + low&0x3FF
				i += 2
			}
		}
		if u >= 0xD800 && u < 0xE000 {
			out = append(out, 0xED, 0x80|byte(u>>6)&0x3F, 0x80|byte(u)&0x3F)
			continue
		}
		out = utf8.AppendRune(out, u)
	}
	return string(out)
}
