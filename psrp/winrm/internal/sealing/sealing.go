// Package sealing puts sealed SOAP messages into the body form of WinRM on
// plain HTTP ([MS-WSMV] 2.2.9.1): a multipart/encrypted lookalike of two parts,
// a description of what is inside, and signature and ciphertext.
//
// The form has no blank lines between headers and content and tabs before the
// headers, so that no multipart parser reads it; this one is written for it and
// knows the deviations of real servers. It holds no state and no secret: what
// seals is handed in.
package sealing

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"mime"
	"strconv"
	"strings"
)

// The protocol names, by authentication scheme.
const (
	SPNEGO   = "application/HTTP-SPNEGO-session-encrypted"
	Kerberos = "application/HTTP-Kerberos-session-encrypted"
)

// SOAP is the type of what is sealed.
const SOAP = "application/soap+xml;charset=UTF-8"

const (
	mediaType = "multipart/encrypted"
	boundary  = "Encrypted Boundary"
	// maxSignature is more than any mechanism needs.
	maxSignature = 4 << 10
)

// A Sealer encrypts and signs messages in order, and opens those of the other
// side.
type Sealer interface {
	Seal(plain []byte) (signature, sealed []byte, err error)
	Unseal(signature, sealed []byte) (plain []byte, err error)
}

// A FormatError is a body that is not of this form.
type FormatError struct{ Msg string }

func (e *FormatError) Error() string { return "winrm: bad sealed message: " + e.Msg }

func formatError(format string, args ...any) error {
	return &FormatError{Msg: fmt.Sprintf(format, args...)}
}

// ContentType is the content type of a sealed body.
func ContentType(protocol string) string {
	return mediaType + `;protocol="` + protocol + `";boundary="` + boundary + `"`
}

// IsSealed tells whether a content type is that of a sealed body, and of which
// protocol.
func IsSealed(contentType string) (protocol string, ok bool) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != mediaType || params["protocol"] == "" {
		return "", false
	}
	return params["protocol"], true
}

// Encode seals plain and gives the body.
func Encode(protocol string, s Sealer, plain []byte) ([]byte, error) {
	signature, sealed, err := s.Seal(plain)
	if err != nil {
		return nil, err
	}
	head := "--" + boundary + "\r\n\tContent-Type: " + protocol +
		"\r\n\tOriginalContent: type=" + SOAP + ";Length=" + strconv.Itoa(len(plain)) +
		"\r\n--" + boundary + "\r\n\tContent-Type: application/octet-stream\r\n"
	const tail = "--" + boundary + "--\r\n"
	body := make([]byte, 0, len(head)+4+len(signature)+len(sealed)+len(tail))
	body = append(body, head...)
	body = binary.LittleEndian.AppendUint32(body, uint32(len(signature)))
	body = append(append(body, signature...), sealed...)
	return append(body, tail...), nil
}

// Decode opens a body. The length that the description states must be that of
// the message. A body of another form is a *FormatError and has not been given
// to s.
func Decode(body []byte, s Sealer) ([]byte, error) {
	length, content, err := split(body)
	if err != nil {
		return nil, err
	}
	if len(content) < 4 {
		return nil, formatError("no signature")
	}
	size := binary.LittleEndian.Uint32(content)
	content = content[4:]
	if size > maxSignature || int(size) > len(content) {
		return nil, formatError("signature of %d bytes", size)
	}
	plain, err := s.Unseal(content[:size], content[size:])
	if err != nil {
		return nil, err
	}
	if len(plain) != length {
		return nil, formatError("message of %d bytes, announced as %d", len(plain), length)
	}
	return plain, nil
}

// split takes a body apart into the announced length and the binary content.
// The content may hold anything, so its end is looked for from behind.
func split(body []byte) (length int, content []byte, err error) {
	rest, ok := cutBoundary(body)
	if !ok {
		return 0, nil, formatError("no boundary at the start")
	}
	length = -1
	for {
		line, after, ok := bytes.Cut(rest, []byte("\r\n"))
		if !ok {
			return 0, nil, formatError("description without an end")
		}
		if next, ok := cutBoundary(rest); ok {
			rest = next
			break
		}
		if n, ok := originalLength(string(line)); ok {
			length = n
		}
		rest = after
	}
	if length < 0 {
		return 0, nil, formatError("no length")
	}
	line, content, ok := bytes.Cut(rest, []byte("\r\n"))
	if !ok || !strings.EqualFold(strings.TrimSpace(string(line)), "Content-Type: application/octet-stream") {
		return 0, nil, formatError("no binary part")
	}
	content, ok = cutEnd(content)
	if !ok {
		return 0, nil, formatError("no boundary at the end")
	}
	return length, content, nil
}

// cutBoundary takes a boundary line from the start. Exchange writes a space
// after the dashes.
func cutBoundary(b []byte) ([]byte, bool) {
	b, ok := bytes.CutPrefix(b, []byte("--"))
	if !ok {
		return nil, false
	}
	b = bytes.TrimPrefix(b, []byte(" "))
	return bytes.CutPrefix(b, []byte(boundary+"\r\n"))
}

// cutEnd takes the last boundary from the end.
func cutEnd(b []byte) ([]byte, bool) {
	b = bytes.TrimSuffix(b, []byte("\r\n"))
	for _, end := range []string{"--" + boundary + "--", "-- " + boundary + "--"} {
		if content, ok := bytes.CutSuffix(b, []byte(end)); ok {
			return content, true
		}
	}
	return nil, false
}

// originalLength reads the OriginalContent line of the description.
func originalLength(line string) (int, bool) {
	name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
	if !ok || !strings.EqualFold(name, "OriginalContent") {
		return 0, false
	}
	for part := range strings.SplitSeq(value, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if !strings.EqualFold(name, "Length") {
			continue
		}
		n, err := strconv.Atoi(value)
		return n, err == nil && n >= 0
	}
	return 0, false
}
