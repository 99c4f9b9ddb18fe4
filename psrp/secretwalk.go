package psrp

import "github.com/epo-dev/epo/psrp/clixml"

// maxWalk is how deep values are looked into. The encoder refuses deeper ones.
const maxWalk = 200

// holdsSecret tells whether something that must be encrypted lies anywhere in v.
func holdsSecret(v any) bool {
	if primitive(v) {
		return false
	}
	w := secretWalk{seen: make(map[*clixml.Object]bool)}
	return w.value(v)
}

// primitive picks out the usual values, for which nothing is to be looked up.
func primitive(v any) bool {
	switch v.(type) {
	case nil, string, bool, int, int32, int64, float64, []byte:
		return true
	}
	return false
}

// secretWalk looks for secrets, in each object once.
type secretWalk struct {
	seen  map[*clixml.Object]bool
	depth int
}

func (w *secretWalk) value(v any) bool {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > maxWalk {
		return false
	}
	switch x := v.(type) {
	case Secret, *Secret, Credential, *Credential, clixml.SecureString, *clixml.SecureString:
		return true
	case []any:
		return w.items(x)
	case map[string]any:
		for _, item := range x {
			if w.value(item) {
				return true
			}
		}
	case *clixml.List:
		return x != nil && w.items(x.Items)
	case *clixml.Dictionary:
		return x != nil && w.entries(x.Entries)
	case *clixml.Object:
		if x == nil || w.seen[x] {
			return false
		}
		w.seen[x] = true
		return w.value(x.Value) || w.members(x.Properties) || w.members(x.Extended)
	}
	return false
}

func (w *secretWalk) items(items []any) bool {
	for _, item := range items {
		if w.value(item) {
			return true
		}
	}
	return false
}

func (w *secretWalk) entries(entries []clixml.Entry) bool {
	for _, e := range entries {
		if w.value(e.Key) || w.value(e.Value) {
			return true
		}
	}
	return false
}

func (w *secretWalk) members(list []clixml.Property) bool {
	for _, p := range list {
		if w.value(p.Value) {
			return true
		}
	}
	return false
}

// secretInside tells whether a parameter holds a secret.
func (p Pipeline) secretInside() bool {
	for _, statement := range append([][]Command{p.Commands}, p.Statements...) {
		for _, c := range statement {
			for _, param := range c.Parameters {
				if holdsSecret(param.Value) {
					return true
				}
			}
		}
	}
	return false
}
