package psrp

import (
	"errors"
	"maps"

	"github.com/epo-dev/epo/psrp/clixml"
)

// sealer puts what the wire carries in the place of secrets. It copies what
// holds one and leaves the values of the caller alone; within one message an
// object stays one object.
type sealer struct {
	cipher sessionCipher
	copies map[*clixml.Object]*clixml.Object
	depth  int
}

var errDeep = errors.New("psrp: value is nested too deep")

func newSealer(c sessionCipher) *sealer {
	return &sealer{cipher: c, copies: make(map[*clixml.Object]*clixml.Object)}
}

func (s *sealer) value(v any) (any, error) {
	s.depth++
	defer func() { s.depth-- }()
	if s.depth > maxWalk {
		return nil, errDeep
	}
	switch x := v.(type) {
	case Secret:
		return s.cipher.seal(x.Reveal())
	case *Secret:
		if x == nil {
			return nil, nil
		}
		return s.value(*x)
	case Credential:
		password, err := s.cipher.seal(x.Password.Reveal())
		return x.encode(password), err
	case *Credential:
		if x == nil {
			return nil, nil
		}
		return s.value(*x)
	case clixml.SecureString:
		_, err := s.cipher.open(x) // one of another pool would block the server for ever
		return x, err
	case *clixml.SecureString:
		if x == nil {
			return nil, nil
		}
		return s.value(*x)
	default:
		return s.container(v)
	}
}

func (s *sealer) container(v any) (any, error) {
	switch x := v.(type) {
	case []any:
		return s.items(x)
	case map[string]any:
		out := maps.Clone(x)
		for k := range out {
			var err error
			if out[k], err = s.value(out[k]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *clixml.List:
		if x == nil {
			return x, nil
		}
		items, err := s.items(x.Items)
		return &clixml.List{Kind: x.Kind, Items: items}, err
	case *clixml.Dictionary:
		return s.dictionary(x)
	case *clixml.Object:
		return s.object(x)
	}
	return v, nil
}

func (s *sealer) items(items []any) ([]any, error) {
	out := make([]any, len(items))
	for i := range items {
		var err error
		if out[i], err = s.value(items[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *sealer) dictionary(d *clixml.Dictionary) (*clixml.Dictionary, error) {
	if d == nil {
		return nil, nil
	}
	out := &clixml.Dictionary{Entries: make([]clixml.Entry, len(d.Entries))}
	for i, e := range d.Entries {
		var err error
		if out.Entries[i].Key, err = s.value(e.Key); err != nil {
			return nil, err
		}
		if out.Entries[i].Value, err = s.value(e.Value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *sealer) object(o *clixml.Object) (*clixml.Object, error) {
	if o == nil {
		return nil, nil
	}
	if done := s.copies[o]; done != nil {
		return done, nil
	}
	out := &clixml.Object{TypeNames: o.TypeNames, ToString: o.ToString}
	s.copies[o] = out
	var err error
	if out.Value, err = s.value(o.Value); err != nil {
		return nil, err
	}
	if out.Properties, err = s.properties(o.Properties); err != nil {
		return nil, err
	}
	out.Extended, err = s.properties(o.Extended)
	return out, err
}

func (s *sealer) properties(list []clixml.Property) ([]clixml.Property, error) {
	if list == nil {
		return nil, nil
	}
	out := make([]clixml.Property, len(list))
	for i, p := range list {
		v, err := s.value(p.Value)
		if err != nil {
			return nil, err
		}
		out[i] = clixml.Property{Name: p.Name, Value: v}
	}
	return out, nil
}

// commands seals the parameters of statements.
func (s *sealer) commands(list []Command) ([]Command, error) {
	out := make([]Command, len(list))
	for i, c := range list {
		out[i] = c
		out[i].Parameters = make([]Parameter, len(c.Parameters))
		for k, p := range c.Parameters {
			v, err := s.value(p.Value)
			if err != nil {
				return nil, err
			}
			out[i].Parameters[k] = Parameter{Name: p.Name, Value: v}
		}
	}
	return out, nil
}

// pipeline seals all parameters of p.
func (s *sealer) pipeline(p Pipeline) (Pipeline, error) {
	var err error
	if p.Commands, err = s.commands(p.Commands); err != nil {
		return p, err
	}
	statements := make([][]Command, len(p.Statements))
	for i := range p.Statements {
		if statements[i], err = s.commands(p.Statements[i]); err != nil {
			return p, err
		}
	}
	p.Statements = statements
	return p, nil
}
