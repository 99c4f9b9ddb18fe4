package masking

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"
)

// formsOf gives every form of a secret that is looked for.
func formsOf(secret string) []string {
	set := map[string]bool{}
	var list []string
	add := func(forms ...string) {
		for _, f := range forms {
			if len(f) >= leastPattern && !set[f] {
				set[f] = true
				list = append(list, f)
			}
		}
	}
	for _, piece := range pieces(secret) {
		wide := utf16le(piece)
		add(piece, wide, latin1(wide))
		add(binaryForms(piece)...)
		add(binaryForms(wide)...)
		add(urlForms(piece)...)
		add(jsonForms(piece)...)
		add(xmlForms(piece)...)
		add(powerShellForms(piece)...)
	}
	for _, form := range list {
		add(jsonEscape(form)) // inside of a JSON text that holds the form
	}
	return list
}

// leastPattern keeps forms of short pieces from matching everywhere.
const leastPattern = 5

// pieces are the secret and, where it has several lines, each that is long
// enough to be told from other text.
func pieces(secret string) []string {
	list := []string{secret}
	if !strings.ContainsAny(secret, "\r\n") {
		return list
	}
	lines := strings.FieldsFunc(secret, func(r rune) bool { return r == '\r' || r == '\n' })
	for _, line := range lines {
		for _, piece := range []string{line, strings.TrimSpace(line)} {
			if len([]rune(piece)) >= MinLength {
				list = append(list, piece)
			}
		}
	}
	return append(list, strings.Join(lines, "\n"), strings.Join(lines, "\r\n"))
}

func utf16le(s string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		b.WriteByte(byte(unit))
		b.WriteByte(byte(unit >> 8))
	}
	return b.String()
}

// latin1 is what bytes are when each is shown as a character.
func latin1(bytes string) string {
	runes := make([]rune, len(bytes))
	for i := range len(bytes) {
		runes[i] = rune(bytes[i])
	}
	return string(runes)
}

// binaryForms are base64 and hexadecimal of bytes.
func binaryForms(bytes string) []string {
	list := []string{hex.EncodeToString([]byte(bytes))}
	list = append(list, strings.ToUpper(list[0]))
	for _, between := range []string{"-", " ", ":"} {
		if len(bytes) > maxSpaced {
			break
		}
		spaced := strings.TrimSuffix(regroup(list[0], between), between)
		list = append(list, spaced, strings.ToUpper(spaced))
	}
	for offset := range 3 {
		standard := base64Inside(bytes, offset)
		list = append(list, standard, strings.NewReplacer("+", "-", "/", "_").Replace(standard))
	}
	return list
}

// maxSpaced keeps the forms of long keys from becoming many: nobody prints them
// with spaces in one line.
const maxSpaced = 256

func regroup(digits, between string) string {
	var b strings.Builder
	for i := 0; i < len(digits); i += 2 {
		b.WriteString(digits[i:i+2] + between)
	}
	return b.String()
}

// base64Inside gives the characters that bytes certainly have in base64 when
// offset other bytes come before them.
func base64Inside(bytes string, offset int) string {
	text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + bytes))
	return text[(offset*8+5)/6 : (offset+len(bytes))*8/6]
}

func urlForms(s string) []string {
	list := []string{url.QueryEscape(s), url.PathEscape(s), strings.ReplaceAll(url.QueryEscape(s), "+", "%20")}
	for _, form := range list[:3] {
		list = append(list, lowerEscapes(form))
	}
	// What .NET's Uri and JavaScript leave as it is.
	list = append(list, strings.NewReplacer("%21", "!", "%2A", "*", "%27", "'", "%28", "(", "%29", ")").Replace(list[2]))
	return list
}

// lowerEscapes writes %2F as %2f.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

// jsonEscape is a text inside of a JSON string, as this program writes it.
func jsonEscape(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		return s
	}
	return b.String()[1 : b.Len()-2] // without quotes and newline
}

func jsonForms(s string) []string {
	plain := jsonEscape(s)
	goHTML := strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace(plain)
	html := strings.ReplaceAll(goHTML, "'", `\u0027`)
	slash := strings.ReplaceAll(plain, "/", `\/`)
	quoted := strings.ReplaceAll(html, `\"`, `\u0022`)
	return []string{
		plain, goHTML, html, slash, asciiOnly(plain), asciiOnly(html), quoted, asciiOnly(quoted),
		upperEscapes(asciiOnly(html)), upperEscapes(asciiOnly(strings.ReplaceAll(quoted, "+", `\u002b`))),
	}
}

// asciiOnly writes everything else as \u escapes.
func asciiOnly(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// upperEscapes writes \u00e9 as \u00E9.
func upperEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+5 < len(b); i++ {
		if b[i] == '\\' && b[i+1] == 'u' {
			copy(b[i+2:], strings.ToUpper(string(b[i+2:i+6])))
		}
	}
	return string(b)
}

func xmlForms(s string) []string {
	three := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
	named := strings.NewReplacer(`"`, "&quot;", "'", "&apos;").Replace(three)
	numbered := strings.NewReplacer(`"`, "&quot;", "'", "&#39;").Replace(three)
	quotes := strings.NewReplacer(`"`, "&quot;").Replace(three)
	return []string{three, named, numbered, quotes, strings.ReplaceAll(numbered, "&quot;", "&#34;"), clixml(three)}
}

// clixml escapes what CLIXML does on top of XML.
func clixml(s string) string {
	var b strings.Builder
	for i, r := range s {
		next := strings.HasPrefix(s[i:], "_x") || strings.HasPrefix(s[i:], "_X")
		switch {
		case r < 0x20 || r >= 0x7f && r <= 0x9f || r == '_' && next:
			fmt.Fprintf(&b, "_x%04X_", r)
		case r > 0xffff:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, "_x%04X_", unit)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func powerShellForms(s string) []string {
	double := strings.NewReplacer("`", "``", "$", "`$", `"`, "`\"")
	named := strings.NewReplacer("`", "``", "$", "`$", `"`, "`\"", "\n", "`n", "\r", "`r", "\t", "`t", "\x00", "`0", "'", "`'")
	return []string{
		strings.ReplaceAll(s, "'", "''"), double.Replace(s), named.Replace(s), strings.ReplaceAll(double.Replace(s), "`\"", `""`),
	}
}
