package clixml

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const upperHex = "0123456789ABCDEF"

// appendUnit writes one UTF-16 unit in the form _xHHHH_.
func appendUnit(dst []byte, u uint16) []byte {
	return append(dst, '_', 'x', upperHex[u>>12], upperHex[u>>8&15], upperHex[u>>4&15], upperHex[u&15], '_')
}

// appendText escapes s as .NET does, and for XML. Inside an attribute the
// double quote is escaped too.
func appendText(dst []byte, s string, attribute bool) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < 0x7f && c != '_' && c != '&' && c != '<' && c != '>' && c != '"' {
			i++
			continue
		}
		esc, n := escapeAt(s, i, attribute)
		if esc.len == 0 {
			i += n
			continue
		}
		dst = append(append(dst, s[start:i]...), esc.buf[:esc.len]...)
		i += n
		start = i
	}
	return append(dst, s[start:]...)
}

// escaped is a small replacement text; len 0 means "leave it as it is".
type escaped struct {
	buf [14]byte
	len int
}

func escapedText(b []byte) (e escaped) {
	e.len = copy(e.buf[:], b)
	return e
}

// escapeAt tells what to write instead of the n bytes at s[i].
func escapeAt(s string, i int, attribute bool) (e escaped, n int) {
	var tmp [14]byte
	switch c := s[i]; {
	case c < 0x20 || c == 0x7f:
		return escapedText(appendUnit(tmp[:0], uint16(c))), 1
	case c == '_':
		if i+1 < len(s) && (s[i+1] == 'x' || s[i+1] == 'X') {
			return escapedText(appendUnit(tmp[:0], '_')), 1
		}
		return e, 1
	case c == '&':
		return escapedText([]byte("&amp;")), 1
	case c == '<':
		return escapedText([]byte("&lt;")), 1
	case c == '>':
		return escapedText([]byte("&gt;")), 1
	case c == '"':
		if attribute {
			return escapedText([]byte("&quot;")), 1
		}
		return e, 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	switch {
	case r == utf8.RuneError && n == 1:
		if u, ok := loneSurrogate(s[i:]); ok {
			return escapedText(appendUnit(tmp[:0], u)), 3
		}
		return escapedText([]byte("\uFFFD")), 1
	case r > 0xffff:
		hi, lo := utf16.EncodeRune(r)
		return escapedText(appendUnit(appendUnit(tmp[:0], uint16(hi)), uint16(lo))), n
	case r <= 0x9f || r == 0xfffe || r == 0xffff:
		return escapedText(appendUnit(tmp[:0], uint16(r))), n
	}
	return e, n
}

// loneSurrogate reads a surrogate in its WTF-8 form.
func loneSurrogate(s string) (uint16, bool) {
	if len(s) < 3 || s[0] != 0xed || s[1] < 0xa0 || s[1] > 0xbf || s[2] < 0x80 || s[2] > 0xbf {
		return 0, false
	}
	return 0xd000 | uint16(s[1]&0x3f)<<6 | uint16(s[2]&0x3f), true
}

// unescape undoes the _xHHHH_ form. b is valid UTF-8, so surrogates in the
// result can only come from escapes; a pair becomes one code point.
func unescape(b []byte) string {
	i := bytes.IndexByte(b, '_')
	if i < 0 {
		return string(b)
	}
	var dst []byte
	start := 0
	for i < len(b) {
		r, n := escapeSequence(b[i:])
		if n == 0 {
			next := bytes.IndexByte(b[i+1:], '_')
			if next < 0 {
				break
			}
			i += 1 + next
			continue
		}
		dst = appendWTF8(append(dst, b[start:i]...), r)
		i += n
		start = i
		next := bytes.IndexByte(b[i:], '_')
		if next < 0 {
			break
		}
		i += next
	}
	if dst == nil {
		return string(b)
	}
	return string(append(dst, b[start:]...))
}

// escapeSequence reads _xHHHH_ or _xHHHHHHHH_ at the start of b; n is 0 if
// there is none.
func escapeSequence(b []byte) (r rune, n int) {
	if len(b) < 7 || b[1] != 'x' && b[1] != 'X' {
		return 0, 0
	}
	for _, digits := range [...]int{4, 8} {
		n = digits + 3
		if len(b) < n || b[n-1] != '_' {
			continue
		}
		v, err := strconv.ParseUint(string(b[2:n-1]), 16, 32)
		if err == nil && v <= utf8.MaxRune {
			return rune(v), n
		}
	}
	return 0, 0
}

// appendWTF8 appends r, which may be a surrogate; a low one joins a high one
// that dst ends with.
func appendWTF8(dst []byte, r rune) []byte {
	if r < 0xd800 || r > 0xdfff {
		return utf8.AppendRune(dst, r)
	}
	if r >= 0xdc00 && len(dst) >= 3 {
		tail := dst[len(dst)-3:]
		if tail[0] == 0xed && tail[1] >= 0xa0 && tail[1] <= 0xaf {
			hi := 0xd000 | rune(tail[1]&0x3f)<<6 | rune(tail[2]&0x3f)
			return utf8.AppendRune(dst[:len(dst)-3], utf16.DecodeRune(hi, r))
		}
	}
	return append(dst, 0xed, byte(0x80|r>>6&0x3f), byte(0x80|r&0x3f))
}
