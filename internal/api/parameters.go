package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// wholeNumber is a number whose digits PowerShell shows again as they were written; 1.10, 1e3 and 007 are not.
var wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,14})$`)

// ParseParameters makes the JSON object of a script's parameters from a JSON object (may be empty) and from pairs of the
// command line, which win whatever the case of their names:
//
//	name=value    JSON if value is a whole number, true, false, null, "text", [list] or {object}, else a text
//	name:=json    always JSON
//	name          true, for a switch
//
// PowerShell's own binder converts to the parameter's type, so that a text like 1.10 still binds to a [double]. Nothing is
// ever read as code.
func ParseParameters(object []byte, pairs []string) (json.RawMessage, error) {
	values := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(object)) > 0 {
		if err := decodeObject(object, &values); err != nil {
			return nil, fmt.Errorf("parameters: %w", err)
		}
	}
	for _, pair := range pairs {
		name, value, err := parsePair(pair)
		if err != nil {
			return nil, err
		}
		for other := range values {
			if strings.EqualFold(other, name) {
				delete(values, other)
			}
		}
		values[name] = value
	}
	return json.Marshal(values)
}

func decodeObject(text []byte, values *map[string]json.RawMessage) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(values); err != nil {
		return fmt.Errorf("want a JSON object: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("want one JSON object and nothing after it")
	}
	if *values == nil {
		return errors.New("want a JSON object")
	}
	return nil
}

func parsePair(pair string) (string, json.RawMessage, error) {
	name, value, found := strings.Cut(pair, "=")
	name, isJSON := strings.CutSuffix(name, ":")
	if strings.TrimSpace(name) == "" || !found && isJSON {
		return "", nil, fmt.Errorf("parameter %q: want name=value, name:=json, or name for a switch", pair)
	}
	switch {
	case !found:
		return name, json.RawMessage("true"), nil
	case isJSON && !json.Valid([]byte(value)):
		return "", nil, fmt.Errorf("parameter %s: %q is no JSON (a text is given as %s=…)", name, value, name)
	case isJSON || looksTyped(value):
		return name, json.RawMessage(value), nil
	}
	text, err := json.Marshal(value)
	return name, text, err
}

// looksTyped reports whether a value is JSON that loses nothing when it is taken as such.
func looksTyped(value string) bool {
	if !json.Valid([]byte(value)) {
		return false
	}
	first := strings.TrimSpace(value)[0]
	return wholeNumber.MatchString(value) || strings.IndexByte(`tfn"[{`, first) >= 0
}
