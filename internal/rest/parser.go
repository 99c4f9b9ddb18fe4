package rest

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/epo-dev/epo/internal/httpjson"
)

// parser reads the small languages inside a query string from left to right.
type parser struct {
	text       string
	at         int
	conditions *int // counts filters over the whole query string
}

func (p *parser) done() bool { return p.at >= len(p.text) }

func (p *parser) rest() string { return p.text[p.at:] }

// take skips prefix if it stands here.
func (p *parser) take(prefix string) bool {
	if !strings.HasPrefix(p.rest(), prefix) {
		return false
	}
	p.at += len(prefix)
	return true
}

func (p *parser) unexpected(where string) error {
	if p.done() {
		return parseError("%s ends too early", where)
	}
	return parseError("unexpected %q in %s", printable(p.rest()[:min(len(p.rest()), 20)]), where)
}

// name reads a bare name (letters, digits, _, $ and inner spaces) or a quoted one.
func (p *parser) name(where string) (string, error) {
	if strings.HasPrefix(p.rest(), `"`) {
		return p.quoted()
	}
	start := p.at
	for !p.done() {
		c, size := utf8.DecodeRuneInString(p.rest())
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' && c != '$' && c != ' ' {
			break
		}
		p.at += size
	}
	name := strings.TrimSpace(p.text[start:p.at])
	if name == "" {
		return "", p.unexpected(where)
	}
	return name, nil
}

// quoted reads "…" with backslash escapes.
func (p *parser) quoted() (string, error) {
	var b strings.Builder
	for p.at++; !p.done(); p.at++ {
		switch c := p.text[p.at]; c {
		case '"':
			p.at++
			return b.String(), nil
		case '\\':
			if p.at++; p.done() {
				return "", p.unexpected("a quoted value")
			}
			b.WriteByte(p.text[p.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.unexpected("a quoted value")
}

// field reads a column and the path into it.
func (p *parser) field() (Field, error) {
	column, err := p.name("a column name")
	if err != nil {
		return Field{}, err
	}
	f := Field{Column: column}
	for strings.HasPrefix(p.rest(), "->") {
		if len(f.Keys) > 0 && f.Keys[len(f.Keys)-1].AsText {
			return Field{}, parseError("->> must be the last step of a path")
		}
		key, err := p.key()
		if err != nil {
			return Field{}, err
		}
		if f.Keys = append(f.Keys, key); len(f.Keys) > maxNesting {
			return Field{}, parseError("a path has too many steps")
		}
	}
	return f, nil
}

// key reads one step: ->name, ->>name, ->0, ->-1.
func (p *parser) key() (Key, error) {
	k := Key{AsText: p.take("->>")}
	if !k.AsText {
		p.take("->")
	}
	negative := p.take("-")
	quoted := strings.HasPrefix(p.rest(), `"`)
	name, err := p.name("a path")
	if err != nil {
		return Key{}, err
	}
	k.Name, k.Index = name, !quoted && isIndex(name)
	if negative {
		if !k.Index {
			return Key{}, parseError("a negative step must be a number")
		}
		k.Name = "-" + name
	}
	return k, nil
}

// isIndex reports whether s can be an element's number.
func isIndex(s string) bool {
	return len(s) <= 9 && strings.Trim(s, "0123456789") == ""
}

// selectItem reads one member of select.
func (p *parser) selectItem() (SelectItem, error) {
	if p.take("*") {
		return SelectItem{Star: true}, nil
	}
	if strings.HasPrefix(p.rest(), "...") {
		return SelectItem{}, noRelationship()
	}
	var item SelectItem
	field, err := p.field()
	if err != nil {
		return item, err
	}
	if alias := field.Column; len(field.Keys) == 0 && p.isAlias() {
		p.at++
		item.Alias = alias
		if field, err = p.field(); err != nil {
			return item, err
		}
	}
	item.Field = field
	return item, p.selectTail(&item)
}

// isAlias reports whether a single colon follows.
func (p *parser) isAlias() bool {
	return strings.HasPrefix(p.rest(), ":") && !strings.HasPrefix(p.rest(), "::")
}

// selectTail reads what may follow a field in select: a cast. Embedding and aggregates have their own refusals.
func (p *parser) selectTail(item *SelectItem) error {
	if p.take("::") {
		name, err := p.name("a cast")
		if err != nil {
			return err
		}
		if p.take("[]") {
			name += "[]"
		}
		item.Cast = name
	}
	switch {
	case strings.HasPrefix(p.rest(), "("), strings.HasPrefix(p.rest(), "!"):
		return noRelationship()
	case strings.HasPrefix(p.rest(), "."):
		return httpjson.NewError(http.StatusBadRequest, codeAggregate, "Use of aggregate functions is not allowed")
	}
	return nil
}

func noRelationship() error {
	return httpjson.NewError(http.StatusBadRequest, codeRelationship, "Could not find a relationship in the schema cache")
}

// orderTail reads .asc, .desc, .nullsfirst and .nullslast.
func (p *parser) orderTail(term *OrderTerm) error {
	if p.take(".asc") {
		term.Descending = false
	} else if p.take(".desc") {
		term.Descending = true
	}
	if p.take(".nullsfirst") {
		term.Nulls = "first"
	} else if p.take(".nullslast") {
		term.Nulls = "last"
	}
	return nil
}

// tree reads and(...), or(...), not.and(...) or not.or(...).
func (p *parser) tree(depth int) (*Tree, error) {
	if depth > maxNesting {
		return nil, parseError("and/or nests too deep")
	}
	t := &Tree{Negated: p.take("not.")}
	if t.Or = p.take("or"); !t.Or && !p.take("and") {
		return nil, p.unexpected("and/or")
	}
	if !p.take("(") {
		return nil, p.unexpected("and/or")
	}
	for {
		child, err := p.condition(depth)
		if err != nil {
			return nil, err
		}
		t.Children = append(t.Children, child)
		if p.take(")") {
			return t, nil
		}
		if !p.take(",") {
			return nil, p.unexpected("and/or")
		}
	}
}

// condition reads one member of a tree.
func (p *parser) condition(depth int) (Condition, error) {
	for _, start := range []string{"and(", "or(", "not.and(", "not.or("} {
		if strings.HasPrefix(p.rest(), start) {
			tree, err := p.tree(depth + 1)
			return Condition{Tree: tree}, err
		}
	}
	field, err := p.field()
	if err != nil {
		return Condition{}, err
	}
	if !p.take(".") {
		return Condition{}, p.unexpected("a filter")
	}
	filter, err := p.filterTail(true)
	if err != nil {
		return Condition{}, err
	}
	filter.Field = field
	return Condition{Filter: filter}, nil
}

// operators maps the words that compare with one value to SQL.
func operatorSQL(word string) (sql string, ok bool) {
	switch word {
	case "eq":
		return "=", true
	case "neq":
		return "<>", true
	case "gt":
		return ">", true
	case "gte":
		return ">=", true
	case "lt":
		return "<", true
	case "lte":
		return "<=", true
	case "like":
		return "like", true
	case "ilike":
		return "ilike", true
	}
	return "", false
}

// filterTail reads [not.]operator.value. Inside a tree a value ends at a comma or parenthesis and may be quoted.
func (p *parser) filterTail(inTree bool) (*Filter, error) {
	f := &Filter{Negated: p.take("not.")}
	word, _, found := strings.Cut(p.rest(), ".")
	if !found {
		return nil, p.unexpected("a filter")
	}
	if _, ok := operatorSQL(word); !ok && word != "is" && word != "in" {
		return nil, parseError("unknown or unsupported operator %q", printable(word))
	}
	if p.conditions != nil {
		if *p.conditions++; *p.conditions > maxConditions {
			return nil, parseError("there are too many filters")
		}
	}
	f.Operator = word
	p.at += len(word) + 1
	return f, p.operand(f, inTree)
}

// operand reads what follows the operator.
func (p *parser) operand(f *Filter, inTree bool) (err error) {
	switch {
	case f.Operator == "in":
		f.List, err = p.list()
		if err == nil && !inTree && !p.done() {
			err = p.unexpected("an in list")
		}
	case inTree:
		f.Value, err = p.treeValue()
	default:
		f.Value = p.rest()
		p.at = len(p.text)
	}
	if err == nil && f.Operator == "is" {
		f.Value, err = isKeyword(f.Value)
	}
	return err
}

// isKeyword gives the SQL of what may follow is.
func isKeyword(value string) (string, error) {
	switch word := strings.ToLower(value); word {
	case "null", "true", "false", "unknown":
		return word, nil
	case "not_null":
		return "not null", nil
	}
	return "", parseError("is takes null, not_null, true, false or unknown")
}

// treeValue reads a value inside a tree; braces protect commas, as in array literals.
func (p *parser) treeValue() (string, error) {
	if strings.HasPrefix(p.rest(), `"`) {
		return p.quoted()
	}
	start, depth := p.at, 0
	for ; !p.done(); p.at++ {
		switch p.text[p.at] {
		case '{':
			depth++
		case '}':
			depth--
		case ',', ')':
			if depth <= 0 {
				return p.text[start:p.at], nil
			}
		}
	}
	return p.text[start:p.at], nil
}

// list reads (a,"b,c",d); () is an empty list.
func (p *parser) list() ([]string, error) {
	list := []string{}
	if !p.take("(") {
		return nil, p.unexpected("an in list")
	}
	if p.take(")") {
		return list, nil
	}
	for {
		item, err := p.treeValue()
		if err != nil {
			return nil, err
		}
		if list = append(list, item); len(list) > maxItems*10 {
			return nil, parseError("an in list has too many members")
		}
		if p.take(")") {
			return list, nil
		}
		if !p.take(",") {
			return nil, p.unexpected("an in list")
		}
	}
}
