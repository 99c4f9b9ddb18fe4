package clixml

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// SyntaxError tells what is wrong with an element and where. Offset counts
// bytes from the start of the input, after a byte order mark.
type SyntaxError struct {
	Offset int
	Msg    string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("clixml: %s at byte %d", e.Msg, e.Offset)
}

// scanner is the pull parser. Its input has been checked to be UTF-8.
type scanner struct {
	data []byte
	pos  int
	buf  []byte // scratch for text that is not one plain piece
}

// tag is one start or end tag. Only the attributes CLIXML uses are kept.
type tag struct {
	name  []byte
	n     []byte // attribute N, as written
	refID int    // attribute RefId, -1 if absent
	hasN  bool
	end   bool // </name>
	empty bool // <name/>
}

func (s *scanner) fail(format string, args ...any) error {
	return &SyntaxError{Offset: s.pos, Msg: fmt.Sprintf(format, args...)}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (s *scanner) skipSpace() {
	for s.pos < len(s.data) && isSpace(s.data[s.pos]) {
		s.pos++
	}
}

// skipComment steps over one comment, if there is one.
func (s *scanner) skipComment() (bool, error) {
	if !bytes.HasPrefix(s.data[s.pos:], []byte("<!--")) {
		return false, nil
	}
	end := bytes.Index(s.data[s.pos+4:], []byte("-->"))
	if end < 0 {
		return false, s.fail("comment does not end")
	}
	s.pos += 4 + end + 3
	return true, nil
}

// next reads the next tag; white space and comments before it are skipped.
func (s *scanner) next() (tag, error) {
	for {
		s.skipSpace()
		if s.pos >= len(s.data) {
			return tag{}, s.fail("unexpected end")
		}
		if s.data[s.pos] != '<' {
			return tag{}, s.fail("text where an element is expected")
		}
		skipped, err := s.skipComment()
		if err != nil {
			return tag{}, err
		}
		if !skipped {
			return s.tag()
		}
	}
}

func (s *scanner) tag() (t tag, err error) {
	t.refID = -1
	s.pos++ // <
	if s.pos < len(s.data) && s.data[s.pos] == '/' {
		t.end = true
		s.pos++
	}
	if t.name = s.name(); len(t.name) == 0 {
		return t, s.fail("bad element name")
	}
	for {
		s.skipSpace()
		switch c := s.peek(); {
		case c == '>':
			s.pos++
			return t, nil
		case c == '/' && !t.end && s.pos+1 < len(s.data) && s.data[s.pos+1] == '>':
			s.pos += 2
			t.empty = true
			return t, nil
		case t.end || c == 0:
			return t, s.fail("bad tag %q", clip(t.name))
		}
		if err := s.attribute(&t); err != nil {
			return t, err
		}
	}
}

// peek gives the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) name() []byte {
	start := s.pos
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':' || c >= 0x80
		if !letter && (s.pos == start || c != '-' && c != '.' && (c < '0' || c > '9')) {
			break
		}
		s.pos++
	}
	return s.data[start:s.pos]
}

func (s *scanner) attribute(t *tag) error {
	name := s.name()
	s.skipSpace()
	if len(name) == 0 || s.peek() != '=' {
		return s.fail("bad attribute in %q", clip(t.name))
	}
	s.pos++
	s.skipSpace()
	quote := s.peek()
	if quote != '"' && quote != '\'' {
		return s.fail("attribute value without quotes")
	}
	s.pos++
	end := bytes.IndexByte(s.data[s.pos:], quote)
	if end < 0 {
		return s.fail("attribute value does not end")
	}
	value := s.data[s.pos : s.pos+end]
	if bytes.IndexByte(value, '<') >= 0 {
		return s.fail("'<' in an attribute value")
	}
	s.pos += end + 1
	switch string(name) {
	case "N":
		t.n, t.hasN = value, true
	case "RefId":
		id, err := strconv.ParseInt(string(value), 10, 32)
		if err != nil || id < 0 {
			return s.fail("bad RefId")
		}
		t.refID = int(id)
	}
	return nil
}

// text reads the content of an element that may hold text only, up to and
// including its end tag. The result may alias the input or the scratch buffer
// and is valid until the next call.
func (s *scanner) text(t *tag) ([]byte, error) {
	if t.empty {
		return nil, nil
	}
	end := bytes.IndexByte(s.data[s.pos:], '<')
	if end < 0 {
		return nil, s.fail("unexpected end")
	}
	piece := s.data[s.pos : s.pos+end]
	if s.isEndTag(s.pos+end, t.name) && !needsWork(piece) {
		s.pos += end
		return piece, s.endTag(t.name)
	}
	return s.longText(t)
}

func needsWork(piece []byte) bool {
	return bytes.IndexByte(piece, '&') >= 0 || bytes.IndexByte(piece, '\r') >= 0
}

// longText collects text with references, line ends, comments or CDATA in it.
func (s *scanner) longText(t *tag) ([]byte, error) {
	s.buf = s.buf[:0]
	for {
		end := bytes.IndexByte(s.data[s.pos:], '<')
		if end < 0 {
			return nil, s.fail("unexpected end")
		}
		if err := s.appendPiece(s.pos + end); err != nil {
			return nil, err
		}
		if skipped, err := s.skipComment(); err != nil {
			return nil, err
		} else if skipped {
			continue
		}
		if ok, err := s.appendCDATA(); err != nil {
			return nil, err
		} else if ok {
			continue
		}
		return s.buf, s.endTag(t.name)
	}
}

func (s *scanner) appendCDATA() (bool, error) {
	const open = "<![CDATA["
	if !bytes.HasPrefix(s.data[s.pos:], []byte(open)) {
		return false, nil
	}
	s.pos += len(open)
	end := bytes.Index(s.data[s.pos:], []byte("]]>"))
	if end < 0 {
		return false, s.fail("CDATA does not end")
	}
	s.buf = appendLines(s.buf, s.data[s.pos:s.pos+end])
	s.pos += end + 3
	return true, nil
}

// appendPiece copies character data up to end and resolves references.
func (s *scanner) appendPiece(end int) error {
	for s.pos < end {
		piece := s.data[s.pos:end]
		amp := bytes.IndexByte(piece, '&')
		if amp < 0 {
			s.buf = appendLines(s.buf, piece)
			s.pos = end
			return nil
		}
		s.buf = appendLines(s.buf, piece[:amp])
		s.pos += amp
		r, n := reference(piece[amp:])
		if n == 0 {
			return s.fail("bad entity reference")
		}
		s.buf = utf8.AppendRune(s.buf, r)
		s.pos += n
	}
	return nil
}

// appendLines copies text; as XML wants, CR LF and CR become LF.
func appendLines(dst, piece []byte) []byte {
	for {
		cr := bytes.IndexByte(piece, '\r')
		if cr < 0 {
			return append(dst, piece...)
		}
		dst = append(append(dst, piece[:cr]...), '\n')
		piece = bytes.TrimPrefix(piece[cr+1:], []byte("\n"))
	}
}

// reference reads &name; or &#number; at the start of b; n is 0 if it is bad.
func reference(b []byte) (r rune, n int) {
	end := bytes.IndexByte(b[:min(len(b), 16)], ';')
	if end < 2 {
		return 0, 0
	}
	switch name := string(b[1:end]); name {
	case "lt":
		return '<', end + 1
	case "gt":
		return '>', end + 1
	case "amp":
		return '&', end + 1
	case "quot":
		return '"', end + 1
	case "apos":
		return '\'', end + 1
	default:
		if r, ok := numericReference(name); ok {
			return r, end + 1
		}
		return 0, 0
	}
}

func numericReference(name string) (rune, bool) {
	if name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if len(digits) > 0 && digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	v, err := strconv.ParseUint(digits, base, 32)
	if err != nil || v > utf8.MaxRune || v >= 0xd800 && v <= 0xdfff {
		return 0, false
	}
	return rune(v), true
}

func (s *scanner) isEndTag(at int, name []byte) bool {
	rest := s.data[at:]
	return len(rest) > len(name)+2 && rest[1] == '/' && bytes.HasPrefix(rest[2:], name)
}

// endTag consumes </name>.
func (s *scanner) endTag(name []byte) error {
	if !s.isEndTag(s.pos, name) {
		return s.fail("element %q does not hold text only or does not end", clip(name))
	}
	s.pos += 2 + len(name)
	s.skipSpace()
	if s.peek() != '>' {
		return s.fail("bad end tag of %q", clip(name))
	}
	s.pos++
	return nil
}

// clip shortens a name for an error message.
func clip(b []byte) string {
	if len(b) > 40 {
		b = b[:40]
	}
	return string(b)
}
