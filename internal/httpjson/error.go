package httpjson

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// Error is a refusal that the caller may see. Cause stays inside the process and is what the log gets.
type Error struct {
	Status  int
	Code    string
	Message string
	Details any         // nil, a string, or what SQL raised
	Hint    any         // nil or a string
	Header  http.Header // extra headers of the answer; may be nil
	Cause   error
}

// Error returns the public message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// NewError returns an error without details.
func NewError(status int, code, message string) *Error {
	return &Error{Status: status, Code: code, Message: message}
}

// Internal hides cause behind a status of 500.
func Internal(cause error) *Error {
	return &Error{Status: http.StatusInternalServerError, Code: "internal_error", Message: "the server could not do this", Cause: cause}
}

// Unauthorized is a 401 with the header that RFC 6750 asks for.
func Unauthorized(code, message string) *Error {
	challenge := `Bearer error="invalid_token", error_description=` + strconv.QuoteToASCII(message)
	return &Error{Status: http.StatusUnauthorized, Code: code, Message: message, Header: http.Header{"Www-Authenticate": {challenge}}}
}

// body is the four members that every error has.
type body struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Details any    `json:"details"`
	Hint    any    `json:"hint"`
}

// AsError returns err as an *Error; what is none becomes [Internal].
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Internal(err)
}

// WriteError answers with err. It returns the error as it was sent, for the log.
func WriteError(w http.ResponseWriter, err error) *Error {
	e := AsError(err)
	for name, values := range e.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	Write(w, e.Status, body{e.Code, e.Message, e.Details, e.Hint})
	return e
}

// Write answers with value as JSON.
func Write(w http.ResponseWriter, status int, value any) {
	encoded, err := json.Marshal(value)
	if err != nil {
		// Only a programming error gets here; the caller learns nothing of it.
		status, encoded = http.StatusInternalServerError, []byte(`{"code":"internal_error","message":"the server could not do this","details":null,"hint":null}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(encoded)))
	w.WriteHeader(status)
	_, _ = w.Write(encoded)
}
