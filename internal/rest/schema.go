package rest

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Schema is what the catalogue says about the schema api: a snapshot that is never changed after it was made. It knows
// nothing of privileges; PostgreSQL refuses when a statement runs.
type Schema struct {
	Relations map[string]*Relation
	Functions map[string][]*Function // overloads
}

// Relation is a view.
type Relation struct {
	Name    string
	Columns []Column
}

// Column is a column of a relation, or of the rows that a function returns.
type Column struct {
	Name   string
	IsJSON bool // json or jsonb: a path into it needs no conversion
}

// Function is one overload of a function.
type Function struct {
	Name      string
	Arguments []Parameter
	Returns   Returns
	Columns   []Column // for rows
	Volatile  bool
}

// Parameter is an argument of a function; Type is PostgreSQL's own spelling.
type Parameter struct {
	Name     string
	Type     string
	Required bool
}

// Returns says what a function gives back.
type Returns int

// The kinds of results.
const (
	ReturnsVoid    Returns = iota + 1
	ReturnsScalar          // one value
	ReturnsScalars         // a set of values
	ReturnsRow             // one composite
	ReturnsRows            // a set of composites
)

// Querier is what the catalogue is read through: a pool or a connection.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const relationsSQL = `
select c.relname::text, a.attname::text, a.atttypid in ('json'::regtype, 'jsonb'::regtype)
from pg_catalog.pg_class as c
join pg_catalog.pg_attribute as a on a.attrelid = c.oid
where c.relnamespace = to_regnamespace($1)
  and c.relkind in ('v', 'm', 'r', 'p', 'f')
  and not c.relispartition
  and a.attnum > 0
  and not a.attisdropped
order by c.relname, a.attnum`

const functionsSQL = `
select
  p.proname::text,
  coalesce(p.proargnames, '{}'),
  coalesce(p.proargmodes::text[], '{}'),
  array(
    select format_type(u.type_id, null)
    from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality as u (type_id, position)
    order by u.position),
  p.pronargdefaults,
  p.proretset,
  p.provolatile = 'v',
  p.prorettype = 'void'::regtype,
  r.typtype = 'c',
  array(
    select a.attname::text
    from pg_catalog.pg_attribute as a
    where a.attrelid = nullif(r.typrelid, 0) and a.attnum > 0 and not a.attisdropped
    order by a.attnum),
  array(
    select format_type(a.atttypid, null)
    from pg_catalog.pg_attribute as a
    where a.attrelid = nullif(r.typrelid, 0) and a.attnum > 0 and not a.attisdropped
    order by a.attnum)
from pg_catalog.pg_proc as p
join pg_catalog.pg_type as r on r.oid = p.prorettype
where p.pronamespace = to_regnamespace($1)
  and p.prokind = 'f'
  and p.provariadic = 0
  and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
order by p.proname, p.oid`

// LoadSchema reads the catalogue. It needs no privileges.
func LoadSchema(ctx context.Context, db Querier) (*Schema, error) {
	s := &Schema{Relations: map[string]*Relation{}, Functions: map[string][]*Function{}}
	if err := s.loadRelations(ctx, db); err != nil {
		return nil, fmt.Errorf("read relations of the catalogue: %w", err)
	}
	if err := s.loadFunctions(ctx, db); err != nil {
		return nil, fmt.Errorf("read functions of the catalogue: %w", err)
	}
	return s, nil
}

func (s *Schema) loadRelations(ctx context.Context, db Querier) error {
	rows, err := db.Query(ctx, relationsSQL, schemaName)
	if err != nil {
		return err
	}
	var relation string
	var c Column
	_, err = pgx.ForEachRow(rows, []any{&relation, &c.Name, &c.IsJSON}, func() error {
		r := s.Relations[relation]
		if r == nil {
			r = &Relation{Name: relation}
			s.Relations[relation] = r
		}
		r.Columns = append(r.Columns, c)
		return nil
	})
	return err
}

// functionRow is one function as the catalogue has it.
type functionRow struct {
	name                         string
	argNames, argModes, argTypes []string
	defaults                     int
	set, volatile, void, isRow   bool
	columnNames, columnTypes     []string
}

func (s *Schema) loadFunctions(ctx context.Context, db Querier) error {
	rows, err := db.Query(ctx, functionsSQL, schemaName)
	if err != nil {
		return err
	}
	var r functionRow
	_, err = pgx.ForEachRow(rows, []any{
		&r.name, &r.argNames, &r.argModes, &r.argTypes, &r.defaults, &r.set, &r.volatile, &r.void, &r.isRow, &r.columnNames, &r.columnTypes,
	}, func() error {
		if f, ok := r.function(); ok {
			s.Functions[f.Name] = append(s.Functions[f.Name], f)
		}
		return nil
	})
	return err
}

// function builds a Function; it is false for one that cannot be called by names.
func (r functionRow) function() (*Function, bool) {
	f := &Function{Name: r.name, Volatile: r.volatile}
	outputs := r.split(f)
	if r.isRow {
		outputs = columns(r.columnNames, r.columnTypes)
	}
	f.Columns = outputs
	switch isRow := r.isRow || len(outputs) > 0; {
	case r.void:
		f.Returns = ReturnsVoid
	case isRow && r.set:
		f.Returns = ReturnsRows
	case isRow:
		f.Returns = ReturnsRow
	case r.set:
		f.Returns = ReturnsScalars
	default:
		f.Returns = ReturnsScalar
	}
	for i := range f.Arguments {
		if f.Arguments[i].Name == "" {
			return nil, false
		}
		f.Arguments[i].Required = i < len(f.Arguments)-r.defaults
	}
	return f, true
}

// split sorts the arguments into inputs, which go to f, and outputs, which are columns. A single OUT argument is a value,
// not a row.
func (r functionRow) split(f *Function) []Column {
	var names, types []string
	table := false
	for i, t := range r.argTypes {
		name, mode := "", "i"
		if i < len(r.argNames) {
			name = r.argNames[i]
		}
		if i < len(r.argModes) {
			mode = r.argModes[i]
		}
		if mode == "i" || mode == "b" {
			f.Arguments = append(f.Arguments, Parameter{Name: name, Type: t})
		}
		if mode == "o" || mode == "b" || mode == "t" {
			names, types = append(names, name), append(types, t)
		}
		table = table || mode == "t"
	}
	if len(names) == 1 && !table {
		return nil
	}
	return columns(names, types)
}

func columns(names, types []string) []Column {
	list := make([]Column, 0, len(names))
	for i, name := range names {
		list = append(list, Column{Name: name, IsJSON: types[i] == "json" || types[i] == "jsonb"})
	}
	return list
}
