package executor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// maxParameterDepth is how deep lists and objects of one parameter may nest.
// The engine stops at about 50.
const maxParameterDepth = 40

// parameterError says which parameter cannot be passed on.
type parameterError struct{ name, msg string }

func (e *parameterError) Error() string {
	if e.name == "" {
		return "parameters: " + e.msg
	}
	return fmt.Sprintf("parameter %s: %s", e.name, e.msg)
}

func (e *parameterError) info() *api.ErrorInfo {
	return &api.ErrorInfo{Code: api.CodeParameterRejected, Message: e.Error(), Parameter: e.name}
}

// decodeParameters turns a JSON object into typed parameters: strings, booleans
// and null as they are; numbers as Int32, Int64 or Decimal if they are written
// as integers, by size, else Double; arrays as object[]; objects as Hashtable.
func decodeParameters(raw json.RawMessage) ([]psrp.Parameter, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, &parameterError{msg: "not a JSON object"}
	}
	var list []psrp.Parameter
	for d.More() {
		p, err := decodeParameter(d)
		if err != nil {
			return nil, err
		}
		for _, other := range list {
			if strings.EqualFold(other.Name, p.Name) {
				return nil, &parameterError{p.Name, "given twice"}
			}
		}
		list = append(list, p)
	}
	if _, err := d.Token(); err != nil {
		return nil, &parameterError{msg: "not a JSON object"}
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, &parameterError{msg: "more than one JSON value"}
	}
	return list, nil
}

func decodeParameter(d *json.Decoder) (psrp.Parameter, error) {
	t, err := d.Token()
	name, ok := t.(string)
	if err != nil || !ok {
		return psrp.Parameter{}, &parameterError{msg: "not a JSON object"}
	}
	if strings.Trim(name, "- ") == "" {
		return psrp.Parameter{}, &parameterError{name, "a name is needed"}
	}
	v, err := decodeJSON(d, 0)
	if err != nil {
		return psrp.Parameter{}, &parameterError{name, err.Error()}
	}
	return psrp.Parameter{Name: name, Value: v}, nil
}

// decodeJSON reads one value into what clixml encodes.
func decodeJSON(d *json.Decoder, depth int) (any, error) {
	if depth > maxParameterDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxParameterDepth)
	}
	t, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("bad JSON: %w", err)
	}
	switch x := t.(type) {
	case json.Number:
		return decodeNumber(string(x))
	case json.Delim:
		if x == '[' {
			return decodeArray(d, depth)
		}
		return decodeObject(d, depth)
	default:
		return x, nil // string, bool or nil
	}
}

func decodeArray(d *json.Decoder, depth int) (any, error) {
	items := []any{}
	for d.More() {
		v, err := decodeJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	_, err := d.Token()
	return newArray(items), err
}

// arrayType is a type name of ours. By itself a list arrives as ArrayList; for
// this name pre.ps1 tells the engine to make an object[] of it.
const arrayType = "Epo.Array"

func newArray(items []any) *clixml.Object {
	return &clixml.Object{TypeNames: []string{arrayType, "System.Object"}, Value: &clixml.List{Items: items}}
}

func decodeObject(d *json.Decoder, depth int) (any, error) {
	var entries []clixml.Entry
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return nil, fmt.Errorf("bad JSON")
		}
		if folded := strings.ToLower(key); seen[folded] {
			return nil, fmt.Errorf("key %q is given twice (keys of a hashtable do not differ by case)", key)
		} else {
			seen[folded] = true
		}
		v, err := decodeJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		entries = append(entries, clixml.Entry{Key: key, Value: v})
	}
	_, err := d.Token()
	return clixml.NewHashtable(entries...), err
}

// maxDecimalDigits is how many digits every Decimal can hold.
const maxDecimalDigits = 28

// decodeNumber chooses the type of a number as PowerShell's own literals have it: Int32, Int64, Double; where that would lose
// digits, Decimal.
func decodeNumber(s string) (any, error) {
	if strings.ContainsAny(s, ".eE") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, fmt.Errorf("number %.40s is too large", s)
		}
		if losesDigits(s, f) {
			return clixml.Decimal(s), nil
		}
		return f, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if n >= math.MinInt32 && n <= math.MaxInt32 {
			return int32(n), nil
		}
		return n, nil
	}
	if len(strings.TrimPrefix(s, "-")) <= maxDecimalDigits {
		return clixml.Decimal(s), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("number %.40s is too large", s)
	}
	return f, nil
}

// losesDigits tells whether a fraction, not one with an exponent, has digits that only a Decimal keeps.
func losesDigits(s string, f float64) bool {
	digits := strings.TrimPrefix(s, "-")
	if strings.ContainsAny(s, "eE") || len(digits)-len(".") > maxDecimalDigits {
		return false
	}
	shortest := strconv.FormatFloat(math.Abs(f), 'f', -1, 64)
	return strings.TrimRight(strings.TrimRight(digits, "0"), ".") != shortest
}

// holdsArray tells whether a parameter is or holds an object[].
func holdsArray(v any) bool {
	o, ok := v.(*clixml.Object)
	if !ok {
		return false
	}
	if o.TypeName() == arrayType {
		return true
	}
	d, ok := o.Value.(*clixml.Dictionary)
	return ok && slices.ContainsFunc(d.Entries, func(e clixml.Entry) bool { return holdsArray(e.Value) })
}
