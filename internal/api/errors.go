package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Error is an answer of the server that is not a success. Message, Details and Hint are written for people.
type Error struct {
	Status    int    // HTTP status
	Code      string // stable, see codes.go; PostgREST's PGRSTnnn and SQLSTATEs keep their names
	Message   string
	Details   string
	Hint      string
	RequestID string // what the server's log calls this request

	retryAfter time.Duration
}

// Error gives the message, then the code, so that a log line holds both.
func (e *Error) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("%s (HTTP %d)", e.Message, e.Status)
	}
	return fmt.Sprintf("%s (%s)", e.Message, e.Code)
}

// TransportError says that no answer came: the server is away, the connection broke, or time was up. Whether the server
// did the work is unknown unless Sent is false.
type TransportError struct {
	Op   string // method and path
	Sent bool   // false when the connection could not be made at all
	Err  error
}

func (e *TransportError) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// CodeOf returns the stable code of err: the server's, CodeUnreachable when no answer came, else "".
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if Unreachable(err) {
		return CodeUnreachable
	}
	return ""
}

// Is reports whether err carries the code.
func Is(err error, code string) bool { return err != nil && CodeOf(err) == code }

// Unreachable reports whether no answer came from the server.
func Unreachable(err error) bool {
	_, ok := errors.AsType[*TransportError](err)
	return ok
}

// Temporary reports whether the same call may succeed later without anybody changing anything: no answer, 408, 429 or a
// status of 500 and above.
func Temporary(err error) bool {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status >= 500 || e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout
	}
	return Unreachable(err)
}

// errorBody is the JSON of an error; details and hint are text, null, or (log_gap) a number.
type errorBody struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Details json.RawMessage `json:"details"`
	Hint    json.RawMessage `json:"hint"`
}

// decodeError turns an answer with a status of 400 or above into an *Error; a body that is not EPO's keeps the status only.
func decodeError(resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode, RequestID: resp.Header.Get(requestIDHeader), retryAfter: retryAfter(resp)}
	var b errorBody
	if json.Unmarshal(body, &b) == nil && (b.Code != "" || b.Message != "") {
		e.Code, e.Message, e.Details, e.Hint = b.Code, b.Message, plain(b.Details), plain(b.Hint)
		return e
	}
	e.Message = "the server answered " + strings.ToLower(http.StatusText(resp.StatusCode))
	return e
}

// plain gives a JSON string's content, "" for null, and any other JSON as it stands.
func plain(raw json.RawMessage) string {
	var s *string
	if len(raw) == 0 {
		return ""
	}
	if json.Unmarshal(raw, &s) != nil {
		return string(raw)
	}
	if s == nil {
		return ""
	}
	return *s
}

// asError returns the server's answer inside err, or nil.
func asError(err error) *Error {
	e, _ := errors.AsType[*Error](err)
	return e
}

// Status returns the HTTP status of the server's answer, 0 when err holds none.
func Status(err error) int {
	if e := asError(err); e != nil {
		return e.Status
	}
	return 0
}
