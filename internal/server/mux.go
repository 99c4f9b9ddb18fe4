package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/epo-dev/epo/internal/httpjson"
	"github.com/epo-dev/epo/internal/token"
)

const requestIDHeader = "X-Request-Id"

// handler is the whole tree of routes. Paths are matched by hand below /api: a ServeMux would clean and redirect them.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /version", s.version)
	mux.HandleFunc("GET /agent/wait", s.authenticated(s.agentWait))
	mux.HandleFunc("GET /events", s.authenticated(s.events))
	mux.Handle("/auth/", s.gateway)
	api := s.authenticated(s.api)
	return s.observed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/") {
			api(w, r)
			return
		}
		if _, pattern := mux.Handler(r); pattern == "" {
			s.rest(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}

// rest answers what no route does.
func (s *Server) rest(w http.ResponseWriter, r *http.Request) {
	if s.config.Console != nil {
		s.config.Console.ServeHTTP(w, r)
		return
	}
	httpjson.WriteError(w, httpjson.NewError(http.StatusNotFound, "not_found", "there is nothing at this path"))
}

func (s *Server) api(w http.ResponseWriter, r *http.Request, who *token.Verified) error {
	return s.facade.Handle(w, r, strings.TrimPrefix(r.URL.Path, "/api"), who)
}

// authenticatedHandler answers a request of somebody whose token was checked. An error is sent to the caller.
type authenticatedHandler func(w http.ResponseWriter, r *http.Request, who *token.Verified) error

// authenticated checks the bearer token first. There is no anonymous access behind it.
func (s *Server) authenticated(next authenticatedHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := s.identify(r)
		if err == nil {
			err = next(w, r, who)
		}
		if err != nil {
			s.refuse(w, r, err)
		}
	}
}

// identify returns who sent the request.
func (s *Server) identify(r *http.Request) (*token.Verified, error) {
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || bearer == "" {
		return nil, httpjson.Unauthorized("PGRST302", "Anonymous access is disabled")
	}
	who, err := s.verifier.Verify(strings.TrimSpace(bearer), s.config.Now())
	if err == nil {
		return who, nil
	}
	code := "PGRST303"
	if reason, _ := token.ReasonOf(err); reason == token.ReasonMalformed {
		code = "PGRST301"
	}
	return nil, httpjson.Unauthorized(code, err.Error())
}

// refuse sends err and logs what the caller must not see.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	sent := httpjson.WriteError(w, err)
	if sent.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		s.config.Logger.Error("request failed", "request_id", r.Header.Get(requestIDHeader), "code", sent.Code, "error", errors.Unwrap(sent))
	}
}

// observed gives each request an id, the headers of an API and a line in the log, and survives a panic of one handler.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		id := requestID(r.Header.Get(requestIDHeader))
		r.Header.Set(requestIDHeader, id)
		h := w.Header()
		h.Set(requestIDHeader, id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if s.tls != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		seen := &observer{ResponseWriter: w}
		defer func() { s.finish(seen, r, id, began, recover()) }()
		next.ServeHTTP(seen, r)
	})
}

func (s *Server) finish(seen *observer, r *http.Request, id string, began time.Time, panicked any) {
	if panicked != nil {
		if err, ok := panicked.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(panicked)
		}
		s.config.Logger.Error("handler panicked", "request_id", id, "path", r.URL.Path, "panic", panicked)
		if seen.status == 0 {
			httpjson.WriteError(seen, httpjson.Internal(nil))
		}
	}
	level := slog.LevelDebug
	if seen.status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	s.config.Logger.Log(context.WithoutCancel(r.Context()), level, "request",
		"request_id", id, "method", r.Method, "path", r.URL.Path, "status", seen.status, "ms", time.Since(began).Milliseconds())
}

// requestID keeps a caller's id if it is one that can stand in a log and in the audit, else makes one.
func requestID(given string) string {
	if len(given) == 0 || len(given) > 64 {
		return uuid.NewString()
	}
	for _, c := range given {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return uuid.NewString()
		}
	}
	return given
}

// observer remembers the status.
type observer struct {
	http.ResponseWriter
	status int
}

func (o *observer) WriteHeader(status int) {
	if o.status == 0 {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *observer) Write(b []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	return o.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (o *observer) Unwrap() http.ResponseWriter { return o.ResponseWriter }
