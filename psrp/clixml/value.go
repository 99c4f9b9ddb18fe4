package clixml

import "strings"

// Char is a .NET System.Char: one UTF-16 code unit, possibly a lone surrogate.
type Char uint16

// Decimal is a System.Decimal as decimal text, for example "-12.50".
type Decimal string

// URI is a System.Uri as text.
type URI string

// Version is a System.Version: two to four numbers separated by dots.
type Version string

// XML is the text of a System.Xml.XmlDocument.
type XML string

// ScriptBlock is the source of a script block. Receivers turn it into a string.
type ScriptBlock string

// SecureString is an encrypted string. Cipher is what the wire carries after
// base64; only the owner of the session key can open it.
type SecureString struct{ Cipher []byte }

// String hides the content from logs.
func (SecureString) String() string { return "clixml.SecureString(hidden)" }

// GoString hides the content from %#v.
func (SecureString) GoString() string { return "clixml.SecureString(hidden)" }

// Progress is a progress record sent as an object (element PR).
type Progress struct {
	Activity          string
	ActivityID        int32
	CurrentOperation  *string // nil where the record has none
	ParentActivityID  int32   // -1: no parent
	PercentComplete   int32   // -1: unknown
	Type              string  // Processing or Completed
	SecondsRemaining  int32   // -1: unknown
	StatusDescription string
}

// Object is an Obj element: a .NET object with members, a container, an enum
// value or a primitive that carries notes.
type Object struct {
	TypeNames  []string   // most derived first; empty for protocol bags
	ToString   *string    // what ToString() gave, where it was sent
	Value      any        // nil, a primitive, *List or *Dictionary
	Properties []Property // properties of the object itself (Props)
	Extended   []Property // notes added to it (MS)
}

// Property is one named member.
type Property struct {
	Name  string
	Value any
}

// ListKind tells which kind of sequence a List was.
type ListKind uint8

// The list kinds. The items of a Stack come top first.
const (
	ArrayList  ListKind = iota // LST: arrays and lists
	Enumerable                 // IE: anything else that can be enumerated
	Queue                      // QUE
	Stack                      // STK
)

// List is the content of a sequence.
type List struct {
	Kind  ListKind
	Items []any
}

// Dictionary is the content of a hashtable, in the order of the wire.
type Dictionary struct{ Entries []Entry }

// Entry is one key and its value. Keys are never nil.
type Entry struct{ Key, Value any }

// Get finds a member by name without regard to case: notes first, then the
// object's own properties, as PowerShell does.
func (o *Object) Get(name string) (any, bool) {
	if o == nil {
		return nil, false
	}
	if v, ok := find(o.Extended, name); ok {
		return v, true
	}
	return find(o.Properties, name)
}

func find(list []Property, name string) (any, bool) {
	for i := range list {
		if strings.EqualFold(list[i].Name, name) {
			return list[i].Value, true
		}
	}
	return nil, false
}

// Get finds the value of a text key without regard to case, as a Hashtable does.
func (d *Dictionary) Get(key string) (any, bool) {
	if d == nil {
		return nil, false
	}
	for i := range d.Entries {
		if s, ok := d.Entries[i].Key.(string); ok && strings.EqualFold(s, key) {
			return d.Entries[i].Value, true
		}
	}
	return nil, false
}

// TypeName gives the most derived type name, "" where none was sent.
func (o *Object) TypeName() string {
	if o == nil || len(o.TypeNames) == 0 {
		return ""
	}
	return o.TypeNames[0]
}

// Base gives the primitive inside an Object, and any other value as it is. It
// is how to read a number that may be plain, boxed or an enum.
func Base(v any) any {
	o, ok := v.(*Object)
	if !ok || o == nil || o.Value == nil {
		return v
	}
	switch o.Value.(type) {
	case *List, *Dictionary:
		return v
	}
	return o.Value
}
