package winrm

import "log/slog"

// A Password is a secret that no formatter, logger or encoder writes out.
type Password string

const redacted = "[redacted]"

// String gives a fixed text.
func (Password) String() string { return redacted }

// GoString gives a fixed text.
func (Password) GoString() string { return redacted }

// LogValue implements slog.LogValuer with a fixed text.
func (Password) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler with a fixed text, which is
// also what encoding/json writes.
func (Password) MarshalText() ([]byte, error) { return []byte(redacted), nil }
