package clixml

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// DecodeOptions are the limits of Decode. Zero means the default.
type DecodeOptions struct {
	MaxDepth    int // nesting of elements that hold elements; default 100
	MaxBytes    int // size of the input; default 64 MiB
	MaxElements int // elements of any kind; default 4 million
}

const (
	defaultMaxDepth    = 100
	defaultMaxBytes    = 64 << 20
	defaultMaxElements = 4 << 20
)

func (o DecodeOptions) withDefaults() DecodeOptions {
	if o.MaxDepth <= 0 {
		o.MaxDepth = defaultMaxDepth
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MaxElements <= 0 {
		o.MaxElements = defaultMaxElements
	}
	return o
}

var utf8BOM = []byte("\xef\xbb\xbf")

// Decode reads one element. Input that is empty, or only a byte order mark,
// is $null and gives nil. Every error is a *SyntaxError.
//
// A Ref to an object that is still open gives the same *Object, so a decoded
// value may contain cycles. An Obj that holds nothing but a primitive gives
// the primitive: the engine adds that wrapper to boxed values at random.
func Decode(data []byte, opt DecodeOptions) (any, error) {
	opt = opt.withDefaults()
	data = bytes.TrimPrefix(data, utf8BOM)
	if len(data) > opt.MaxBytes {
		return nil, &SyntaxError{Msg: fmt.Sprintf("input of %d bytes, limit is %d", len(data), opt.MaxBytes)}
	}
	if !utf8.Valid(data) {
		return nil, &SyntaxError{Offset: invalidOffset(data), Msg: "invalid UTF-8"}
	}
	d := decoder{scanner: scanner{data: data}, opt: opt}
	if empty, err := d.atEnd(); empty || err != nil {
		return nil, err
	}
	t, err := d.start()
	if err != nil {
		return nil, err
	}
	v, err := d.value(&t)
	if err != nil {
		return nil, err
	}
	if end, err := d.atEnd(); err != nil {
		return nil, err
	} else if !end {
		return nil, d.fail("more than one element")
	}
	return v, nil
}

func invalidOffset(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(data)
}

// decoder builds values from tags.
type decoder struct {
	scanner
	opt       DecodeOptions
	depth     int
	elements  int
	objects   table[any]
	typeNames table[[]string]
}

// table holds what has a RefId. Engines count from 0, so nearly everything is
// in the list; what is not, as with hostile ids, goes into the map.
type table[T any] struct {
	list []T
	rest map[int]T
}

func (t *table[T]) set(id int, v T) {
	switch {
	case id < 0:
	case id < len(t.list):
		t.list[id] = v
	case id == len(t.list):
		t.list = append(t.list, v)
	default:
		if t.rest == nil {
			t.rest = make(map[int]T)
		}
		t.rest[id] = v
	}
}

func (t *table[T]) get(id int) (v T, ok bool) {
	if id >= 0 && id < len(t.list) {
		return t.list[id], true
	}
	v, ok = t.rest[id]
	return v, ok
}

// atEnd skips space and comments and tells whether anything follows.
func (d *decoder) atEnd() (bool, error) {
	for {
		d.skipSpace()
		skipped, err := d.skipComment()
		if err != nil {
			return false, err
		}
		if !skipped {
			return d.pos >= len(d.data), nil
		}
	}
}

// start reads a start tag where an end tag would be an error.
func (d *decoder) start() (tag, error) {
	t, err := d.next()
	if err == nil && t.end {
		return t, d.fail("unexpected </%s>", clip(t.name))
	}
	if d.elements++; err == nil && d.elements > d.opt.MaxElements {
		return t, d.fail("more than %d elements", d.opt.MaxElements)
	}
	return t, err
}

// children calls each for every child of t and consumes t's end tag.
func (d *decoder) children(t *tag, each func(*tag) error) error {
	if t.empty {
		return nil
	}
	if d.depth++; d.depth > d.opt.MaxDepth {
		return d.fail("nested deeper than %d", d.opt.MaxDepth)
	}
	var c tag // one for all children: it goes to the heap
	for {
		var err error
		if c, err = d.next(); err != nil {
			return err
		}
		if c.end {
			d.depth--
			if !bytes.Equal(c.name, t.name) {
				return d.fail("</%s> closes <%s>", clip(c.name), clip(t.name))
			}
			return nil
		}
		if d.elements++; d.elements > d.opt.MaxElements {
			return d.fail("more than %d elements", d.opt.MaxElements)
		}
		if err := each(&c); err != nil {
			return err
		}
	}
}

// value reads the element that t opens.
func (d *decoder) value(t *tag) (any, error) {
	switch string(t.name) {
	case "Obj":
		return d.object(t)
	case "Ref":
		return d.reference(t)
	case "PR":
		return d.progress(t)
	case "MS":
		o := &Object{}
		var err error
		o.Extended, err = d.members(t, nil)
		return o, err
	}
	if containerKind(t.name) != notContainer {
		return d.container(t)
	}
	return d.primitive(t)
}

// reference resolves <Ref RefId="n"/>.
func (d *decoder) reference(t *tag) (any, error) {
	v, ok := d.objects.get(t.refID)
	if !ok {
		return nil, d.fail("reference to undefined object %d", t.refID)
	}
	if _, err := d.text(t); err != nil {
		return nil, err
	}
	return v, nil
}

func (d *decoder) object(t *tag) (any, error) {
	o := &Object{}
	d.objects.set(t.refID, o)
	err := d.children(t, func(c *tag) error { return d.objectPart(o, c) })
	if err != nil {
		return nil, err
	}
	if plain(o) {
		d.objects.set(t.refID, o.Value)
		return o.Value, nil
	}
	return o, nil
}

// plain tells whether o says nothing more than its primitive.
func plain(o *Object) bool {
	if o.TypeNames != nil || o.ToString != nil || o.Properties != nil || o.Extended != nil {
		return false
	}
	switch o.Value.(type) {
	case nil, *List, *Dictionary:
		return false
	}
	return true
}

func (d *decoder) objectPart(o *Object, c *tag) (err error) {
	switch string(c.name) {
	case "TN":
		o.TypeNames, err = d.typeNameList(c)
	case "TNRef":
		o.TypeNames, err = d.typeNameRef(c)
	case "ToString":
		var s string
		s, err = d.string(c)
		o.ToString = &s
	case "Props":
		o.Properties, err = d.members(c, o.Properties)
	case "MS":
		o.Extended, err = d.members(c, o.Extended)
	default:
		if o.Value != nil {
			return d.fail("object with two values")
		}
		if containerKind(c.name) != notContainer {
			o.Value, err = d.container(c)
		} else {
			o.Value, err = d.value(c)
		}
	}
	return err
}

func (d *decoder) typeNameList(t *tag) ([]string, error) {
	names := make([]string, 0, 4)
	err := d.children(t, func(c *tag) error {
		if string(c.name) != "T" {
			return d.fail("<%s> in a list of type names", clip(c.name))
		}
		s, err := d.string(c)
		names = append(names, s)
		return err
	})
	if err == nil {
		d.typeNames.set(t.refID, names)
	}
	return names, err
}

func (d *decoder) typeNameRef(t *tag) ([]string, error) {
	names, ok := d.typeNames.get(t.refID)
	if !ok {
		return nil, d.fail("reference to undefined type names %d", t.refID)
	}
	_, err := d.text(t)
	return names, err
}

// fewMembers is what an object with members gets room for at first.
const fewMembers = 4

// members reads the children of Props or MS.
func (d *decoder) members(t *tag, list []Property) ([]Property, error) {
	if list == nil {
		list = []Property{}
	}
	err := d.children(t, func(c *tag) error {
		if !c.hasN {
			return d.fail("member <%s> without a name", clip(c.name))
		}
		name, err := d.attributeText(c.n)
		if err != nil {
			return err
		}
		if cap(list) == 0 {
			list = make([]Property, 0, fewMembers)
		}
		v, err := d.value(c)
		list = append(list, Property{Name: name, Value: v})
		return err
	})
	return list, err
}

const notContainer = ListKind(255)
const dictionaryKind = ListKind(254)

func containerKind(name []byte) ListKind {
	switch string(name) {
	case "LST":
		return ArrayList
	case "IE":
		return Enumerable
	case "QUE":
		return Queue
	case "STK":
		return Stack
	case "DCT":
		return dictionaryKind
	}
	return notContainer
}

// container reads LST, IE, QUE, STK or DCT.
func (d *decoder) container(t *tag) (any, error) {
	kind := containerKind(t.name)
	if kind == dictionaryKind {
		dct := &Dictionary{}
		return dct, d.children(t, func(c *tag) error {
			e, err := d.entry(c)
			dct.Entries = append(dct.Entries, e)
			return err
		})
	}
	list := &List{Kind: kind}
	return list, d.children(t, func(c *tag) error {
		v, err := d.value(c)
		list.Items = append(list.Items, v)
		return err
	})
}

// entry reads <En> with its Key and Value in any order.
func (d *decoder) entry(t *tag) (e Entry, err error) {
	if string(t.name) != "En" {
		return e, d.fail("<%s> in a dictionary", clip(t.name))
	}
	seenKey, seenValue := false, false
	err = d.children(t, func(c *tag) (err error) {
		switch string(c.n) {
		case "Key":
			seenKey = true
			e.Key, err = d.value(c)
		case "Value":
			seenValue = true
			e.Value, err = d.value(c)
		default:
			err = d.fail("<%s> in a dictionary entry", clip(c.name))
		}
		return err
	})
	if err == nil && (!seenKey || !seenValue || e.Key == nil) {
		return e, d.fail("dictionary entry without key or value")
	}
	return e, err
}

// string reads escaped text.
func (d *decoder) string(t *tag) (string, error) {
	b, err := d.text(t)
	return unescape(b), err
}

// attributeText resolves references and escapes in an attribute value.
func (d *decoder) attributeText(raw []byte) (string, error) {
	if bytes.IndexByte(raw, '&') < 0 {
		return unescape(raw), nil
	}
	sub := scanner{data: raw}
	if err := sub.appendPiece(len(raw)); err != nil {
		return "", d.fail("bad entity reference in a name")
	}
	return unescape(sub.buf), nil
}
