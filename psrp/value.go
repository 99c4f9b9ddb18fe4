package psrp

import (
	"strconv"

	"github.com/epo-dev/epo/psrp/clixml"
)

// member gives a member of a decoded object, nil where there is none.
func member(v any, name string) any {
	o, _ := v.(*clixml.Object)
	m, _ := o.Get(name)
	return m
}

// textOf gives text of a value that should be text; other primitives and
// objects give what they print as, nil gives "".
func textOf(v any) string {
	switch x := clixml.Base(v).(type) {
	case string:
		return x
	case clixml.Version:
		return string(x)
	case clixml.URI:
		return string(x)
	case clixml.ScriptBlock:
		return string(x)
	case int32:
		return strconv.Itoa(int(x))
	case *clixml.Object:
		if x != nil && x.ToString != nil {
			return *x.ToString
		}
	}
	return ""
}

// intOf gives the number of an integer, an enum or a number in text.
func intOf(v any) (int64, bool) {
	switch x := clixml.Base(v).(type) {
	case int8:
		return int64(x), true
	case int16:
		return int64(x), true
	case int32:
		return int64(x), true
	case int64:
		return x, true
	case uint8:
		return int64(x), true
	case uint16:
		return int64(x), true
	case uint32:
		return int64(x), true
	case string:
		n, err := strconv.ParseInt(x, 10, 64)
		return n, err == nil
	}
	return 0, false
}

func int32Of(v any) int32 {
	n, _ := intOf(v)
	return int32(n)
}

func boolOf(v any) bool {
	b, _ := clixml.Base(v).(bool)
	return b
}

// itemsOf gives the items of a list, nil for anything else.
func itemsOf(v any) []any {
	o, _ := v.(*clixml.Object)
	if o == nil {
		return nil
	}
	if list, ok := o.Value.(*clixml.List); ok {
		return list.Items
	}
	return nil
}
