package api

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// PlainText makes text safe for a terminal: control characters, which could move the cursor, change its title or hide what
// follows, are shown instead of obeyed. Tabs stay; so do line ends unless they could overwrite a line.
func PlainText(s string) string {
	if strings.IndexFunc(s, Dangerous) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !Dangerous(r):
			b.WriteRune(r)
		case r < 0x20:
			b.WriteRune(0x2400 + r) // the Unicode picture of the control character
		case r == 0x7f:
			b.WriteRune(0x2421)
		default:
			fmt.Fprintf(&b, "<U+%04X>", r)
		}
	}
	return b.String()
}

// Dangerous reports whether a terminal would obey r: control characters, and those that turn the direction of text.
func Dangerous(r rune) bool {
	return r != '\n' && r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}
