package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ParseParameters makes the JSON object of a script's parameters from a JSON object (may be empty) and from pairs of the
// command line, which win:
//
//	name=text     a string; PowerShell's binder converts it to the parameter's type
//	name:=json    any JSON value: 5, true, null, ["a","b"], {"k":1}
//	name          true, for a switch
//
// Numbers are kept digit by digit. Nothing is ever read as code.
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
		*values = map[string]json.RawMessage{}
	}
	return nil
}

func parsePair(pair string) (string, json.RawMessage, error) {
	name, value, found := strings.Cut(pair, "=")
	name, isJSON := strings.CutSuffix(name, ":")
	if name == "" || !found && isJSON {
		return "", nil, fmt.Errorf("parameter %q: want name=text, name:=json, or name for a switch", pair)
	}
	switch {
	case !found:
		return name, json.RawMessage("true"), nil
	case isJSON && !json.Valid([]byte(value)):
		return "", nil, fmt.Errorf("parameter %s: %q is no JSON (a text is given as %s=…)", name, value, name)
	case isJSON:
		return name, json.RawMessage(value), nil
	}
	text, err := json.Marshal(value)
	return name, text, err
}
