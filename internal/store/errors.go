package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// Error is a database error as the outside may see it. What may not leave the process is in the cause only.
type Error struct {
	Code    string // stable: our own, PGRSTnnn, or the SQLSTATE
	Message string
	Details string
	Hint    string
	Headers map[string]string // further response headers that SQL asked for

	status int
	cause  error
}

func (e *Error) Error() string {
	text := e.Code + ": " + e.Message
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.cause }

// Status is the HTTP status that belongs to the error.
func (e *Error) Status() int { return e.status }

// CodeOf returns the stable code of a database error, or "".
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// AsError translates what pgx returns: nil stays nil, an *Error stays as it is, and everything else becomes one. The
// tables are PostgREST's; what a message could give away (row data in details, texts of internal errors) is left out.
func AsError(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fromDatabase(pg)
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return contextError(err)
	case away(err):
		return &Error{Code: "PGRST000", Message: "the database cannot be reached", status: 503, cause: err}
	default:
		return &Error{Code: "internal_error", Message: "internal error", status: 500, cause: err}
	}
}

func contextError(err error) *Error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Code: codeCancelled, Message: "the request took too long", status: 504, cause: err}
	}
	return &Error{Code: "request_cancelled", Message: "the request was cancelled", status: 499, cause: err}
}

// away recognises a connection that could not be made or broke.
func away(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
}

func fromDatabase(pg *pgconn.PgError) *Error {
	if pg.Code == "PGRST" {
		return fromRaise(pg)
	}
	e := &Error{Code: pg.Code, Message: pg.Message, status: statusOf(pg), cause: pg}
	switch {
	case e.status == 503:
		e.Message = "the database is not available at the moment"
	case pg.Code == codeCancelled:
		e.Message = "the request took too long"
	case e.status >= 500:
		e.Message = "internal error"
	}
	return e
}

// fromRaise reads what epo.raise said.
func fromRaise(pg *pgconn.PgError) *Error {
	var body struct {
		Code, Message string
		Details, Hint *string
	}
	var answer struct {
		Status  int
		Headers map[string]string
	}
	if json.Unmarshal([]byte(pg.Message), &body) != nil || json.Unmarshal([]byte(pg.Detail), &answer) != nil ||
		body.Code == "" || answer.Status < 200 || answer.Status > 599 {
		return &Error{Code: "PGRST121", Message: "internal error", status: 500, cause: pg}
	}
	e := &Error{Code: body.Code, Message: body.Message, Headers: answer.Headers, status: answer.Status}
	if body.Details != nil {
		e.Details = *body.Details
	}
	if body.Hint != nil {
		e.Hint = *body.Hint
	}
	return e
}

const (
	codeCancelled = "57014" // statement_timeout, or a cancel request
)

// byCode and byClass are the table of postgrest.md §10.
var (
	byCode = map[string]int{
		"23503": 409, "23505": 409, "25006": 405, "42501": 403, "42883": 404, "42P01": 404, "42P17": 500, "53400": 500,
		"57P01": 503, "57P02": 503, "57P03": 503, "P0001": 400, codeCancelled: 504,
	}
	byClass = map[string]int{
		"08": 503, "53": 503, "0L": 403, "0P": 403, "28": 403,
		"09": 500, "21": 500, "25": 500, "2D": 500, "38": 500, "39": 500, "3B": 500, "40": 500, "54": 500, "55": 500, "57": 500,
		"58": 500, "F0": 500, "HV": 500, "P0": 500, "XX": 500,
	}
)

func statusOf(pg *pgconn.PgError) int {
	if status, ok := byCode[pg.Code]; ok {
		return status
	}
	if len(pg.Code) != 5 {
		return 500
	}
	if pg.Code[:2] == "PT" {
		if status, err := strconv.Atoi(pg.Code[2:]); err == nil && status >= 200 && status <= 599 {
			return status
		}
		return 500
	}
	if status, ok := byClass[pg.Code[:2]]; ok {
		return status
	}
	return 400
}

// Retryable reports whether the same work, done again, may succeed: the database was away, restarting or short of
// connections, or a deadlock or serialisation failure rolled it back. It may have been done already, so the work must be
// idempotent.
func Retryable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		case "40001", "40P01", "55P03", "57P01", "57P02", "57P03":
			return true
		}
		return len(pg.Code) == 5 && (pg.Code[:2] == "08" || pg.Code[:2] == "53" && pg.Code != "53400")
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.status == 503 || e.Code == "PGRST003"
	}
	return AsError(err).(*Error).status == 503
}

// notDone reports that the server surely did none of the work, because the request never got there.
func notDone(err error) bool {
	_, answered := errors.AsType[*pgconn.PgError](err)
	return !answered && pgconn.SafeToRetry(err)
}

// staleStatements recognises that the schema changed under the statements that a connection has prepared, so that they
// have to be prepared anew, because the result of one has changed; the transaction is undone.
func staleStatements(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	return pg.Code == "0A000" && pg.Routine == "RevalidateCachedQuery"
}

// connectError says what to do about a login that does not work.
func connectError(login string, err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		case "28P01", "28000":
			return fmt.Errorf("connect as %s: the database refuses the password; `epo migrate up` with the administrator's --database-url sets it anew: %w", login, err)
		case "3D000":
			return fmt.Errorf("connect as %s: make the database first (create database …): %w", login, err)
		case "53300":
			return fmt.Errorf("connect as %s: the database has no connection left; raise max_connections or lower --max-connections: %w", login, err)
		}
	}
	return fmt.Errorf("connect as %s: %w", login, err)
}
