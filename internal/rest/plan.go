package rest

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/epo-dev/epo/internal/httpjson"
)

// Plan is a request whose every name was found in the catalogue. query.go turns it into SQL without further checks.
type Plan struct {
	Source   Source
	Columns  []Output
	Where    []Condition
	Order    []OrderTerm
	Limit    int64 // never more than the facade's maximum
	Offset   int64
	Count    bool // the total is asked for
	NoBody   bool // HEAD
	Singular bool
	ReadOnly bool
	JSON     map[string]bool // which columns of the source are json or jsonb
}

// Source is the relation that is read or the function that is called.
type Source struct {
	Relation *Relation
	Function *Function
	ByBody   []Parameter // arguments that come from Body
	Body     []byte
	ByQuery  []Argument // arguments that come from the query string
	Types    []string   // types of ByQuery
}

// Output is one column of the answer.
type Output struct {
	Field Field
	Name  string
	Cast  string
}

// HasRows reports whether the answer is made of rows with columns, rather than of one value.
func (s Source) HasRows() bool {
	return s.Function == nil || s.Function.Returns == ReturnsRow || s.Function.Returns == ReturnsRows
}

// isSet reports whether there can be any number of rows.
func (s Source) isSet() bool {
	return s.Function == nil || s.Function.Returns == ReturnsRows || s.Function.Returns == ReturnsScalars
}

// name is what errors call the source.
func (s Source) name() string {
	if s.Function != nil {
		return s.Function.Name
	}
	return s.Relation.Name
}

func (s Source) columns() []Column {
	if s.Function != nil {
		return s.Function.Columns
	}
	return s.Relation.Columns
}

// castTypes are the types that select may cast to; the set is closed because a type's name cannot be a parameter.
func castType(name string) bool {
	return slices.Contains([]string{
		"text", "varchar", "int2", "int4", "int8", "smallint", "integer", "bigint", "numeric", "float4", "float8", "real", "double precision",
		"bool", "boolean", "uuid", "date", "time", "timestamp", "timestamptz", "interval", "json", "jsonb", "text[]", "uuid[]",
	}, name)
}

// MakePlan looks every name of r up in s. maxRows caps what a read returns.
func MakePlan(r *Request, s *Schema, maxRows int64) (*Plan, error) {
	source, err := findSource(r, s)
	if err != nil {
		return nil, err
	}
	p := &Plan{
		Source: source, Where: r.Query.Where, Order: r.Query.Order, Limit: maxRows, Offset: r.Window.Offset, Count: r.Preferences.Count,
		NoBody: r.Method == http.MethodHead, Singular: r.Singular, JSON: map[string]bool{},
	}
	if r.Window.Limit != nil {
		p.Limit = min(p.Limit, *r.Window.Limit)
	}
	p.ReadOnly = r.Method != http.MethodPost || !source.Function.Volatile
	if p.Singular && source.isSet() && !p.ReadOnly {
		// The answer is known to be singular only after the commit.
		return nil, httpjson.NewError(http.StatusNotAcceptable, codeAccept, "A function that writes cannot be asked for a single row")
	}
	if err := p.resolve(r.Query); err != nil {
		return nil, err
	}
	return p, nil
}

// findSource finds the relation or the overload that r names.
func findSource(r *Request, s *Schema) (Source, error) {
	if r.Kind == KindRelation {
		relation, ok := s.Relations[r.Name]
		if !ok {
			return Source{}, httpjson.NewError(http.StatusNotFound, codeNoRelation, fmt.Sprintf("Could not find the table '%s.%s' in the schema cache", schemaName, r.Name))
		}
		return Source{Relation: relation}, nil
	}
	names := r.Arguments
	for _, a := range r.Query.Arguments {
		names = append(names, a.Name)
	}
	f, err := findFunction(r.Name, names, s)
	if err != nil {
		return Source{}, err
	}
	source := Source{Function: f, Body: r.Body}
	for _, name := range r.Arguments {
		source.ByBody = append(source.ByBody, f.parameter(name))
	}
	source.ByQuery, source.Types = f.fromQuery(r.Query.Arguments)
	return source, nil
}

// fromQuery takes the last value of each name.
func (f *Function) fromQuery(arguments []Argument) (list []Argument, types []string) {
	for i, a := range arguments {
		later := slices.ContainsFunc(arguments[i+1:], func(b Argument) bool { return b.Name == a.Name })
		if !later {
			list, types = append(list, a), append(types, f.parameter(a.Name).Type)
		}
	}
	return list, types
}

func (f *Function) parameter(name string) Parameter {
	for _, p := range f.Arguments {
		if p.Name == name {
			return p
		}
	}
	return Parameter{}
}

// accepts reports whether f can be called with arguments of exactly these names.
func (f *Function) accepts(names []string) bool {
	for _, p := range f.Arguments {
		if p.Required && !slices.Contains(names, p.Name) {
			return false
		}
	}
	for _, name := range names {
		if f.parameter(name).Name == "" {
			return false
		}
	}
	return true
}

// findFunction chooses the overload by the set of names.
func findFunction(name string, names []string, s *Schema) (*Function, error) {
	var found []*Function
	for _, f := range s.Functions[name] {
		if f.accepts(names) {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 0:
		return nil, httpjson.NewError(http.StatusNotFound, codeNoFunction, fmt.Sprintf("Could not find the function %s.%s with these arguments in the schema cache", schemaName, name))
	case 1:
		return found[0], nil
	}
	return nil, httpjson.NewError(http.StatusMultipleChoices, codeManyFunctions, "Could not choose the best candidate function between several with these arguments")
}

// resolve checks every column of the query string and fills in the output columns.
func (p *Plan) resolve(q Query) error {
	if !p.Source.HasRows() {
		if len(q.Select) > 0 || len(q.Where) > 0 || len(q.Order) > 0 {
			return parseError("%s returns a value, which has no columns", p.Source.name())
		}
		return nil
	}
	for _, c := range p.Source.columns() {
		p.JSON[c.Name] = c.IsJSON
	}
	for _, condition := range q.Where {
		if err := p.checkCondition(condition); err != nil {
			return err
		}
	}
	for _, term := range q.Order {
		if err := p.checkField(term.Field); err != nil {
			return err
		}
	}
	return p.resolveSelect(q.Select)
}

func (p *Plan) checkCondition(c Condition) error {
	if c.Filter != nil {
		return p.checkField(c.Filter.Field)
	}
	for _, child := range c.Tree.Children {
		if err := p.checkCondition(child); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) checkField(f Field) error {
	if _, ok := p.JSON[f.Column]; !ok {
		return noColumn(p.Source.name(), printable(f.Column))
	}
	return nil
}

// resolveSelect fills in p.Columns; nothing selected means all columns.
func (p *Plan) resolveSelect(items []SelectItem) error {
	if len(items) == 0 {
		items = []SelectItem{{Star: true}}
	}
	for _, item := range items {
		if item.Star {
			for _, c := range p.Source.columns() {
				p.Columns = append(p.Columns, Output{Field: Field{Column: c.Name}, Name: c.Name})
			}
			continue
		}
		if err := p.checkField(item.Field); err != nil {
			return err
		}
		if item.Cast != "" && !castType(item.Cast) {
			return httpjson.NewError(http.StatusBadRequest, codeUndefinedType, fmt.Sprintf("type %q does not exist", printable(item.Cast)))
		}
		name := item.outputName()
		if len(name) > 63 {
			return parseError("an alias is longer than 63 bytes")
		}
		p.Columns = append(p.Columns, Output{Field: item.Field, Name: name, Cast: item.Cast})
	}
	return nil
}

// outputName is the alias, else the last named step of the path, else the column.
func (item SelectItem) outputName() string {
	if item.Alias != "" {
		return item.Alias
	}
	for _, key := range slices.Backward(item.Field.Keys) {
		if !key.Index {
			return key.Name
		}
	}
	return item.Field.Column
}
