package rest

import (
	"strconv"
	"strings"
)

// Statement is one SQL statement and its parameters, all of them strings in PostgreSQL's text form. It returns one row:
//
//	total bigint | count bigint | body text
//
// total is NULL unless asked for, body is NULL where there is none.
type Statement struct {
	SQL  string
	Args []any
}

// builder writes SQL and collects parameters.
type builder struct {
	sql  strings.Builder
	args []any
}

func (b *builder) write(parts ...string) {
	for _, part := range parts {
		b.sql.WriteString(part)
	}
}

// param adds a parameter and returns its placeholder. It has no type: PostgreSQL infers it from where it stands.
func (b *builder) param(value string) string {
	b.args = append(b.args, value)
	return "$" + strconv.Itoa(len(b.args))
}

// quote makes an identifier of name.
func quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// BuildStatement writes the SQL of a plan. Its text depends on the shape of the request only, so that it can be prepared:
// every value but the limit is a parameter, every name comes from the catalogue or is a quoted alias.
func BuildStatement(p *Plan) Statement {
	b := &builder{}
	if p.Source.HasRows() {
		b.rows(p)
	} else {
		b.value(p)
	}
	return Statement{SQL: b.sql.String(), Args: b.args}
}

// rows writes a statement whose body is an array or an object.
func (b *builder) rows(p *Plan) {
	b.write("select ", b.total(p), ", count(*), ", bodySQL(p), " from (select ")
	b.columns(p)
	b.write(" from ")
	b.source(p.Source)
	b.where(p)
	b.order(p)
	b.window(p)
	b.write(") as t")
}

// window writes the limit as a number, not as a parameter: for LIMIT $1 PostgreSQL assumes a tenth of the table, finds every
// plan for the actual value cheaper, and plans each call anew. It is an integer up to the facade's maximum, so the shapes
// stay few; offsets are many and stay parameters.
func (b *builder) window(p *Plan) {
	b.write(" limit ", strconv.FormatInt(p.Limit, 10))
	if p.Offset > 0 {
		b.write(" offset ", b.param(strconv.FormatInt(p.Offset, 10)), "::bigint")
	}
}

// bodySQL is the expression that makes the JSON.
func bodySQL(p *Plan) string {
	switch {
	case p.NoBody:
		return "null::text"
	case p.Singular || !p.Source.isSet():
		return "string_agg(to_json(t)::text, '')"
	}
	return "coalesce(json_agg(t), '[]')::text"
}

// total counts what the filters leave, without the window. A function is not called again for it.
func (b *builder) total(p *Plan) string {
	if !p.Count || p.Source.Function != nil {
		return "null::bigint"
	}
	c := &builder{args: b.args}
	c.write("(select count(*) from ")
	c.source(p.Source)
	c.where(p)
	c.write(")")
	b.args = c.args
	return c.sql.String()
}

func (b *builder) columns(p *Plan) {
	if p.NoBody && len(p.Order) == 0 {
		b.write("1")
		return
	}
	for i, c := range p.Columns {
		if i > 0 {
			b.write(", ")
		}
		b.field(p, c.Field)
		if c.Cast != "" {
			b.write("::", c.Cast)
		}
		b.write(" as ", quote(c.Name))
	}
}

// source writes what rows are read from, called s.
func (b *builder) source(s Source) {
	if s.Relation != nil {
		b.write(schemaName, ".", quote(s.Relation.Name), " as s")
		return
	}
	if len(s.ByBody) > 0 {
		b.record(s)
		b.write(", lateral ")
	}
	b.call(s)
	b.write(" as s")
}

// record unfolds the body into typed arguments, called a.
func (b *builder) record(s Source) {
	b.write("json_to_record(", b.param(string(s.Body)), "::json) as a (")
	for i, p := range s.ByBody {
		if i > 0 {
			b.write(", ")
		}
		b.write(quote(p.Name), " ", p.Type)
	}
	b.write(")")
}

// call writes the call of a function by named arguments.
func (b *builder) call(s Source) {
	b.write(schemaName, ".", quote(s.Function.Name), "(")
	separator := ""
	for _, p := range s.ByBody {
		b.write(separator, quote(p.Name), " => a.", quote(p.Name))
		separator = ", "
	}
	for i, a := range s.ByQuery {
		b.write(separator, quote(a.Name), " => ", b.param(a.Value), "::", s.Types[i])
		separator = ", "
	}
	b.write(")")
}

// value writes a statement whose body is what a function returns: one value, an array of values, or nothing.
func (b *builder) value(p *Plan) {
	body := "string_agg(coalesce(to_json(t.v)::text, 'null'), '')"
	switch {
	case p.NoBody, p.Source.Function.Returns == ReturnsVoid:
		body = "null::text"
	case p.Source.isSet():
		body = "coalesce(json_agg(t.v), '[]')::text"
	}
	b.write("select null::bigint, count(*), ", body, " from (select ")
	b.call(p.Source)
	b.write(" as v")
	if len(p.Source.ByBody) > 0 {
		b.write(" from ")
		b.record(p.Source)
	}
	b.write(") as t")
}

// where writes the filters, all of which must hold.
func (b *builder) where(p *Plan) {
	for i, c := range p.Where {
		if i == 0 {
			b.write(" where ")
		} else {
			b.write(" and ")
		}
		b.condition(p, c)
	}
}

func (b *builder) condition(p *Plan, c Condition) {
	if c.Filter != nil {
		b.filter(p, c.Filter)
		return
	}
	if c.Tree.Negated {
		b.write("not ")
	}
	b.write("(")
	for i, child := range c.Tree.Children {
		if i > 0 {
			b.write(map[bool]string{true: " or ", false: " and "}[c.Tree.Or])
		}
		b.condition(p, child)
	}
	b.write(")")
}

func (b *builder) filter(p *Plan, f *Filter) {
	if f.Negated {
		b.write("not ")
	}
	b.write("(")
	b.field(p, f.Field)
	switch f.Operator {
	case "is":
		b.write(" is ", f.Value)
	case "in":
		b.write(" = any (", b.param(arrayLiteral(f.List)), ")")
	case "like", "ilike":
		b.write(" ", f.Operator, " ", b.param(strings.ReplaceAll(f.Value, "*", "%")))
	default:
		operator, _ := operatorSQL(f.Operator)
		b.write(" ", operator, " ", b.param(f.Value))
	}
	b.write(")")
}

// arrayLiteral writes an array in PostgreSQL's text form. One parameter serves lists of any length, the empty one included.
func arrayLiteral(list []string) string {
	var s strings.Builder
	s.WriteByte('{')
	for i, item := range list {
		if i > 0 {
			s.WriteByte(',')
		}
		s.WriteByte('"')
		s.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(item))
		s.WriteByte('"')
	}
	s.WriteByte('}')
	return s.String()
}

// field writes a column and the path into it. Keys are parameters.
func (b *builder) field(p *Plan, f Field) {
	column := "s." + quote(f.Column)
	if len(f.Keys) == 0 {
		b.write(column)
		return
	}
	if !p.JSON[f.Column] {
		column = "to_jsonb(" + column + ")"
	}
	b.write("(", column)
	for _, key := range f.Keys {
		arrow, kind := " -> ", "::text"
		if key.AsText {
			arrow = " ->> "
		}
		if key.Index {
			kind = "::integer"
		}
		b.write(arrow, b.param(key.Name), kind)
	}
	b.write(")")
}

// order writes the order of the rows.
func (b *builder) order(p *Plan) {
	for i, term := range p.Order {
		if i == 0 {
			b.write(" order by ")
		} else {
			b.write(", ")
		}
		b.field(p, term.Field)
		if term.Descending {
			b.write(" desc")
		}
		if term.Nulls != "" {
			b.write(" nulls ", term.Nulls)
		}
	}
}
