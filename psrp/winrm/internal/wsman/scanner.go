package wsman

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenStart tokenKind = iota
	tokenEnd
	tokenText
)

// token is a piece of the document. Everything points into it.
type token struct {
	kind  tokenKind
	data  []byte // raw name, or text
	attrs []byte // of a start tag, checked
	empty bool   // an empty element
	raw   bool   // text of a CDATA section: not escaped
}

// scanner cuts a document into tokens. Document types and processing
// instructions are refused, comments are skipped.
type scanner struct {
	in     []byte
	pos    int
	broken error
}

func (s *scanner) next() (token, error) {
	for s.broken == nil {
		rest := s.in[s.pos:]
		switch {
		case len(rest) == 0:
			return token{}, io.EOF
		case rest[0] != '<':
			return s.scanText(rest), nil
		case bytes.HasPrefix(rest, []byte("<!--")):
			s.until(rest, "<!--", "-->")
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			data := s.until(rest, "<![CDATA[", "]]>")
			return token{kind: tokenText, data: data, raw: true}, s.broken
		case bytes.HasPrefix(rest, []byte("<?xml ")) && s.pos == 0:
			s.until(rest, "<?xml ", "?>")
		case len(rest) > 1 && (rest[1] == '!' || rest[1] == '?'):
			s.broken = answerError("document types and instructions are refused")
		default:
			return s.scanTag(rest)
		}
	}
	return token{}, s.broken
}

func (s *scanner) scanText(rest []byte) token {
	end := bytes.IndexByte(rest, '<')
	if end < 0 {
		end = len(rest)
	}
	s.pos += end
	return token{kind: tokenText, data: rest[:end:end]}
}

// until reads over a construct and gives what is inside.
func (s *scanner) until(rest []byte, start, end string) []byte {
	inside := rest[len(start):]
	i := bytes.Index(inside, []byte(end))
	if i < 0 {
		s.broken = answerError("%q without an end", start)
		return nil
	}
	s.pos += len(start) + i + len(end)
	return inside[:i:i]
}

func (s *scanner) scanTag(rest []byte) (token, error) {
	end := tagEnd(rest)
	if end < 0 {
		s.broken = answerError("a tag without an end")
		return token{}, s.broken
	}
	s.pos += end + 1
	tag := rest[1:end]
	t := token{kind: tokenStart}
	if len(tag) > 0 && tag[0] == '/' {
		t.kind, tag = tokenEnd, tag[1:]
	} else if len(tag) > 0 && tag[len(tag)-1] == '/' {
		t.empty, tag = true, tag[:len(tag)-1]
	}
	size := nameLength(tag)
	t.data, t.attrs = tag[:size], bytes.TrimRight(tag[size:], " \t\r\n")
	if size == 0 || !attributesOK(t.attrs) || t.kind == tokenEnd && len(t.attrs) > 0 {
		s.broken = answerError("bad tag")
	}
	return t, s.broken
}

// tagEnd finds the > of a tag; one inside quotes does not count.
func tagEnd(b []byte) int {
	var quote byte
	for i, c := range b {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i
		case c == '<' && i > 0:
			return -1
		}
	}
	return -1
}

func nameLength(b []byte) int {
	for i, c := range b {
		letter := c == '_' || c == ':' || c >= 0x80 || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '-' && c != '.' && (c < '0' || c > '9')) {
			return i
		}
	}
	return len(b)
}

// attributesOK checks the form of attributes: a blank, a name, =, a value in
// quotes without <.
func attributesOK(b []byte) bool {
	for len(b) > 0 {
		name, value, after := nextAttribute(b)
		if name == nil || bytes.IndexByte(value, '<') >= 0 {
			return false
		}
		b = after
	}
	return true
}

// nextAttribute takes the first attribute off. The name is nil where there is
// no well-formed one.
func nextAttribute(b []byte) (name, value, rest []byte) {
	trimmed := bytes.TrimLeft(b, " \t\r\n")
	size := nameLength(trimmed)
	if len(trimmed) == len(b) || size == 0 {
		return nil, nil, nil
	}
	after := bytes.TrimLeft(trimmed[size:], " \t\r\n")
	if len(after) == 0 || after[0] != '=' {
		return nil, nil, nil
	}
	after = bytes.TrimLeft(after[1:], " \t\r\n")
	if len(after) == 0 || after[0] != '"' && after[0] != '\'' {
		return nil, nil, nil
	}
	end := bytes.IndexByte(after[1:], after[0])
	if end < 0 {
		return nil, nil, nil
	}
	return trimmed[:size], after[1 : end+1], after[end+2:]
}

// unescape replaces references. There are only the five predefined entities
// and characters by number.
func unescape(b []byte) ([]byte, error) {
	i := bytes.IndexByte(b, '&')
	if i < 0 {
		return b, nil
	}
	var out []byte
	for ; i >= 0; i = bytes.IndexByte(b, '&') {
		out = append(out, b[:i]...)
		end := bytes.IndexByte(b[i:], ';')
		if end < 0 {
			return nil, answerError("a reference without an end")
		}
		r, ok := reference(string(b[i+1 : i+end]))
		if !ok {
			return nil, answerError("an unknown reference")
		}
		out = utf8.AppendRune(out, r)
		b = b[i+end+1:]
	}
	return append(out, b...), nil
}

func reference(name string) (rune, bool) {
	switch name {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	number, ok := strings.CutPrefix(name, "#")
	if !ok {
		return 0, false
	}
	base := 10
	if hex, ok := strings.CutPrefix(number, "x"); ok {
		number, base = hex, 16
	}
	n, err := strconv.ParseUint(number, base, 21)
	return rune(n), err == nil && n > 0 && utf8.ValidRune(rune(n))
}
