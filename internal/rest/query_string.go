package rest

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a query string; beyond them it is refused with PGRST100.
const (
	maxNesting    = 8   // and/or trees
	maxConditions = 200 // filters, those inside trees included
	maxItems      = 200 // members of select, of order and of an in list times ten
)

// Query is a parsed query string.
type Query struct {
	Select    []SelectItem // empty: all columns
	Where     []Condition  // all must hold
	Order     []OrderTerm
	Limit     *int64
	Offset    int64
	Arguments []Argument // of a function called by GET
}

// Argument is one named value for a function.
type Argument struct{ Name, Value string }

// Field is a column, or a place inside a JSON column.
type Field struct {
	Column string
	Keys   []Key
}

// Key is one step into JSON: ->name, ->0, or with AsText ->>.
type Key struct {
	Name   string
	Index  bool // Name is an integer
	AsText bool // only the last key of a field
}

// SelectItem is one member of select.
type SelectItem struct {
	Field Field
	Alias string
	Cast  string // a key of castTypes, or ""
	Star  bool
}

// OrderTerm is one member of order; Nulls is "", "first" or "last".
type OrderTerm struct {
	Field      Field
	Descending bool
	Nulls      string
}

// Condition is a filter or a tree of them: exactly one of its members is set.
type Condition struct {
	Filter *Filter
	Tree   *Tree
}

// Tree is and(...) or or(...).
type Tree struct {
	Negated  bool
	Or       bool
	Children []Condition
}

// Filter compares a field. Value holds the operand, List those of the operator in.
type Filter struct {
	Field    Field
	Negated  bool
	Operator string
	Value    string
	List     []string
}

// ParseQuery reads a raw query string. With arguments set, a parameter that does not read as a filter is an argument of a
// function. Unlike url.ParseQuery it keeps the order and takes a semicolon for what it is.
func ParseQuery(raw string, arguments bool) (Query, error) {
	var q Query
	conditions := 0
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, err := decodePair(pair)
		if err != nil {
			return Query{}, err
		}
		if err := q.add(name, value, arguments, &conditions); err != nil {
			return Query{}, err
		}
	}
	return q, nil
}

func decodePair(pair string) (name, value string, err error) {
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, err1 := url.QueryUnescape(rawName)
	value, err2 := url.QueryUnescape(rawValue)
	if err1 != nil || err2 != nil || !utf8.ValidString(name) || !utf8.ValidString(value) {
		return "", "", parseError("the query string is not valid percent-encoded UTF-8")
	}
	if strings.ContainsRune(name, 0) || strings.ContainsRune(value, 0) {
		return "", "", parseError("the query string contains a zero character")
	}
	return name, value, nil
}

// add takes in one parameter.
func (q *Query) add(name, value string, arguments bool, conditions *int) (err error) {
	switch name {
	case "select":
		if q.Select == nil {
			q.Select, err = parseSelect(value)
		}
		return err
	case "order":
		q.Order, err = parseOrder(value)
		return err
	case "limit":
		n, err := parseCount(value, "limit")
		q.Limit = &n
		return err
	case "offset":
		q.Offset, err = parseCount(value, "offset")
		return err
	case "columns", "on_conflict":
		return parseError("%s is for writes, and relations are read-only", name)
	case "and", "or", "not.and", "not.or":
		tree, err := parseTree(name, value, conditions)
		q.Where = append(q.Where, Condition{Tree: tree})
		return err
	}
	return q.addFilter(name, value, arguments, conditions)
}

// addFilter takes in a parameter that is a filter, or an argument.
func (q *Query) addFilter(name, value string, arguments bool, conditions *int) error {
	p := &parser{text: value, conditions: conditions}
	filter, err := p.filterTail(false)
	if err != nil && arguments {
		q.Arguments = append(q.Arguments, Argument{name, value})
		return nil
	}
	if err != nil {
		return err
	}
	if filter.Field, err = parseField(name); err != nil {
		return err
	}
	q.Where = append(q.Where, Condition{Filter: filter})
	return nil
}

// parseCount reads limit and offset. A negative number is a range that cannot be satisfied.
func parseCount(value, name string) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, parseError("%s must be an integer", name)
	}
	if n < 0 {
		return 0, rangeError(name + " should be greater than or equal to zero")
	}
	return n, nil
}

// parseSelect reads "alias:column->key::cast,…".
func parseSelect(value string) ([]SelectItem, error) {
	items := []SelectItem{}
	p := &parser{text: value}
	if value == "" {
		return items, nil
	}
	for {
		item, err := p.selectItem()
		if err != nil {
			return nil, err
		}
		if items = append(items, item); len(items) > maxItems {
			return nil, parseError("select has too many members")
		}
		if p.done() {
			return items, nil
		}
		if !p.take(",") {
			return nil, p.unexpected("select")
		}
	}
}

// parseOrder reads "column.desc.nullslast,…".
func parseOrder(value string) ([]OrderTerm, error) {
	terms := []OrderTerm{}
	p := &parser{text: value}
	for {
		field, err := p.field()
		if err != nil {
			return nil, err
		}
		term := OrderTerm{Field: field}
		if err := p.orderTail(&term); err != nil {
			return nil, err
		}
		if terms = append(terms, term); len(terms) > maxItems {
			return nil, parseError("order has too many members")
		}
		if p.done() {
			return terms, nil
		}
		if !p.take(",") {
			return nil, p.unexpected("order")
		}
	}
}

// parseField reads the whole of s as a field.
func parseField(s string) (Field, error) {
	p := &parser{text: s}
	field, err := p.field()
	if err == nil && !p.done() {
		err = p.unexpected("a column name")
	}
	return field, err
}

// parseTree reads "(a.eq.1,or(b.gt.2,c.is.null))" of the parameter name.
func parseTree(name, value string, conditions *int) (*Tree, error) {
	p := &parser{text: name + value, conditions: conditions}
	tree, err := p.tree(1)
	if err == nil && !p.done() {
		err = p.unexpected(name)
	}
	return tree, err
}
