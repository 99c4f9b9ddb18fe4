package clixml

import (
	"encoding/base64"
	"errors"
	"math"
	"strconv"
)

// primitive reads an element that holds text only.
func (d *decoder) primitive(t *tag) (any, error) {
	name := string(t.name)
	text, err := d.text(t)
	if err != nil {
		return nil, err
	}
	switch name {
	case "S":
		return unescape(text), nil
	case "Nil":
		return nil, nil
	case "BA", "SS":
		return d.binary(name, text)
	case "SBK":
		return ScriptBlock(unescape(text)), nil
	case "URI":
		return URI(unescape(text)), nil
	case "XD":
		return XML(unescape(text)), nil
	}
	v, err := parseScalar(name, string(trimSpace(text)))
	if err != nil {
		return nil, d.fail("<%s>: %v", clip(t.name), err)
	}
	return v, nil
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func (d *decoder) binary(name string, text []byte) (any, error) {
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(out, text)
	if err != nil {
		return nil, d.fail("<%s>: bad base64", name)
	}
	if name == "SS" {
		return SecureString{Cipher: out[:n]}, nil
	}
	return out[:n], nil
}

var (
	errUnknown = errors.New("unknown element")
	errBool    = errors.New("not a boolean")
	errNumber  = errors.New("not a number of this type")
	errVersion = errors.New("not a version")
)

func parseScalar(name, s string) (any, error) {
	switch name {
	case "B":
		return parseBool(s)
	case "C":
		n, err := parseUnsigned(s, 16)
		return Char(n), err
	case "DT":
		return anyOf(parseDateTime(s))
	case "TS":
		return anyOf(parseTimeSpan(s))
	case "G":
		return anyOf(ParseGUID(s))
	case "D":
		return parseDecimal(s)
	case "Version":
		return parseVersion(s)
	case "Sg":
		f, err := parseFloat(s, 32)
		return float32(f), err
	case "Db":
		return anyOf(parseFloat(s, 64))
	}
	return parseInteger(name, s)
}

func anyOf[T any](v T, err error) (any, error) { return v, err }

func parseInteger(name, s string) (any, error) {
	switch name {
	case "By":
		n, err := parseUnsigned(s, 8)
		return uint8(n), err
	case "U16":
		n, err := parseUnsigned(s, 16)
		return uint16(n), err
	case "U32":
		n, err := parseUnsigned(s, 32)
		return uint32(n), err
	case "U64":
		return anyOf(parseUnsigned(s, 64))
	case "SB":
		n, err := parseSigned(s, 8)
		return int8(n), err
	case "I16":
		n, err := parseSigned(s, 16)
		return int16(n), err
	case "I32":
		n, err := parseSigned(s, 32)
		return int32(n), err
	case "I64":
		return anyOf(parseSigned(s, 64))
	}
	return nil, errUnknown
}

func parseBool(s string) (any, error) {
	switch s {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return nil, errBool
}

func parseUnsigned(s string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, bits)
	if err != nil {
		return 0, errNumber
	}
	return n, nil
}

func parseSigned(s string, bits int) (int64, error) {
	n, err := strconv.ParseInt(s, 10, bits)
	if err != nil {
		return 0, errNumber
	}
	return n, nil
}

// parseFloat reads the XML form: INF, -INF, NaN or a decimal number. A number
// too large for the type becomes an infinity, as in .NET.
func parseFloat(s string, bits int) (float64, error) {
	switch s {
	case "INF":
		return math.Inf(1), nil
	case "-INF":
		return math.Inf(-1), nil
	case "NaN":
		return math.NaN(), nil
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			return 0, errNumber
		}
	}
	f, err := strconv.ParseFloat(s, bits)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errNumber
	}
	return f, nil
}

// parseDecimal checks the form of a decimal number and keeps its text.
func parseDecimal(s string) (any, error) {
	digits, dots := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' && dots == 0:
			dots++
		case (c == '-' || c == '+') && i == 0:
		default:
			return nil, errNumber
		}
	}
	if digits == 0 || len(s) > 64 {
		return nil, errNumber
	}
	return Decimal(s), nil
}

func parseVersion(s string) (any, error) {
	parts, digits := 1, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' && digits > 0:
			parts, digits = parts+1, 0
		default:
			return nil, errVersion
		}
	}
	if digits == 0 || parts < 2 || parts > 4 || len(s) > 64 {
		return nil, errVersion
	}
	return Version(s), nil
}

// progress reads PR. Its children are named by their tags, not by attributes.
func (d *decoder) progress(t *tag) (any, error) {
	p := &Progress{ParentActivityID: -1, PercentComplete: -1, SecondsRemaining: -1}
	err := d.children(t, func(c *tag) error { return d.progressPart(p, c) })
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (d *decoder) progressPart(p *Progress, c *tag) error {
	name := string(c.name)
	text, err := d.string(c)
	if err != nil {
		return err
	}
	var n *int32
	switch name {
	case "AV":
		p.Activity = text
	case "S":
		p.CurrentOperation = &text
	case "Nil":
	case "T":
		p.Type = text
	case "SD":
		p.StatusDescription = text
	case "AI":
		n = &p.ActivityID
	case "PI":
		n = &p.ParentActivityID
	case "PC":
		n = &p.PercentComplete
	case "SR":
		n = &p.SecondsRemaining
	default:
		return d.fail("<%s> in a progress record", clip(c.name))
	}
	if n == nil {
		return nil
	}
	v, err := parseSigned(string(trimSpace([]byte(text))), 32)
	if err != nil {
		return d.fail("<%s>: %v", clip(c.name), err)
	}
	*n = int32(v)
	return nil
}
