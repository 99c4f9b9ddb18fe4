package server

import (
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"github.com/epo-dev/epo/internal/httpjson"
	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/token"
)

// requestIDHeader carries the id of a request, in and out.
const requestIDHeader = "X-Request-Id"

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// exchange is one request on its way through the server: what the log line at its end says.
type exchange struct {
	http.ResponseWriter
	status int
	bytes  int64
	who    *token.Verified
	err    *httpjson.Error
}

// WriteHeader notes the status.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(b)
	x.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// refuse answers with err, once, unless the answer has begun.
func (x *exchange) refuse(err error) {
	x.err = asAnswer(err)
	if x.status == 0 {
		httpjson.WriteError(x, x.err)
	}
}

// asAnswer turns any error into one that may be shown.
func asAnswer(err error) *httpjson.Error {
	var fromDatabase *store.Error
	if !errors.As(err, &fromDatabase) {
		return httpjson.AsError(err)
	}
	answer := &httpjson.Error{Status: fromDatabase.Status(), Code: fromDatabase.Code, Message: fromDatabase.Message, Header: http.Header{}, Cause: err}
	if fromDatabase.Details != "" {
		answer.Details = fromDatabase.Details
	}
	if fromDatabase.Hint != "" {
		answer.Hint = fromDatabase.Hint
	}
	if answer.Status == http.StatusUnauthorized {
		answer.Header = httpjson.Unauthorized(answer.Code, answer.Message).Header
	}
	if answer.Status == http.StatusServiceUnavailable {
		answer.Header.Set("Retry-After", "1")
	}
	for name, value := range fromDatabase.Headers {
		answer.Header.Set(name, value)
	}
	return answer
}

// edge wraps the routes: id, headers, recovery and the one log line of each request.
func (s *Server) edge(next func(x *exchange, r *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		if !requestIDPattern.MatchString(r.Header.Get(requestIDHeader)) {
			r.Header.Set(requestIDHeader, uuid.Must(uuid.NewV7()).String())
		}
		x := &exchange{ResponseWriter: w}
		s.setHeaders(x.Header(), r)
		defer s.finish(x, r, began)
		next(x, r)
	})
}

// setHeaders sets what every answer has. The console replaces some with its own.
func (s *Server) setHeaders(h http.Header, r *http.Request) {
	h[requestIDHeader] = r.Header[requestIDHeader]
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["X-Frame-Options"] = []string{"DENY"}
	h["Cache-Control"] = []string{"no-store"}
	h["Content-Security-Policy"] = []string{"default-src 'none'; frame-ancestors 'none'"}
	h["Referrer-Policy"] = []string{"no-referrer"}
	h["Cross-Origin-Resource-Policy"] = []string{"same-origin"}
	if r.TLS != nil {
		h["Strict-Transport-Security"] = []string{"max-age=31536000"}
	}
}

// finish answers a request that panicked and writes the log line.
func (s *Server) finish(x *exchange, r *http.Request, began time.Time) {
	if p := recover(); p != nil {
		if p == http.ErrAbortHandler {
			panic(p)
		}
		s.config.Logger.Error("a request panicked", "panic", p, "request_id", r.Header.Get(requestIDHeader), "stack", string(debug.Stack()))
		x.refuse(httpjson.NewError(http.StatusInternalServerError, "internal_error", "the server could not do this"))
	}
	level := x.level()
	if !s.config.Logger.Enabled(r.Context(), level) {
		return
	}
	s.config.Logger.LogAttrs(r.Context(), level, "request", x.attributes(r, time.Since(began))...)
}

// level is lower for what happens all the time and went well: the calls of agents and of probes.
func (x *exchange) level() slog.Level {
	switch {
	case x.status >= http.StatusInternalServerError:
		return slog.LevelError
	case x.status < http.StatusBadRequest && (x.who == nil || x.who.Kind == token.KindAgent):
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// attributes describe the request without its query string, whose values belong to the tenant.
func (x *exchange) attributes(r *http.Request, took time.Duration) []slog.Attr {
	list := []slog.Attr{
		slog.String("request_id", r.Header.Get(requestIDHeader)), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("status", x.status), slog.Int64("bytes", x.bytes), slog.Float64("duration_ms", float64(took.Microseconds())/1000), slog.String("remote", r.RemoteAddr),
	}
	if x.who != nil {
		list = append(list, slog.String("tenant_id", x.who.TenantID), slog.String("sub", x.who.Subject), slog.String("role", x.who.Role))
	}
	if x.err != nil {
		list = append(list, slog.String("code", x.err.Code))
		if x.err.Cause != nil && x.status >= http.StatusInternalServerError {
			list = append(list, slog.String("cause", x.err.Cause.Error()))
		}
	}
	return list
}
