package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Query selects rows of a view in PostgREST's notation. The zero value selects all of them. Methods change and return the
// Query, so that a selection reads as one sentence.
type Query struct{ values url.Values }

// Where starts a Query with one condition: column = value.
func Where(column, value string) *Query { return new(Query).Eq(column, value) }

func (q *Query) add(key, value string) *Query {
	if q.values == nil {
		q.values = url.Values{}
	}
	q.values.Add(key, value)
	return q
}

// Eq keeps rows whose column equals value.
func (q *Query) Eq(column, value string) *Query { return q.add(column, "eq."+value) }

// Gte keeps rows whose column is n or more.
func (q *Query) Gte(column string, n int64) *Query {
	return q.add(column, "gte."+strconv.FormatInt(n, 10))
}

// In keeps rows whose column equals one of values.
func (q *Query) In(column string, values ...string) *Query {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
	}
	return q.add(column, "in.("+strings.Join(quoted, ",")+")")
}

// Prefix keeps rows whose text column starts with prefix; case is ignored. Characters that would match more than
// themselves are matched as any one character.
func (q *Query) Prefix(column, prefix string) *Query {
	return q.add(column, "ilike."+strings.NewReplacer("*", "_", "%", "_", `\`, "_").Replace(prefix)+"*")
}

// Order sorts by columns, each with an optional ".desc".
func (q *Query) Order(columns ...string) *Query { return q.add("order", strings.Join(columns, ",")) }

// Select asks for these columns only.
func (q *Query) Select(columns ...string) *Query { return q.add("select", strings.Join(columns, ",")) }

// Limit asks for at most n rows.
func (q *Query) Limit(n int) *Query { return q.add("limit", strconv.Itoa(n)) }

// Offset leaves out the first n rows.
func (q *Query) Offset(n int) *Query { return q.add("offset", strconv.Itoa(n)) }

// List reads the rows of a view that q selects; nil selects all. T's JSON keys are the view's columns.
func List[T any](ctx context.Context, c *Client, view string, q *Query) ([]T, error) {
	var values url.Values
	if q != nil {
		values = q.values
	}
	var rows []T
	err := c.do(ctx, call{method: http.MethodGet, path: "/api/" + view, query: values, idempotent: true}, &rows)
	return rows, err
}

// One reads the single row that q selects. None gives CodeNotFound, as a row of another tenant does.
func One[T any](ctx context.Context, c *Client, view string, q *Query) (T, error) {
	rows, err := List[T](ctx, c, view, q.Limit(1))
	if err != nil || len(rows) > 0 {
		return append(rows, *new(T))[0], err
	}
	return *new(T), &Error{Status: http.StatusNotFound, Code: CodeNotFound, Message: "not found"}
}

// Names returns up to 50 values of a view's name column that start with prefix, for shell completion.
func (c *Client) Names(ctx context.Context, view, prefix string) ([]string, error) {
	type row struct {
		Name string `json:"name"`
	}
	rows, err := List[row](ctx, c, view, new(Query).Prefix("name", prefix).Select("name").Order("name").Limit(50))
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.Name
	}
	return names, err
}

// rpc calls a function with named arguments.
func (c *Client) rpc(ctx context.Context, function string, idempotent bool, args, out any) error {
	return c.do(ctx, call{method: http.MethodPost, path: "/api/rpc/" + function, body: args, idempotent: idempotent}, out)
}
