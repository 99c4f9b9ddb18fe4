package rest

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/httpjson"
)

// testSchema is a small catalogue for the pure stages.
func testSchema() *Schema {
	return &Schema{
		Relations: map[string]*Relation{"jobs": {Name: "jobs", Columns: []Column{{Name: "id"}, {Name: "name"}, {Name: "parameters", IsJSON: true}, {Name: "created_at"}}}},
		Functions: map[string][]*Function{
			"queue_run": {{Name: "queue_run", Returns: ReturnsScalar, Volatile: true, Arguments: []Parameter{{"job_id", "uuid", true}, {"parameters", "jsonb", false}}}},
			"ping":      {{Name: "ping", Returns: ReturnsVoid}},
			"find_jobs": {{Name: "find_jobs", Returns: ReturnsRows, Columns: []Column{{Name: "id"}, {Name: "data", IsJSON: true}}, Arguments: []Parameter{{"word", "text", true}, {"most", "integer", false}}}},
			"same":      {{Name: "same", Returns: ReturnsScalar, Arguments: []Parameter{{"a", "text", false}}}, {Name: "same", Returns: ReturnsScalar, Arguments: []Parameter{{"a", "text", false}, {"b", "text", false}}}},
			"words":     {{Name: "words", Returns: ReturnsScalars, Volatile: true}},
		},
	}
}

// compile passes a request through the pure stages.
func compile(in Incoming) (*Plan, Statement, error) {
	if in.Header == nil {
		in.Header = http.Header{}
	}
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	r, err := ParseRequest(in)
	if err != nil {
		return nil, Statement{}, err
	}
	p, err := MakePlan(r, testSchema(), 1000)
	if err != nil {
		return nil, Statement{}, err
	}
	return p, BuildStatement(p), nil
}

func TestStatements(t *testing.T) {
	t.Parallel()
	const frame = `select null::bigint, count(*), coalesce(json_agg(t), '[]')::text from (select %s) as t`
	const all = `s."id" as "id", s."name" as "name", s."parameters" as "parameters", s."created_at" as "created_at" from api."jobs" as s`
	const window = ` limit 1000`
	for _, tc := range []struct {
		query, sql string
		args       []any
	}{
		{"", fmt.Sprintf(frame, all+window), nil},
		{"id=eq.1&name=not.like.a*", fmt.Sprintf(frame, all+` where (s."id" = $1) and not (s."name" like $2)`+window), []any{"1", "a%"}},
		{"select=id,n:name,parameters->>a,x:parameters->b->0::text", fmt.Sprintf(frame, `s."id" as "id", s."name" as "n", (s."parameters" ->> $1::text) as "a", (s."parameters" -> $2::text -> $3::integer)::text as "x" from api."jobs" as s`+window), []any{"a", "b", "0"}},
		{"select=id&name->>x=eq.1", fmt.Sprintf(frame, `s."id" as "id" from api."jobs" as s where ((to_jsonb(s."name") ->> $1::text) = $2)`+window), []any{"x", "1"}},
		{"select=id&id=in.(1,\"a,b\\\"c\",3)&name=is.null", fmt.Sprintf(frame, `s."id" as "id" from api."jobs" as s where (s."id" = any ($1)) and (s."name" is null)`+window), []any{`{"1","a,b\"c","3"}`}},
		{"select=id&id=in.()", fmt.Sprintf(frame, `s."id" as "id" from api."jobs" as s where (s."id" = any ($1))`+window), []any{`{}`}},
		{"select=id&or=(id.eq.1,not.and(name.gt.a,name.lt.\"z,)\"),name.is.not_null)", fmt.Sprintf(frame, `s."id" as "id" from api."jobs" as s where ((s."id" = $1) or not ((s."name" > $2) and (s."name" < $3)) or (s."name" is not null))`+window), []any{"1", "a", "z,)"}},
		{"select=id&order=name.desc.nullslast,parameters->a,id&limit=5&offset=7", fmt.Sprintf(frame, `s."id" as "id" from api."jobs" as s order by s."name" desc nulls last, (s."parameters" -> $1::text), s."id" limit 5 offset $2::bigint`), []any{"a", "7"}},
		{"select=id&limit=10000000&name=eq.a;b", fmt.Sprintf(frame, `s."id" as "id" from api."jobs" as s where (s."name" = $1)`+window), []any{"a;b"}},
		{"select=\"a b\":name&name=eq.", fmt.Sprintf(frame, `s."name" as "a b" from api."jobs" as s where (s."name" = $1)`+window), []any{""}},
	} {
		t.Run(tc.query, func(t *testing.T) {
			t.Parallel()
			_, s, err := compile(Incoming{Path: "/jobs", Query: strings.ReplaceAll(tc.query, `"`, "%22")})
			require.NoError(t, err)
			require.Equal(t, tc.sql, s.SQL)
			require.Equal(t, tc.args, s.Args)
		})
	}
}

func TestFunctionStatements(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		in   Incoming
		sql  string
		args []any
	}{
		{"scalar", Incoming{Method: "POST", Path: "/rpc/queue_run", Body: []byte(`{"job_id":"x","parameters":{}}`)},
			`select null::bigint, count(*), string_agg(coalesce(to_json(t.v)::text, 'null'), '') from (select api."queue_run"("job_id" => a."job_id", "parameters" => a."parameters") as v from json_to_record($1::json) as a ("job_id" uuid, "parameters" jsonb)) as t`,
			[]any{`{"job_id":"x","parameters":{}}`}},
		{"void", Incoming{Method: "POST", Path: "/rpc/ping", Body: []byte(`{}`)}, `select null::bigint, count(*), null::text from (select api."ping"() as v) as t`, nil},
		{"values", Incoming{Method: "POST", Path: "/rpc/words", Body: []byte(`{}`)}, `select null::bigint, count(*), coalesce(json_agg(t.v), '[]')::text from (select api."words"() as v) as t`, nil},
		{"rows by body", Incoming{Method: "POST", Path: "/rpc/find_jobs", Query: "id=eq.1&order=id", Body: []byte(`{"word":"x"}`)},
			`select null::bigint, count(*), coalesce(json_agg(t), '[]')::text from (select s."id" as "id", s."data" as "data" from json_to_record($1::json) as a ("word" text), lateral api."find_jobs"("word" => a."word") as s where (s."id" = $2) order by s."id" limit 1000) as t`,
			[]any{`{"word":"x"}`, "1"}},
		{"rows by query", Incoming{Path: "/rpc/find_jobs", Query: "word=a&word=b&most=3&id=gt.0"},
			`select null::bigint, count(*), coalesce(json_agg(t), '[]')::text from (select s."id" as "id", s."data" as "data" from api."find_jobs"("word" => $1::text, "most" => $2::integer) as s where (s."id" > $3) limit 1000) as t`,
			[]any{"b", "3", "0"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.in.IsJSON = true
			_, s, err := compile(tc.in)
			require.NoError(t, err)
			require.Equal(t, tc.sql, s.SQL)
			require.Equal(t, tc.args, s.Args)
		})
	}
}

// TestRefusals is the table of what is refused before the database is asked.
func TestRefusals(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", maxQueryBytes)
	terms := strings.TrimSuffix(strings.Repeat("id.eq.1,", 300), ",")
	header := func(name string, values ...string) http.Header { return http.Header{name: values} }
	for _, tc := range []struct {
		in     Incoming
		status int
		code   string
	}{
		{Incoming{Path: "/nope"}, 404, "PGRST205"},
		{Incoming{Path: "/pg_catalog.pg_authid"}, 404, "PGRST205"},
		{Incoming{Path: "/rpc/nope"}, 404, "PGRST202"},
		{Incoming{Path: "/rpc/set_config"}, 404, "PGRST202"},
		{Incoming{Path: "/"}, 404, "PGRST125"},
		{Incoming{Path: "/jobs/"}, 404, "PGRST125"},
		{Incoming{Path: "/rpc/"}, 404, "PGRST125"},
		{Incoming{Path: "/jobs/../users"}, 404, "PGRST125"},
		{Incoming{Path: "/jobs\x00"}, 404, "PGRST125"},
		{Incoming{Path: "/jobs", Query: "id=foo.1"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "id=1"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "id=eq." + long}, 414, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "select=*,("}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "select=id,"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "select=users(name)"}, 400, "PGRST200"},
		{Incoming{Path: "/jobs", Query: "select=...users(name)"}, 400, "PGRST200"},
		{Incoming{Path: "/jobs", Query: "select=id.sum()"}, 400, "PGRST123"},
		{Incoming{Path: "/jobs", Query: "select=id::regclass"}, 400, "42704"},
		{Incoming{Path: "/jobs", Query: "select=secret"}, 400, "42703"},
		{Incoming{Path: "/jobs", Query: "order=secret"}, 400, "42703"},
		{Incoming{Path: "/jobs", Query: "secret=eq.1"}, 400, "42703"},
		{Incoming{Path: "/jobs", Query: "or=(secret.eq.1)"}, 400, "42703"},
		{Incoming{Path: "/jobs", Query: "name=match.((a{1,255}){1,255}){1,255}"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "name=fts.a"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "name=is.maybe"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "id=in.(1,2"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "id=in.1"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "id=in.(1)x"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "limit=-1"}, 416, "PGRST103"},
		{Incoming{Path: "/jobs", Query: "limit=x"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "offset=-1"}, 416, "PGRST103"},
		{Incoming{Path: "/jobs", Query: "columns=id"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "name=eq.%00"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "name=eq.%ff"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "name=eq.%"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "or=" + strings.Repeat("(or", 1000)}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "or=(" + strings.Repeat("or(", 1000)}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "or=" + strings.Repeat("(", 5000)}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "and=(" + terms + ")"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "or=()"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "or=(id.eq.1)x"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "parameters->>a->b=eq.1"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "select=id" + strings.Repeat(",id", 300)}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Query: "select=" + strings.Repeat("a", 64) + ":id"}, 400, "PGRST100"},
		{Incoming{Path: "/jobs", Header: header("Range", "5-2")}, 416, "PGRST103"},
		{Incoming{Path: "/jobs", Header: header("Accept", "text/csv")}, 406, "PGRST107"},
		{Incoming{Path: "/jobs", Header: header("Accept", "application/vnd.pgrst.plan+json")}, 406, "PGRST107"},
		{Incoming{Path: "/jobs", Header: header("Accept", "application/json;q=0")}, 406, "PGRST107"},
		{Incoming{Path: "/jobs", Header: header("Accept-Profile", "audit")}, 406, "PGRST106"},
		{Incoming{Method: "POST", Path: "/rpc/ping", Body: []byte("{}"), IsJSON: true, Header: header("Content-Profile", "pg_temp")}, 406, "PGRST106"},
		{Incoming{Path: "/jobs", Header: header("Prefer", "count=planned")}, 400, "PGRST122"},
		{Incoming{Path: "/jobs", Header: header("Prefer", "count=estimated")}, 400, "PGRST122"},
		{Incoming{Path: "/jobs", Header: header("Prefer", "handling=strict, tx=rollback")}, 400, "PGRST122"},
		{Incoming{Method: "DELETE", Path: "/jobs"}, 405, "PGRST117"},
		{Incoming{Method: "PATCH", Path: "/jobs"}, 405, "PGRST117"},
		{Incoming{Method: "POST", Path: "/jobs", Body: []byte("{}")}, 405, "PGRST117"},
		{Incoming{Method: "PUT", Path: "/rpc/ping"}, 405, "PGRST101"},
		{Incoming{Method: "TRACE", Path: "/jobs"}, 405, "PGRST117"},
		{Incoming{Method: "POST", Path: "/rpc/queue_run", IsJSON: true}, 400, "PGRST102"},
		{Incoming{Method: "POST", Path: "/rpc/queue_run", IsJSON: true, Body: []byte(`[`)}, 400, "PGRST102"},
		{Incoming{Method: "POST", Path: "/rpc/queue_run", IsJSON: true, Body: []byte(`"x"`)}, 400, "PGRST102"},
		{Incoming{Method: "POST", Path: "/rpc/queue_run", IsJSON: true, Body: []byte(`{"a":1,"a":2}`)}, 400, "PGRST102"},
		{Incoming{Method: "POST", Path: "/rpc/queue_run", IsJSON: true, Body: []byte(`{} x`)}, 400, "PGRST102"},
		{Incoming{Method: "POST", Path: "/rpc/queue_run", IsJSON: true, Body: []byte(strings.Repeat("[", 100000))}, 400, "PGRST102"},
		{Incoming{Method: "POST", Path: "/rpc/queue_run", IsJSON: false, Body: []byte(`{}`)}, 400, "PGRST102"},
		{Incoming{Method: "POST", Path: "/rpc/queue_run", IsJSON: true, Body: []byte(`{}`)}, 404, "PGRST202"},
		{Incoming{Method: "POST", Path: "/rpc/queue_run", IsJSON: true, Body: []byte(`{"job_id":1,"tenant_id":2}`)}, 404, "PGRST202"},
		{Incoming{Method: "POST", Path: "/rpc/same", IsJSON: true, Body: []byte(`{"a":1}`)}, 300, "PGRST203"},
		{Incoming{Method: "POST", Path: "/rpc/queue_run", IsJSON: true, Body: []byte(`{"job_id":1}`), Query: "id=eq.1"}, 400, "PGRST100"},
		{Incoming{Method: "POST", Path: "/rpc/words", IsJSON: true, Body: []byte(`{}`), Header: header("Accept", mediaObject)}, 406, "PGRST107"},
	} {
		name := tc.in.Method + tc.in.Path + "?" + tc.in.Query[:min(len(tc.in.Query), 40)] + fmt.Sprint(tc.in.Header)
		_, s, err := compile(tc.in)
		require.Error(t, err, "%s gave %s", name, s.SQL)
		e := httpjson.AsError(err)
		require.Equal(t, []any{tc.status, tc.code}, []any{e.Status, e.Code}, "%s: %s", name, e.Message)
	}
}

func TestPreferencesAndAccept(t *testing.T) {
	t.Parallel()
	p, s, err := compile(Incoming{Path: "/jobs", Query: "name=eq.x&select=id", Header: http.Header{"Prefer": {"count=exact, tx=rollback"}, "Accept": {"text/html, application/vnd.pgrst.object+json;q=0.9, */*;q=0.1"}, "Range": {"10-19"}}})
	require.NoError(t, err)
	require.True(t, p.Singular)
	require.True(t, p.ReadOnly)
	require.Equal(t, `select (select count(*) from api."jobs" as s where (s."name" = $1)), count(*), string_agg(to_json(t)::text, '') from (select s."id" as "id" from api."jobs" as s where (s."name" = $2) limit 10 offset $3::bigint) as t`, s.SQL)
	require.Equal(t, []any{"x", "x", "10"}, s.Args)
	p, s, err = compile(Incoming{Method: "HEAD", Path: "/jobs"})
	require.NoError(t, err)
	require.True(t, p.NoBody)
	require.Equal(t, `select null::bigint, count(*), null::text from (select 1 from api."jobs" as s limit 1000) as t`, s.SQL)
}

func TestWindowIsTheIntersection(t *testing.T) {
	t.Parallel()
	n := func(v int64) *int64 { return &v }
	for _, tc := range []struct {
		window      Window
		first, last int64
		want        Window
	}{
		{Window{}, 0, 9, Window{Limit: n(10)}},
		{Window{}, 5, -1, Window{Offset: 5}},
		{Window{Limit: n(10), Offset: 5}, 0, 9, Window{Limit: n(5), Offset: 5}},
		{Window{Limit: n(3), Offset: 5}, 6, 100, Window{Limit: n(2), Offset: 6}},
		{Window{Limit: n(3)}, 10, 20, Window{Limit: n(0), Offset: 10}},
	} {
		require.Equal(t, tc.want, tc.window.intersect(tc.first, tc.last))
	}
}

func TestResponses(t *testing.T) {
	t.Parallel()
	n := func(v int64) *int64 { return &v }
	rows := Source{Relation: &Relation{}}
	for _, tc := range []struct {
		name     string
		singular bool
		offset   int64
		got      result
		status   int
		content  string
	}{
		{"unknown total", false, 0, result{count: 3}, 200, "0-2/*"},
		{"no rows", false, 0, result{}, 200, "*/*"},
		{"all of them", false, 0, result{total: n(3), count: 3}, 200, "0-2/3"},
		{"some of them", false, 1, result{total: n(3), count: 2}, 206, "1-2/3"},
		{"none there", false, 0, result{total: n(0)}, 200, "*/0"},
		{"behind the end", false, 4, result{total: n(3)}, 416, ""},
		{"one", true, 0, result{count: 1}, 200, "0-0/*"},
		{"one of none", true, 0, result{}, 406, ""},
		{"one of two", true, 0, result{count: 2}, 406, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			answer, err := MakeResponse(&Request{Singular: tc.singular}, &Plan{Source: rows, Offset: tc.offset}, tc.got)
			if tc.content == "" {
				require.Equal(t, tc.status, httpjson.AsError(err).Status)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.status, answer.Status)
			require.Equal(t, tc.content, answer.Header.Get("Content-Range"))
		})
	}
}

// outsideQuotes finds what stands between quoted names and literals.
var outsideQuotes = regexp.MustCompile(`"(?:[^"]|"")*"|'[^']*'`)

// vocabulary is every word that a statement may hold outside of quotes.
var vocabulary = regexp.MustCompile(`^(?:select|null|bigint|count|coalesce|json_agg|text|from|as|t|s|a|v|api|limit|offset|where|and|or|not|is|true|false|unknown|any|like|ilike|to_jsonb|to_json|` +
	`string_agg|order|by|desc|nulls|first|last|integer|int2|int4|int8|smallint|numeric|float4|float8|real|double|precision|bool|boolean|uuid|date|time|timestamp|timestamptz|interval|json|jsonb|varchar|json_to_record|lateral|[0-9]{1,4})$`)

// requireClosed fails if anything but the fixed vocabulary stands outside of quotes.
func requireClosed(t *testing.T, s Statement) {
	bare := outsideQuotes.ReplaceAllString(s.SQL, " ")
	bare = regexp.MustCompile(`\$[0-9]+`).ReplaceAllString(bare, " ")
	for _, word := range strings.FieldsFunc(bare, func(c rune) bool { return strings.ContainsRune(" ().,:=<>-*[]", c) }) {
		if !vocabulary.MatchString(word) {
			t.Fatalf("%q stands outside of quotes in %s", word, s.SQL)
		}
	}
	if strings.Count(s.SQL, `"`)%2 != 0 || strings.Contains(bare, ";") || strings.Contains(bare, "--") {
		t.Fatalf("quotes are broken in %s", s.SQL)
	}
	for i := range s.Args {
		if !strings.Contains(s.SQL, fmt.Sprintf("$%d", i+1)) {
			t.Fatalf("parameter %d is not used in %s", i+1, s.SQL)
		}
	}
}

// FuzzQuery: whatever a query string holds, it never becomes SQL but as a quoted name or a parameter.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"select=id,n:name,parameters->>a::text&id=in.(1,2)&order=name.desc.nullslast", "or=(id.eq.1,not.and(name.is.null,id.in.(1,\"x\")))", "select=%22a%22%22;drop%22:id",
		"select=%22a--%22:id&name=eq.';drop table x;--", "parameters->%22'%22->>0=eq.x", "word=x&most=1", "select=id::double precision", "limit=1&offset=2",
	} {
		f.Add("/jobs", seed)
		f.Add("/rpc/find_jobs", "word=a&"+seed)
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		_, s, err := compile(Incoming{Path: path, Query: query})
		if err == nil {
			requireClosed(t, s)
			return
		}
		if e := httpjson.AsError(err); e.Status >= 500 {
			t.Fatalf("%v", err)
		}
	})
}

// FuzzRequest: no header and no body breaks the parser or leaves the vocabulary.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/rpc/queue_run", "", "count=exact", "application/json", "0-9", []byte(`{"job_id":"x"}`))
	f.Add("GET", "/jobs", "id=eq.1", "handling=strict", "*/*;q=0.5", "", []byte(nil))
	f.Fuzz(func(t *testing.T, method, path, query, prefer, accept, window string, body []byte) {
		header := http.Header{"Prefer": {prefer}, "Accept": {accept}, "Range": {window}}
		_, s, err := compile(Incoming{Method: method, Path: path, Query: query, Header: header, IsJSON: true, Body: body})
		if err == nil {
			requireClosed(t, s)
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	in := Incoming{Method: "GET", Path: "/jobs", Query: "select=id,name,created_at&name=eq.x&order=created_at.desc&limit=20", Header: http.Header{"Accept": {"application/json"}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := compile(in); err != nil {
			b.Fatal(err)
		}
	}
}
