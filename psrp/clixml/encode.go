package clixml

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	errNilKey = errors.New("clixml: dictionary key is nil")
	errDeep   = fmt.Errorf("clixml: nested deeper than %d", defaultMaxDepth)
)

// Encode writes v as one element. Besides the types that Decode gives it takes
// the usual Go ones: int and uint become I32, I64 or U64 by size, time.Time a
// DT, time.Duration a TS, []any and []string an ArrayList, map[string]any a
// Hashtable with sorted keys. An *Object that occurs again is written as Ref,
// so cycles are allowed.
func Encode(v any) ([]byte, error) { return Append(nil, v) }

// Append is Encode to the end of dst. On error dst comes back as it was.
func Append(dst []byte, v any) ([]byte, error) {
	e := encoder{dst: dst}
	if err := e.value("", v); err != nil {
		return dst, err
	}
	return e.dst, nil
}

// encoder writes one element with all that is below it.
type encoder struct {
	dst       []byte
	depth     int
	objects   map[*Object]int
	count     int // RefIds given out
	typeNames map[string]int
}

// open writes <tag N="name" RefId="id">; no N for "", no RefId for -1.
func (e *encoder) open(tag, name string, id int) {
	e.dst = append(append(e.dst, '<'), tag...)
	if name != "" {
		e.dst = append(appendText(append(e.dst, ` N="`...), name, true), '"')
	}
	if id >= 0 {
		e.dst = append(strconv.AppendInt(append(e.dst, ` RefId="`...), int64(id), 10), '"')
	}
	e.dst = append(e.dst, '>')
}

func (e *encoder) close(tag string) {
	e.dst = append(append(append(e.dst, "</"...), tag...), '>')
}

// raw writes text that needs no escaping.
func (e *encoder) raw(tag, name, text string) {
	e.open(tag, name, -1)
	e.dst = append(e.dst, text...)
	e.close(tag)
}

func (e *encoder) text(tag, name, text string) {
	e.open(tag, name, -1)
	e.dst = appendText(e.dst, text, false)
	e.close(tag)
}

func (e *encoder) signed(tag, name string, n int64) {
	e.open(tag, name, -1)
	e.dst = strconv.AppendInt(e.dst, n, 10)
	e.close(tag)
}

func (e *encoder) unsigned(tag, name string, n uint64) {
	e.open(tag, name, -1)
	e.dst = strconv.AppendUint(e.dst, n, 10)
	e.close(tag)
}

func (e *encoder) base64(tag, name string, b []byte) {
	e.open(tag, name, -1)
	e.dst = base64.StdEncoding.AppendEncode(e.dst, b)
	e.close(tag)
}

func (e *encoder) float(tag, name string, f float64, bits int) {
	switch {
	case math.IsNaN(f):
		e.raw(tag, name, "NaN")
	case math.IsInf(f, 1):
		e.raw(tag, name, "INF")
	case math.IsInf(f, -1):
		e.raw(tag, name, "-INF")
	default:
		e.open(tag, name, -1)
		e.dst = strconv.AppendFloat(e.dst, f, 'g', -1, bits)
		e.close(tag)
	}
}

// value writes v with the attribute N set to name, unless that is "".
func (e *encoder) value(name string, v any) error {
	switch x := v.(type) {
	case nil:
		e.dst = append(e.dst, "<Nil"...)
		if name != "" {
			e.dst = append(appendText(append(e.dst, ` N="`...), name, true), '"')
		}
		e.dst = append(e.dst, "/>"...)
	case string:
		e.text("S", name, x)
	case bool:
		e.raw("B", name, strconv.FormatBool(x))
	case *Object:
		return e.object(name, x)
	case *List, *Dictionary, []any, []string, map[string]any:
		return e.object(name, wrap(x))
	case *Progress:
		e.progress(name, x)
	default:
		if e.integer(name, v) || e.scalar(name, v) {
			return nil
		}
		return e.special(name, v)
	}
	return nil
}

// wrap makes the Object that a bare container travels in.
func wrap(v any) *Object {
	switch x := v.(type) {
	case []any:
		return NewArrayList(x...)
	case []string:
		items := make([]any, len(x))
		for i := range x {
			items[i] = x[i]
		}
		return NewArrayList(items...)
	case map[string]any:
		entries := make([]Entry, 0, len(x))
		for k, v := range x {
			entries = append(entries, Entry{Key: k, Value: v})
		}
		slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Key.(string), b.Key.(string)) })
		return NewHashtable(entries...)
	case *Dictionary:
		return &Object{TypeNames: hashtableTypes(), Value: x}
	default:
		return &Object{TypeNames: arrayListTypes(), Value: x}
	}
}

func (e *encoder) integer(name string, v any) bool {
	switch x := v.(type) {
	case int:
		e.goInt(name, int64(x))
	case uint:
		e.goUint(name, uint64(x))
	case int8:
		e.signed("SB", name, int64(x))
	case int16:
		e.signed("I16", name, int64(x))
	case int32:
		e.signed("I32", name, int64(x))
	case int64:
		e.signed("I64", name, x)
	case uint8:
		e.unsigned("By", name, uint64(x))
	case uint16:
		e.unsigned("U16", name, uint64(x))
	case uint32:
		e.unsigned("U32", name, uint64(x))
	case uint64:
		e.unsigned("U64", name, x)
	case Char:
		e.unsigned("C", name, uint64(x))
	default:
		return false
	}
	return true
}

func (e *encoder) goInt(name string, n int64) {
	if n >= math.MinInt32 && n <= math.MaxInt32 {
		e.signed("I32", name, n)
		return
	}
	e.signed("I64", name, n)
}

func (e *encoder) goUint(name string, n uint64) {
	if n <= math.MaxInt64 {
		e.goInt(name, int64(n))
		return
	}
	e.unsigned("U64", name, n)
}

// scalar writes the values whose text needs no check.
func (e *encoder) scalar(name string, v any) bool {
	switch x := v.(type) {
	case float32:
		e.float("Sg", name, float64(x), 32)
	case float64:
		e.float("Db", name, x, 64)
	case DateTime:
		e.raw("DT", name, x.String())
	case time.Time:
		e.raw("DT", name, NewDateTime(x).String())
	case TimeSpan:
		e.raw("TS", name, x.String())
	case time.Duration:
		e.raw("TS", name, TimeSpan(x/100).String())
	case GUID:
		e.raw("G", name, x.String())
	case []byte:
		e.base64("BA", name, x)
	case SecureString:
		e.base64("SS", name, x.Cipher)
	case ScriptBlock:
		e.text("SBK", name, string(x))
	case URI:
		e.text("URI", name, string(x))
	case XML:
		e.text("XD", name, string(x))
	default:
		return false
	}
	return true
}

// special writes the text-backed numbers after a check, so that no value can
// carry markup of its own.
func (e *encoder) special(name string, v any) error {
	switch x := v.(type) {
	case Decimal:
		if _, err := parseDecimal(string(x)); err != nil {
			return fmt.Errorf("clixml: %q: %w", clip([]byte(x)), err)
		}
		e.raw("D", name, string(x))
	case Version:
		if _, err := parseVersion(string(x)); err != nil {
			return fmt.Errorf("clixml: %q: %w", clip([]byte(x)), err)
		}
		e.raw("Version", name, string(x))
	default:
		return fmt.Errorf("clixml: cannot encode a %T", v)
	}
	return nil
}

func (e *encoder) object(name string, o *Object) error {
	if o == nil {
		return e.value(name, nil)
	}
	if id, ok := e.objects[o]; ok {
		e.reference(name, id)
		return nil
	}
	if e.depth++; e.depth > defaultMaxDepth {
		return errDeep
	}
	if e.objects == nil {
		e.objects = make(map[*Object]int)
	}
	id := e.count
	e.count++
	e.objects[o] = id
	e.open("Obj", name, id)
	e.writeTypeNames(o.TypeNames)
	if o.ToString != nil {
		e.text("ToString", "", *o.ToString)
	}
	if err := e.content(o.Value); err != nil {
		return err
	}
	if err := e.members("Props", o.Properties); err != nil {
		return err
	}
	if err := e.members("MS", o.Extended); err != nil {
		return err
	}
	e.close("Obj")
	e.depth--
	return nil
}

func (e *encoder) reference(name string, id int) {
	e.open("Ref", name, id)
	e.dst = append(e.dst[:len(e.dst)-1], "/>"...)
}

func (e *encoder) writeTypeNames(names []string) {
	if len(names) == 0 {
		return
	}
	key := strings.Join(names, "\x00")
	if id, ok := e.typeNames[key]; ok {
		e.open("TNRef", "", id)
		e.dst = append(e.dst[:len(e.dst)-1], "/>"...)
		return
	}
	if e.typeNames == nil {
		e.typeNames = make(map[string]int)
	}
	id := len(e.typeNames)
	e.typeNames[key] = id
	e.open("TN", "", id)
	for _, n := range names {
		e.text("T", "", n)
	}
	e.close("TN")
}

// content writes what an Obj holds besides members.
func (e *encoder) content(v any) error {
	switch x := v.(type) {
	case nil:
		return nil
	case *List:
		return e.list(x)
	case *Dictionary:
		return e.dictionary(x)
	case *Object:
		return errors.New("clixml: the value of an object is an object")
	default:
		return e.value("", v)
	}
}

var listTags = [...]string{ArrayList: "LST", Enumerable: "IE", Queue: "QUE", Stack: "STK"}

func (e *encoder) list(l *List) error {
	if int(l.Kind) >= len(listTags) {
		return fmt.Errorf("clixml: list kind %d", l.Kind)
	}
	e.open(listTags[l.Kind], "", -1)
	for _, v := range l.Items {
		if err := e.value("", v); err != nil {
			return err
		}
	}
	e.close(listTags[l.Kind])
	return nil
}

func (e *encoder) dictionary(d *Dictionary) error {
	e.open("DCT", "", -1)
	for i := range d.Entries {
		if d.Entries[i].Key == nil {
			return errNilKey
		}
		e.open("En", "", -1)
		if err := e.value("Key", d.Entries[i].Key); err != nil {
			return err
		}
		if err := e.value("Value", d.Entries[i].Value); err != nil {
			return err
		}
		e.close("En")
	}
	e.close("DCT")
	return nil
}

func (e *encoder) members(tag string, list []Property) error {
	if list == nil {
		return nil
	}
	e.open(tag, "", -1)
	for i := range list {
		if list[i].Name == "" {
			return errors.New("clixml: member without a name")
		}
		if err := e.value(list[i].Name, list[i].Value); err != nil {
			return err
		}
	}
	e.close(tag)
	return nil
}

func (e *encoder) progress(name string, p *Progress) {
	e.open("PR", name, -1)
	e.text("AV", "", p.Activity)
	e.signed("AI", "", int64(p.ActivityID))
	if p.CurrentOperation == nil {
		e.raw("Nil", "", "")
	} else {
		e.text("S", "", *p.CurrentOperation)
	}
	e.signed("PI", "", int64(p.ParentActivityID))
	e.signed("PC", "", int64(p.PercentComplete))
	e.text("T", "", p.Type)
	e.signed("SR", "", int64(p.SecondsRemaining))
	e.text("SD", "", p.StatusDescription)
	e.close("PR")
}
