package wsman

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxDepth is how deep elements may be nested. Real answers have 10 levels.
const maxDepth = 64

// Name is the name of an element: namespace and local part.
type Name struct{ Space, Local string }

// parser walks over a document, element by element. Functions that read the
// content of an element are called behind its start tag and leave the parser
// behind its end tag.
type parser struct {
	scanner
	open  []string    // raw names of the open elements
	scope []namespace // declarations, innermost last
	attrs []attribute // of the latest start tag
	empty bool        // the latest start tag was an empty element
}

type namespace struct {
	prefix, uri string
	depth       int // of the element that declares it
}

type attribute struct{ name, value string } // name with prefix

func newParser(data []byte) *parser {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	p := &parser{scanner: scanner{in: data}}
	p.scope = []namespace{{prefix: "xml", uri: "http://www.w3.org/XML/1998/namespace"}}
	if !utf8.Valid(data) {
		p.in, p.broken = nil, answerError("not UTF-8")
	}
	return p
}

// attr gives an attribute of the latest start tag, "" without.
func (p *parser) attr(name string) string {
	for _, a := range p.attrs {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

// children calls f for each child of the element. f reads the child.
func (p *parser) children(f func(Name) error) error {
	return p.content(func([]byte, bool) error { return nil }, f)
}

// skip reads over the element.
func (p *parser) skip() error {
	return p.children(func(Name) error { return p.skip() })
}

// text gives the text of an element that has no children.
func (p *parser) text() (string, error) {
	b, err := p.bytes(func(name Name) error { return answerError("element %q inside a text", name.Local) })
	return string(b), err
}

// allText gives the text of an element and all below it.
func (p *parser) allText() (string, error) {
	var all []byte
	var inner func(Name) error
	inner = func(Name) error {
		b, err := p.bytes(inner)
		all = append(all, b...)
		return err
	}
	b, err := p.bytes(inner)
	return string(append(all, b...)), err
}

// bytes collects the text of the element itself.
func (p *parser) bytes(child func(Name) error) ([]byte, error) {
	var b []byte
	shared := false // b lies in the document
	err := p.content(func(piece []byte, raw bool) (err error) {
		if !raw {
			piece, err = unescape(piece)
		}
		switch {
		case b == nil:
			b, shared = piece, true
		case shared:
			b, shared = append(bytes.Clone(b), piece...), false
		default:
			b = append(b, piece...)
		}
		return err
	}, child)
	return b, err
}

// base64 decodes the text of the element. White space is allowed.
func (p *parser) base64() ([]byte, error) {
	text, err := p.bytes(func(name Name) error { return answerError("element %q inside data", name.Local) })
	if err != nil {
		return nil, err
	}
	data := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	if bytes.ContainsAny(text, " \t") {
		text = bytes.Map(dropSpace, text)
	}
	n, err := base64.StdEncoding.Decode(data, text)
	if err != nil {
		return nil, answerError("bad base64")
	}
	return data[:n], nil
}

func dropSpace(r rune) rune {
	if r == ' ' || r == '\t' {
		return -1
	}
	return r // the decoder itself skips line ends
}

// content walks over the content of the element, or over the document when
// none is open.
func (p *parser) content(text func(piece []byte, raw bool) error, child func(Name) error) error {
	if p.empty {
		p.empty = false
		return p.pop()
	}
	depth := len(p.open)
	for {
		tok, err := p.next()
		switch {
		case errors.Is(err, io.EOF) && depth == 0:
			return nil
		case errors.Is(err, io.EOF):
			return answerError("the document ends inside %q", p.open[depth-1])
		case err != nil:
			return err
		}
		switch tok.kind {
		case tokenEnd:
			if depth == 0 || p.open[depth-1] != string(tok.data) {
				return answerError("end of %q where none is open", tok.data)
			}
			return p.pop()
		case tokenText:
			err = p.outside(depth, tok)
			if err == nil {
				err = text(tok.data, tok.raw)
			}
		case tokenStart:
			err = p.element(tok, child)
		}
		if err != nil {
			return err
		}
	}
}

// outside refuses text around the root.
func (p *parser) outside(depth int, tok token) error {
	if depth == 0 && (tok.raw || len(bytes.TrimSpace(tok.data)) > 0) {
		return answerError("text outside the root")
	}
	return nil
}

func (p *parser) element(tok token, child func(Name) error) error {
	depth := len(p.open)
	if depth >= maxDepth {
		return answerError("nested deeper than %d", maxDepth)
	}
	name, err := p.push(tok)
	if err != nil {
		return err
	}
	if err := child(name); err != nil {
		return err
	}
	if len(p.open) != depth {
		return fmt.Errorf("winrm: element %q was not read to its end", name.Local)
	}
	return nil
}

// push opens an element: it takes its attributes apart and resolves its name.
func (p *parser) push(tok token) (Name, error) {
	p.open = append(p.open, string(tok.data))
	p.empty = tok.empty
	p.attrs = p.attrs[:0]
	for rest := tok.attrs; len(rest) > 0; {
		name, value, after := nextAttribute(rest)
		rest = after
		plain, err := unescape(value)
		if err != nil {
			return Name{}, err
		}
		a := attribute{string(name), string(plain)}
		prefix, declares := cutXMLNS(a.name)
		if declares {
			p.scope = append(p.scope, namespace{prefix, a.value, len(p.open)})
			continue
		}
		p.attrs = append(p.attrs, a)
	}
	return p.resolve(tok.data)
}

func cutXMLNS(name string) (prefix string, ok bool) {
	if name == "xmlns" {
		return "", true
	}
	const start = "xmlns:"
	if len(name) > len(start) && name[:len(start)] == start {
		return name[len(start):], true
	}
	return "", false
}

func (p *parser) resolve(raw []byte) (Name, error) {
	prefix, local, ok := bytes.Cut(raw, []byte(":"))
	if !ok {
		prefix, local = nil, raw
	}
	for i := len(p.scope) - 1; i >= 0; i-- {
		if p.scope[i].prefix == string(prefix) {
			return Name{p.scope[i].uri, string(local)}, nil
		}
	}
	if len(prefix) > 0 {
		return Name{}, answerError("prefix %q is not declared", prefix)
	}
	return Name{Local: string(local)}, nil
}

// pop closes the innermost element.
func (p *parser) pop() error {
	depth := len(p.open)
	p.open = p.open[:depth-1]
	for len(p.scope) > 0 && p.scope[len(p.scope)-1].depth == depth {
		p.scope = p.scope[:len(p.scope)-1]
	}
	return nil
}
