package executor

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/epo-dev/epo/psrp/clixml"
)

// Limits of one object as JSON. References can make a small message describe a
// huge tree, so what goes beyond is cut to type and string.
const (
	maxObjectNodes = 200_000
	maxObjectDepth = 64
)

// objectJSON writes a value in the form of architecture §6: type, string, and
// value, properties, items or entries.
func objectJSON(v any) []byte {
	w := jsonWriter{open: map[*clixml.Object]bool{}}
	w.value(v)
	return w.dst
}

// jsonWriter builds the JSON of one object.
type jsonWriter struct {
	dst   []byte
	nodes int
	depth int
	open  map[*clixml.Object]bool // objects that are being written: cycles
}

func (w *jsonWriter) value(v any) {
	w.nodes++
	if v == nil {
		w.dst = append(w.dst, `{"type":null,"string":"","value":null}`...)
		return
	}
	w.dst = append(w.dst, `{"type":`...)
	w.dst = appendJSONString(w.dst, typeOf(v))
	w.dst = append(w.dst, `,"string":`...)
	w.dst = appendJSONString(w.dst, textOf(v))
	w.content(v)
	w.dst = append(w.dst, '}')
}

func (w *jsonWriter) content(v any) {
	o, ok := v.(*clixml.Object)
	if !ok {
		w.primitive(v)
		return
	}
	if w.open[o] || w.nodes > maxObjectNodes || w.depth >= maxObjectDepth {
		return
	}
	w.open[o] = true
	w.depth++
	w.object(o)
	w.depth--
	delete(w.open, o)
}

func (w *jsonWriter) object(o *clixml.Object) {
	switch base := o.Value.(type) {
	case nil:
	case *clixml.List:
		w.items(base.Items)
	case *clixml.Dictionary:
		w.entries(base.Entries)
	default:
		w.primitive(base)
	}
	if len(o.Properties)+len(o.Extended) > 0 || o.Value == nil {
		w.properties(o)
	}
}

func (w *jsonWriter) items(items []any) {
	w.dst = append(w.dst, `,"items":[`...)
	for i, v := range items {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		w.value(v)
	}
	w.dst = append(w.dst, ']')
}

func (w *jsonWriter) entries(entries []clixml.Entry) {
	w.dst = append(w.dst, `,"entries":[`...)
	for i, e := range entries {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		w.dst = append(w.dst, `{"key":`...)
		w.value(e.Key)
		w.dst = append(w.dst, `,"value":`...)
		w.value(e.Value)
		w.dst = append(w.dst, '}')
	}
	w.dst = append(w.dst, ']')
}

// properties writes own properties and then notes; a note hides a property of
// the same name, as in PowerShell.
func (w *jsonWriter) properties(o *clixml.Object) {
	w.dst = append(w.dst, `,"properties":{`...)
	first := true
	write := func(p clixml.Property) {
		if !first {
			w.dst = append(w.dst, ',')
		}
		first = false
		w.dst = appendJSONString(w.dst, p.Name)
		w.dst = append(w.dst, ':')
		w.value(p.Value)
	}
	for _, p := range o.Properties {
		if !hasName(o.Extended, p.Name) {
			write(p)
		}
	}
	for _, p := range o.Extended {
		write(p)
	}
	w.dst = append(w.dst, '}')
}

func hasName(list []clixml.Property, name string) bool {
	for i := range list {
		if strings.EqualFold(list[i].Name, name) {
			return true
		}
	}
	return false
}

// maxExact is the largest integer up to which a double holds every one.
const maxExact = 1 << 53

func (w *jsonWriter) primitive(v any) {
	w.dst = append(w.dst, `,"value":`...)
	switch x := v.(type) {
	case nil:
		w.dst = append(w.dst, "null"...)
	case bool:
		w.dst = strconv.AppendBool(w.dst, x)
	case float64:
		w.float(x, 64)
	case float32:
		w.float(float64(x), 32)
	case int64:
		w.number(strconv.FormatInt(x, 10), x <= maxExact && x >= -maxExact)
	case uint64:
		w.number(strconv.FormatUint(x, 10), x <= maxExact)
	case clixml.Decimal:
		w.number(string(x), exactDecimal(string(x)))
	case int32, int16, int8, uint32, uint16, uint8:
		w.dst = append(w.dst, plainText(v)...)
	case clixml.DateTime:
		w.dst = appendJSONString(w.dst, x.String())
	case []byte:
		w.dst = append(w.dst, '"')
		w.dst = base64.StdEncoding.AppendEncode(w.dst, x)
		w.dst = append(w.dst, '"')
	case clixml.XML:
		w.dst = appendJSONString(w.dst, string(x))
	case *clixml.Progress:
		w.dst = appendJSONString(w.dst, x.Activity)
	default:
		w.dst = appendJSONString(w.dst, primitiveText(v))
	}
}

func (w *jsonWriter) number(text string, exact bool) {
	if exact {
		w.dst = append(w.dst, text...)
		return
	}
	w.dst = appendJSONString(w.dst, text)
}

// float writes a number; JSON has none for NaN and the infinities.
func (w *jsonWriter) float(f float64, bits int) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		w.dst = appendJSONString(w.dst, strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+"))
		return
	}
	w.dst = strconv.AppendFloat(w.dst, f, 'g', -1, bits)
}

// exactDecimal tells whether a decimal comes back unchanged from a double.
func exactDecimal(s string) bool {
	if strings.HasPrefix(s, "+") || strings.HasPrefix(s, ".") || strings.HasPrefix(s, "-.") || strings.HasSuffix(s, ".") {
		return false // not a JSON number
	}
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && strconv.FormatFloat(f, 'f', -1, 64) == s
}

// appendJSONString quotes s. A lone surrogate, which s holds as WTF-8, becomes
// an escape, so that nothing is lost; other invalid bytes become U+FFFD.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		n := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, n = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		dst, n = appendJSONEscape(dst, s[i:])
		i += n
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

const lowerHex = "0123456789abcdef"

func appendJSONEscape(dst []byte, s string) ([]byte, int) {
	switch c := s[0]; {
	case c == '"' || c == '\\':
		return append(dst, '\\', c), 1
	case c == '\n':
		return append(dst, '\\', 'n'), 1
	case c == '\r':
		return append(dst, '\\', 'r'), 1
	case c == '\t':
		return append(dst, '\\', 't'), 1
	case c < utf8.RuneSelf:
		return append(dst, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&15]), 1
	}
	if isSurrogate(s) {
		u := 0xd000 | uint16(s[1]&0x3f)<<6 | uint16(s[2]&0x3f)
		return append(dst, '\\', 'u', lowerHex[u>>12], lowerHex[u>>8&15], lowerHex[u>>4&15], lowerHex[u&15]), 3
	}
	return append(dst, "\ufffd"...), 1
}

// isSurrogate tells whether s begins with a lone surrogate in WTF-8.
func isSurrogate(s string) bool {
	return len(s) >= 3 && s[0] == 0xed && s[1] >= 0xa0 && s[1] <= 0xbf && s[2] >= 0x80 && s[2] <= 0xbf
}

// validText makes a text UTF-8: each lone surrogate and each other invalid byte
// becomes U+FFFD.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 && isSurrogate(s) {
			n = 3
		}
		b.WriteRune(r)
		s = s[n:]
	}
	return b.String()
}
