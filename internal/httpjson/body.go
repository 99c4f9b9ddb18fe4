package httpjson

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
)

// drainBytes is how much of a body that is too large is read and thrown away, so that its sender gets to see the answer: a
// connection that is closed while somebody writes loses what was written back.
const drainBytes = 32 << 20

// Read reads the body of r, at most limit bytes. It refuses a coded body: a small one may unfold to gigabytes.
func Read(r *http.Request, limit int64) ([]byte, error) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, NewError(http.StatusUnsupportedMediaType, "unsupported_encoding", "the body must not be compressed")
	}
	if r.ContentLength > limit {
		_, _ = io.CopyN(io.Discard, r.Body, drainBytes)
		return nil, tooLarge()
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if int64(len(b)) > limit {
		_, _ = io.CopyN(io.Discard, r.Body, drainBytes)
		return nil, tooLarge()
	}
	if err != nil {
		return nil, &Error{Status: http.StatusRequestTimeout, Code: "body_incomplete", Message: "the body did not arrive", Cause: err}
	}
	return b, nil
}

func tooLarge() error {
	return NewError(http.StatusRequestEntityTooLarge, "body_too_large", "the body is too large")
}

// IsJSON reports whether the Content-Type of r is JSON; none counts as JSON.
func IsJSON(r *http.Request) bool {
	value := r.Header.Get("Content-Type")
	if value == "" {
		return true
	}
	kind, parameters, err := mime.ParseMediaType(value)
	charset, given := parameters["charset"]
	return err == nil && kind == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

// Decode reads a strict JSON object of at most limit bytes from r into value, a pointer to a struct. Unknown members and
// members of another type are errors with status 400.
func Decode(r *http.Request, limit int64, value any) error {
	if !IsJSON(r) {
		return NewError(http.StatusUnsupportedMediaType, "invalid_body", "the body must be application/json")
	}
	b, err := Read(r, limit)
	if err != nil {
		return err
	}
	if _, err := Members(b); err != nil {
		return &Error{Status: http.StatusBadRequest, Code: "invalid_body", Message: err.Error()}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(value); err != nil {
		return &Error{Status: http.StatusBadRequest, Code: "invalid_body", Message: "a member of the body is unknown or has the wrong type", Cause: err}
	}
	return nil
}
