package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/epo-dev/epo/internal/httpjson"
	"github.com/epo-dev/epo/internal/token"
)

// access says who may use a route.
type access int

const (
	anybody access = iota
	people
	agents
	holders // of any token
)

// route is one row of the table of what the server answers.
type route struct {
	method string
	path   string
	access access
	handle func(x *exchange, r *http.Request) error
}

// routes is the whole table, but for /api and the console.
func (s *Server) routes() []route {
	plain := func(h func(http.ResponseWriter, *http.Request) error) func(*exchange, *http.Request) error {
		return func(x *exchange, r *http.Request) error { return h(x, r) }
	}
	personal := func(h func(http.ResponseWriter, *http.Request, *token.Verified) error) func(*exchange, *http.Request) error {
		return func(x *exchange, r *http.Request) error { return h(x, r, x.who) }
	}
	return []route{
		{http.MethodGet, "/healthz", anybody, s.healthz},
		{http.MethodGet, "/readyz", anybody, s.readyz},
		{http.MethodGet, "/version", anybody, s.version},
		{http.MethodPost, "/auth/sign-in", anybody, plain(s.gateway.SignIn)},
		{http.MethodPost, "/auth/refresh", anybody, plain(s.gateway.Refresh)},
		{http.MethodPost, "/auth/sign-out", anybody, plain(s.gateway.SignOut)},
		{http.MethodGet, "/auth/whoami", holders, s.whoami},
		{http.MethodPost, "/auth/password", people, personal(s.gateway.ChangePassword)},
		{http.MethodPost, "/auth/users", people, personal(s.gateway.CreateUser)},
		{http.MethodPost, userPasswordPath, people, personal(s.gateway.ResetPassword)},
		{http.MethodPost, "/auth/agent/enroll", anybody, plain(s.gateway.Enroll)},
		{http.MethodPost, "/auth/agent/token", anybody, plain(s.gateway.AgentToken)},
		{http.MethodGet, "/agent/wait", agents, s.wait},
		{http.MethodGet, "/events", people, s.events},
		{http.MethodGet, "/log", people, s.log},
	}
}

const apiPrefix = "/api"

// handler is the mux. It matches paths exactly: http.ServeMux would clean and redirect them.
func (s *Server) handler() http.Handler {
	table := map[string][]route{}
	for _, r := range s.routes() {
		table[r.path] = append(table[r.path], r)
	}
	return s.edge(func(x *exchange, r *http.Request) {
		if err := s.dispatch(x, r, table); err != nil {
			x.refuse(err)
		}
	})
}

// dispatch finds the route of a request.
func (s *Server) dispatch(x *exchange, r *http.Request, table map[string][]route) error {
	path := r.URL.Path
	if path != r.URL.EscapedPath() && reserved(path) {
		return notFound() // nothing of ours needs escapes
	}
	if path == apiPrefix || strings.HasPrefix(path, apiPrefix+"/") {
		return s.authenticated(x, r, holders, func(x *exchange, r *http.Request) error {
			return s.facade.Handle(x, r, strings.TrimPrefix(path, apiPrefix), x.who)
		})
	}
	if rows, ok := table[pattern(r, path)]; ok {
		i := slices.IndexFunc(rows, func(row route) bool {
			return row.method == r.Method || row.method == http.MethodGet && r.Method == http.MethodHead
		})
		if i < 0 {
			return methodNotAllowed(rows)
		}
		return s.authenticated(x, r, rows[i].access, rows[i].handle)
	}
	if s.config.Console == nil || reserved(path) {
		return notFound()
	}
	s.config.Console.ServeHTTP(x, r)
	return nil
}

// userPasswordPath is the one path that names a row.
const userPasswordPath = "/auth/users/{id}/password"

// pattern returns the row of the table that a path stands for, and hands r what the path names.
func pattern(r *http.Request, path string) string {
	before, after, _ := strings.Cut(userPasswordPath, "{id}")
	rest, ok := strings.CutPrefix(path, before)
	id, whole := strings.CutSuffix(rest, after)
	if !ok || !whole || id == "" || strings.Contains(id, "/") {
		return path
	}
	r.SetPathValue("id", id)
	return userPasswordPath
}

// reserved reports whether path belongs to the API rather than to the console.
func reserved(path string) bool {
	first, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	return slices.Contains([]string{"api", "auth", "agent", "events", "log", "healthz", "readyz", "version"}, first) || strings.HasPrefix(path, "//")
}

// authenticated calls handle for whoever may.
func (s *Server) authenticated(x *exchange, r *http.Request, who access, handle func(*exchange, *http.Request) error) error {
	if who == anybody {
		return handle(x, r)
	}
	if why := s.broken.Load(); why != nil {
		return httpjson.NewError(http.StatusServiceUnavailable, "catalogue_broken", "the database does not keep its rules; the server does not serve")
	}
	verified, err := s.authenticate(r)
	if err != nil {
		return err
	}
	x.who = verified
	isAgent := verified.Kind == token.KindAgent
	if who == people && isAgent || who == agents && !isAgent {
		return httpjson.NewError(http.StatusForbidden, "forbidden", "this is not for your kind of token")
	}
	return handle(x, r)
}

// authenticate reads and verifies the bearer token.
func (s *Server) authenticate(r *http.Request) (*token.Verified, error) {
	values := r.Header.Values("Authorization")
	if len(values) > 1 {
		return nil, httpjson.NewError(http.StatusBadRequest, "PGRST301", "there is more than one Authorization header")
	}
	if len(values) == 0 {
		return nil, anonymous()
	}
	scheme, bearer, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(bearer) == "" {
		return nil, anonymous()
	}
	verified, err := s.verifier.Verify(bearer, s.config.Clock())
	if err == nil {
		return verified, nil
	}
	code := "PGRST303"
	if reason, _ := token.ReasonOf(err); reason == token.ReasonMalformed {
		code = "PGRST301"
	}
	return nil, httpjson.Unauthorized(code, err.Error())
}

func anonymous() error {
	return &httpjson.Error{
		Status: http.StatusUnauthorized, Code: "PGRST302", Message: "Anonymous access is disabled", Header: http.Header{"Www-Authenticate": {"Bearer"}},
	}
}

func notFound() error {
	return httpjson.NewError(http.StatusNotFound, "not_found", "there is no such resource")
}

func methodNotAllowed(rows []route) error {
	var allow []string
	for _, row := range rows {
		allow = append(allow, row.method)
	}
	return &httpjson.Error{
		Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "the method is not supported here", Header: http.Header{"Allow": {strings.Join(allow, ", ")}},
	}
}
