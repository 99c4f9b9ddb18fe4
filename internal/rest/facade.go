package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/epo-dev/epo/internal/httpjson"
	"github.com/epo-dev/epo/internal/token"
)

// Config is what a Facade needs.
type Config struct {
	// Database runs the transactions.
	Database Database
	// Catalogue is what the schema is read through; it needs no privileges.
	Catalogue Querier
	// Wake is called after each commit with the topics that SQL named; it must not block. May be nil.
	Wake func(topics ...string)
	// MaxRows caps what one read returns; zero means 1000.
	MaxRows int64
	// MaxBodyBytes caps a body; zero means 16 MiB.
	MaxBodyBytes int64
	// StatementTimeout ends a statement in the database; zero means 30 s.
	StatementTimeout time.Duration
}

// validate fills in defaults.
func (c *Config) validate() error {
	if c.Database == nil || c.Catalogue == nil {
		return errors.New("rest: the database is not given")
	}
	if c.MaxRows == 0 {
		c.MaxRows = 1000
	}
	if c.MaxBodyBytes == 0 {
		c.MaxBodyBytes = 16 << 20
	}
	if c.StatementTimeout == 0 {
		c.StatementTimeout = 30 * time.Second
	}
	return nil
}

// Facade answers requests for the schema api. It is safe for concurrent use.
type Facade struct {
	config    Config
	schema    atomic.Pointer[Schema]
	freshness *freshness
}

// New returns a facade that knows no schema yet; see [Facade.Reload].
func New(config Config) (*Facade, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	return &Facade{config: config, freshness: newFreshness(time.Now)}, nil
}

// Reload reads the catalogue again. A failure keeps the schema that is known.
func (f *Facade) Reload(ctx context.Context) error {
	s, err := LoadSchema(ctx, f.config.Catalogue)
	if err != nil {
		return err
	}
	f.schema.Store(s)
	return nil
}

// Handle answers one request of an authenticated caller. path is what follows the mount point. A refusal is returned and
// nothing is written; otherwise the answer was sent.
func (f *Facade) Handle(w http.ResponseWriter, r *http.Request, path string, who *token.Verified) error {
	in := Incoming{Method: r.Method, Path: path, Query: r.URL.RawQuery, Header: r.Header, IsJSON: httpjson.IsJSON(r)}
	if r.Method == http.MethodPost {
		body, err := httpjson.Read(r, f.config.MaxBodyBytes)
		if err != nil {
			return err
		}
		in.Body = body
	}
	answer, err := f.answer(r.Context(), in, who)
	if err != nil {
		return err
	}
	answer.write(w, r.Method == http.MethodHead)
	return nil
}

// answer passes one request through the stages.
func (f *Facade) answer(ctx context.Context, in Incoming, who *token.Verified) (*Response, error) {
	request, err := ParseRequest(in)
	if err != nil {
		return nil, err
	}
	schema := f.schema.Load()
	if schema == nil {
		return nil, &httpjson.Error{Status: http.StatusServiceUnavailable, Code: codeNoSchema, Message: "Could not query the database for the schema cache", Header: http.Header{"Retry-After": {"1"}}}
	}
	if request.Method == http.MethodOptions {
		return options(request, schema)
	}
	plan, err := MakePlan(request, schema, f.config.MaxRows)
	if err != nil {
		return nil, err
	}
	got, err := f.run(ctx, callerOf(in, who, plan.ReadOnly), BuildStatement(plan))
	if err != nil {
		return nil, err
	}
	return MakeResponse(request, plan, got)
}

func callerOf(in Incoming, who *token.Verified, readOnly bool) caller {
	return caller{
		who: who, method: in.Method, path: in.Path, requestID: in.Header.Get("X-Request-Id"), agent: in.Header.Get("User-Agent"), readOnly: readOnly,
	}
}

// options says which methods a resource takes.
func options(r *Request, s *Schema) (*Response, error) {
	allow := allowRelation
	_, exists := s.Relations[r.Name]
	if r.Kind == KindFunction {
		allow, exists = allowFunction, len(s.Functions[r.Name]) > 0
	}
	if !exists {
		return nil, httpjson.NewError(http.StatusNotFound, codeNoRelation, "Could not find the resource in the schema cache")
	}
	return &Response{Status: http.StatusOK, Header: http.Header{"Allow": {allow}}}, nil
}

// checkSQL is a statement that does nothing.
const checkSQL = "select null::bigint, 0::bigint, null::text"

// Check looks the caller up as every request does, and does nothing else: the error is 401 principal_disabled when the
// subject, its tenant or its roles do not hold any more. It asks the database at most once a second for one token.
func (f *Facade) Check(ctx context.Context, who *token.Verified) error {
	if fresh, _ := f.freshness.fresh(who.ID); fresh {
		return nil
	}
	_, err := f.run(ctx, caller{who: who, method: http.MethodGet, readOnly: true}, Statement{SQL: checkSQL})
	return err
}

// Get reads a relation for another part of the server, as if who had asked for it: query is a raw query string. The body
// is a JSON array.
func (f *Facade) Get(ctx context.Context, who *token.Verified, relation, query, requestID string) ([]byte, error) {
	in := Incoming{Method: http.MethodGet, Path: "/" + relation, Query: query, Header: http.Header{"X-Request-Id": {requestID}}}
	answer, err := f.answer(ctx, in, who)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", relation, err)
	}
	return answer.Body, nil
}
