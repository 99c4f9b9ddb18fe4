package executor

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/epo-dev/epo/psrp/clixml"
)

// typeOf gives the name of the .NET type a value came from, without the prefix
// that a remoting engine adds.
func typeOf(v any) string {
	if o, ok := v.(*clixml.Object); ok {
		if name := o.TypeName(); name != "" {
			return strings.TrimPrefix(name, "Deserialized.")
		}
		switch base := o.Value.(type) {
		case nil:
			return "System.Management.Automation.PSObject"
		case *clixml.List:
			return "System.Object[]"
		case *clixml.Dictionary:
			return "System.Collections.Hashtable"
		default:
			return primitiveType(base)
		}
	}
	return primitiveType(v)
}

func primitiveType(v any) string {
	switch v.(type) {
	case string:
		return "System.String"
	case bool:
		return "System.Boolean"
	case clixml.Char:
		return "System.Char"
	case clixml.DateTime:
		return "System.DateTime"
	case clixml.TimeSpan:
		return "System.TimeSpan"
	case []byte:
		return "System.Byte[]"
	case clixml.GUID:
		return "System.Guid"
	case clixml.URI:
		return "System.Uri"
	case clixml.Version:
		return "System.Version"
	case clixml.XML:
		return "System.Xml.XmlDocument"
	case clixml.ScriptBlock:
		return "System.Management.Automation.ScriptBlock"
	case clixml.SecureString:
		return "System.Security.SecureString"
	case *clixml.Progress:
		return "System.Management.Automation.ProgressRecord"
	}
	return numberType(v)
}

func numberType(v any) string {
	switch v.(type) {
	case int32:
		return "System.Int32"
	case int64:
		return "System.Int64"
	case float64:
		return "System.Double"
	case clixml.Decimal:
		return "System.Decimal"
	case uint8:
		return "System.Byte"
	case int8:
		return "System.SByte"
	case int16:
		return "System.Int16"
	case uint16:
		return "System.UInt16"
	case uint32:
		return "System.UInt32"
	case uint64:
		return "System.UInt64"
	case float32:
		return "System.Single"
	}
	return ""
}

// textOf gives what "$value" gives in PowerShell under the invariant culture.
func textOf(v any) string {
	o, ok := v.(*clixml.Object)
	if !ok {
		return primitiveText(v)
	}
	if o.ToString != nil && !isCustomObject(o) {
		return *o.ToString
	}
	switch base := o.Value.(type) {
	case nil:
		if isCustomObject(o) {
			return customText(o)
		}
		return objectToString(o)
	case *clixml.List:
		if slices.Contains(o.TypeNames, "System.Xml.XmlNode") {
			return typeOf(o)
		}
		return joinItems(base.Items)
	case *clixml.Dictionary:
		return reflectionName(typeOf(o))
	default:
		return primitiveText(base)
	}
}

// joinItems is what a sequence becomes in a string: its elements with spaces.
func joinItems(items []any) string {
	var b strings.Builder
	for i, item := range items {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(elementText(item))
	}
	return b.String()
}

// elementText is the text of a value inside another one: there sequences show
// only their type.
func elementText(v any) string {
	switch x := v.(type) {
	case []byte:
		return "System.Byte[]"
	case *clixml.Object:
		if _, list := x.Value.(*clixml.List); list && x.ToString == nil {
			if strings.HasPrefix(x.TypeName(), "Deserialized.") {
				return "System.Collections.ArrayList" // what the engine holds it in
			}
			return reflectionName(typeOf(x))
		}
		if isCustomObject(x) {
			return objectToString(x)
		}
	}
	return textOf(v)
}

func isCustomObject(o *clixml.Object) bool {
	if o.Value != nil || len(o.Properties) > 0 {
		return false
	}
	for _, name := range o.TypeNames {
		name = strings.TrimPrefix(name, "Deserialized.")
		if name == "System.Management.Automation.PSCustomObject" || strings.HasPrefix(name, "CSV:") {
			return true
		}
	}
	return len(o.TypeNames) == 0 && o.ToString == nil
}

// customText is the form @{Name=value; Other=value}.
func customText(o *clixml.Object) string {
	if len(o.Extended) == 0 {
		return objectToString(o)
	}
	var b strings.Builder
	b.WriteString("@{")
	for i, p := range o.Extended {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(p.Name)
		b.WriteByte('=')
		b.WriteString(elementText(p.Value))
	}
	b.WriteByte('}')
	return b.String()
}

func objectToString(o *clixml.Object) string {
	if o.ToString != nil {
		return *o.ToString
	}
	return ""
}

// reflectionName turns the full name of a generic type, which carries the
// assembly of each argument, into what Type.ToString gives.
func reflectionName(name string) string {
	if !strings.Contains(name, "[[") {
		return name
	}
	var b strings.Builder
	skip := false
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '[' && i+1 < len(name) && name[i+1] == '[', c == ']' && i+1 < len(name) && name[i+1] == ']':
			b.WriteByte(c)
			i++
			skip = false
		case c == ']' && i+2 < len(name) && name[i+1] == ',' && name[i+2] == '[':
			b.WriteByte(',')
			i += 2
			skip = false
		case c == ',' && !skip:
			skip = true
		case !skip:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func primitiveText(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		if x {
			return "True"
		}
		return "False"
	case clixml.Char:
		return charText(x)
	case float64:
		return generalFloat(x, 15, 64)
	case float32:
		return generalFloat(float64(x), 7, 32)
	case clixml.DateTime:
		return dateText(x)
	case clixml.TimeSpan:
		return spanText(x)
	case []byte:
		return bytesText(x)
	case clixml.XML, clixml.SecureString, *clixml.Progress:
		return primitiveType(v)
	}
	return plainText(v)
}

func plainText(v any) string {
	switch x := v.(type) {
	case int32:
		return strconv.FormatInt(int64(x), 10)
	case int64:
		return strconv.FormatInt(x, 10)
	case int8:
		return strconv.FormatInt(int64(x), 10)
	case int16:
		return strconv.FormatInt(int64(x), 10)
	case uint8:
		return strconv.FormatUint(uint64(x), 10)
	case uint16:
		return strconv.FormatUint(uint64(x), 10)
	case uint32:
		return strconv.FormatUint(uint64(x), 10)
	case uint64:
		return strconv.FormatUint(x, 10)
	case clixml.Decimal:
		return string(x)
	case clixml.GUID:
		return x.String()
	case clixml.URI:
		return string(x)
	case clixml.Version:
		return string(x)
	case clixml.ScriptBlock:
		return string(x)
	}
	return ""
}

// charText keeps a lone surrogate as WTF-8, as clixml does.
func charText(c clixml.Char) string {
	if c >= 0xd800 && c <= 0xdfff {
		return string([]byte{0xed, byte(0x80 | c>>6&0x3f), byte(0x80 | c&0x3f)})
	}
	return string(rune(c))
}

func bytesText(b []byte) string {
	out := make([]byte, 0, 4*len(b))
	for i, c := range b {
		if i > 0 {
			out = append(out, ' ')
		}
		out = strconv.AppendUint(out, uint64(c), 10)
	}
	return string(out)
}

// generalFloat is .NET's format "G" with a number of digits, which PowerShell
// uses for floating-point numbers in strings.
func generalFloat(f float64, digits, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		if math.Signbit(f) {
			return "-0"
		}
		return "0"
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', digits-1, bits), "e")
	exp, _ := strconv.Atoi(exponent)
	if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	if exp >= digits || exp < -5 {
		sign := "+"
		if exp < 0 {
			sign, exp = "-", -exp
		}
		return mantissa + "E" + sign + twoDigits(exp)
	}
	decimals := max(0, len(strings.TrimLeft(strings.ReplaceAll(mantissa, ".", ""), "-"))-1-exp)
	return strconv.FormatFloat(f, 'f', decimals, bits)
}

func twoDigits(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

const (
	ticksPerSecond = 10_000_000
	ticksPerDay    = 86_400 * ticksPerSecond
	yearOneUnix    = -62_135_596_800 // seconds from 1970 back to year 1
)

// wallClock gives the time a DateTime shows, whatever its kind.
func wallClock(d clixml.DateTime) time.Time {
	return time.Unix(d.Ticks/ticksPerSecond+yearOneUnix, d.Ticks%ticksPerSecond*100).UTC()
}

func dateText(d clixml.DateTime) string { return wallClock(d).Format("01/02/2006 15:04:05") }

// spanText is [-][d.]hh:mm:ss[.fffffff].
func spanText(t clixml.TimeSpan) string {
	var b strings.Builder
	u := uint64(t)
	if t < 0 {
		b.WriteByte('-')
		u = -u
	}
	if days := u / ticksPerDay; days > 0 {
		b.WriteString(strconv.FormatUint(days, 10))
		b.WriteByte('.')
	}
	secs := int(u % ticksPerDay / ticksPerSecond)
	b.WriteString(twoDigits(secs / 3600))
	b.WriteByte(':')
	b.WriteString(twoDigits(secs / 60 % 60))
	b.WriteByte(':')
	b.WriteString(twoDigits(secs % 60))
	if frac := u % ticksPerSecond; frac > 0 {
		b.WriteByte('.')
		b.WriteString(strconv.FormatUint(ticksPerSecond+frac, 10)[1:])
	}
	return b.String()
}
