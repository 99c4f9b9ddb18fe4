package wsman

import (
	"encoding/base64"
	"unicode/utf8"
)

// writer appends XML. It has no errors: all names are constants, and text is
// escaped.
type writer struct{ b []byte }

// attr is an attribute, name with prefix.
type attr struct{ name, value string }

func (w *writer) open(name string, attrs ...attr) {
	w.start(name, attrs)
	w.b = append(w.b, '>')
}

func (w *writer) empty(name string, attrs ...attr) {
	w.start(name, attrs)
	w.b = append(w.b, "/>"...)
}

func (w *writer) start(name string, attrs []attr) {
	w.b = append(append(w.b, '<'), name...)
	for _, a := range attrs {
		w.b = append(append(append(w.b, ' '), a.name...), `="`...)
		w.text(a.value)
		w.b = append(w.b, '"')
	}
}

func (w *writer) close(name string) {
	w.b = append(append(append(w.b, "</"...), name...), '>')
}

// element writes an element with text.
func (w *writer) element(name, text string, attrs ...attr) {
	w.open(name, attrs...)
	w.text(text)
	w.close(name)
}

// data writes an element with base64.
func (w *writer) data(name string, data []byte, attrs ...attr) {
	w.open(name, attrs...)
	w.b = base64.StdEncoding.AppendEncode(w.b, data)
	w.close(name)
}

// text writes s escaped. What XML cannot carry becomes U+FFFD.
func (w *writer) text(s string) {
	for _, r := range s {
		switch {
		case r == '&':
			w.b = append(w.b, "&amp;"...)
		case r == '<':
			w.b = append(w.b, "&lt;"...)
		case r == '>':
			w.b = append(w.b, "&gt;"...)
		case r == '"':
			w.b = append(w.b, "&quot;"...)
		case r == '\t':
			w.b = append(w.b, "&#9;"...)
		case r == '\n':
			w.b = append(w.b, "&#10;"...)
		case r == '\r':
			w.b = append(w.b, "&#13;"...)
		case r < ' ', r == 0xfffe, r == 0xffff:
			w.b = utf8.AppendRune(w.b, utf8.RuneError)
		default:
			w.b = utf8.AppendRune(w.b, r)
		}
	}
}
