package httpjson

import (
	"encoding/json"
	"errors"
	"slices"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may nest in a body.
const MaxDepth = 64

// linearNames is up to how many members of an object names are compared one by one.
const linearNames = 16

var (
	errSyntax    = errors.New("the body is no valid JSON")
	errDepth     = errors.New("the body nests too deep")
	errDuplicate = errors.New("the body names a member twice")
	errObject    = errors.New("the body must be a JSON object")
)

// Check reports what keeps data from being one strict JSON value: bad syntax, invalid UTF-8, a member named twice, or more
// than [MaxDepth] levels. It takes time linear in len(data) and never recurses deeper than MaxDepth.
func Check(data []byte) error {
	_, err := check(data)
	return err
}

// Members checks data as [Check] does and returns the names of its members; anything but an object is an error.
func Members(data []byte) ([]string, error) {
	s, err := check(data)
	if err != nil {
		return nil, err
	}
	if !s.isObject {
		return nil, errObject
	}
	return s.top, nil
}

func check(data []byte) (*scanner, error) {
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, errSyntax
	}
	s := &scanner{data: data}
	s.space()
	s.isObject = s.peek() == '{'
	return s, s.value(0)
}

// scanner walks over JSON that is known to be well formed, so it looks for structure only.
type scanner struct {
	data     []byte
	at       int
	isObject bool
	top      []string // names of the outermost object
}

func (s *scanner) peek() byte {
	if s.at >= len(s.data) {
		return 0
	}
	return s.data[s.at]
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// value skips one value that starts at s.at.
func (s *scanner) value(depth int) error {
	switch s.peek() {
	case '{':
		return s.object(depth + 1)
	case '[':
		return s.array(depth + 1)
	case '"':
		s.text()
	default:
		s.plain()
	}
	return nil
}

// text skips a string and returns it with its quotes.
func (s *scanner) text() []byte {
	start := s.at
	for s.at++; s.data[s.at] != '"'; s.at++ {
		if s.data[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
	return s.data[start:s.at]
}

// plain skips a number, true, false or null.
func (s *scanner) plain() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return
		}
		s.at++
	}
}

func (s *scanner) array(depth int) error {
	if depth > MaxDepth {
		return errDepth
	}
	for s.at++; ; s.at++ {
		s.space()
		if s.peek() == ']' {
			break
		}
		if err := s.value(depth); err != nil {
			return err
		}
		if s.space(); s.peek() != ',' {
			break
		}
	}
	s.at++
	return nil
}

func (s *scanner) object(depth int) error {
	if depth > MaxDepth {
		return errDepth
	}
	var names nameSet
	for s.at++; ; s.at++ {
		s.space()
		if s.peek() == '}' {
			break
		}
		name, err := unquote(s.text())
		if err != nil {
			return errSyntax
		}
		if !names.add(name) {
			return errDuplicate
		}
		if err := s.member(depth); err != nil {
			return err
		}
		if s.space(); s.peek() != ',' {
			break
		}
	}
	s.at++
	if depth == 1 {
		s.top = names.list
	}
	return nil
}

// member skips the colon and the value behind a name.
func (s *scanner) member(depth int) error {
	s.space()
	s.at++
	s.space()
	return s.value(depth)
}

func unquote(quoted []byte) (string, error) {
	if !slices.Contains(quoted, '\\') {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var name string
	err := json.Unmarshal(quoted, &name)
	return name, err
}

// nameSet is the names of one object.
type nameSet struct {
	list []string
	seen map[string]struct{}
}

// add reports whether name is new.
func (n *nameSet) add(name string) bool {
	if n.seen == nil && slices.Contains(n.list, name) {
		return false
	}
	n.list = append(n.list, name)
	if len(n.list) < linearNames {
		return true
	}
	if n.seen == nil {
		n.seen = make(map[string]struct{}, 2*len(n.list))
		for _, have := range n.list {
			n.seen[have] = struct{}{}
		}
		return true
	}
	if _, twice := n.seen[name]; twice {
		return false
	}
	n.seen[name] = struct{}{}
	return true
}
