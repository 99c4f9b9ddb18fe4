package token

import "log/slog"

// redacted stands for a secret wherever one would be printed.
const redacted = "redacted"

// Secret is key material. Every way of printing it gives "redacted"; [Secret.Reveal] is the only way to the bytes. They
// stand behind a pointer because fmt reads unexported fields of other structs without asking for String.
type Secret struct{ bytes *[]byte }

// NewSecret takes ownership of b.
func NewSecret(b []byte) Secret { return Secret{bytes: &b} }

// Reveal returns the bytes themselves, nil for the zero Secret; the caller must not change them.
func (s Secret) Reveal() []byte {
	if s.bytes == nil {
		return nil
	}
	return *s.bytes
}

// String returns "redacted".
func (s Secret) String() string { return redacted }

// GoString returns "redacted", so that %#v does not print the bytes.
func (s Secret) GoString() string { return redacted }

// LogValue returns "redacted" for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns "redacted" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "redacted".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
