package winrm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/epo-dev/epo/psrp/winrm/internal/wsman"
)

var (
	// ErrUnsealed: a body would have gone over plain HTTP as it is, or has come
	// that way.
	ErrUnsealed = errors.New("winrm: message is not sealed on plain HTTP")
	// ErrPlainHTTP: an authentication that needs TLS was used without.
	ErrPlainHTTP = errors.New("winrm: needs an https:// address")
	// ErrClosed is the end of a transport that was closed by its owner.
	ErrClosed = errors.New("winrm: transport is closed")
	// ErrDisconnected: the shell was left on the server; nothing can be sent to it
	// before Reconnect.
	ErrDisconnected = errors.New("winrm: the shell is disconnected")
	// errUnrelated is an answer that does not belong to the request.
	errUnrelated = errors.New("winrm: the answer is for another request")
	errTooLarge  = fmt.Errorf("winrm: the answer is larger than %d bytes", maxAnswer)
)

// Codes of faults that are of use to a caller.
const (
	// CodeShellNotFound: the shell or command is gone, after an idle time-out or
	// a restart. The pool is broken.
	CodeShellNotFound = wsman.CodeShellNotFound
	// CodeAccessDenied: the account may not use the session configuration.
	CodeAccessDenied uint32 = 5
	// CodeTimedOut: an operation other than Receive took too long.
	CodeTimedOut = wsman.CodeTimedOut
)

// A FaultError is an operation that the server refused or that failed there.
// Compare Code, which is the same in every language; the texts are for people.
type FaultError struct {
	Operation string // Create, Command, Send, Receive, Signal, Delete, Disconnect, Reconnect, Connect
	Code      uint32 // of WSManFault; 0 without
	Subcode   string // of SOAP, as "TimedOut"
	Reason    string
	Provider  string
	Machine   string
}

func newFault(operation string, f *wsman.Fault) *FaultError {
	return &FaultError{operation, f.Code, f.Subcode, shorten(f.Reason), f.Provider, f.Machine}
}

func (e *FaultError) Error() string {
	text := fmt.Sprintf("winrm: %s: fault %d", e.Operation, e.Code)
	if e.Code == 0 && e.Subcode != "" {
		text = fmt.Sprintf("winrm: %s: fault %s", e.Operation, e.Subcode)
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// hasCode tells whether err is a fault with that code.
func hasCode(err error, code uint32) bool {
	var fault *FaultError
	return errors.As(err, &fault) && fault.Code == code
}

// An AuthError is a server that did not accept the credentials, or not this
// kind of authentication.
type AuthError struct {
	Offers []string // the kinds that the server offers, as "Negotiate"
}

func (e *AuthError) Error() string {
	if len(e.Offers) == 0 {
		return "winrm: the server refused the credentials"
	}
	return "winrm: the server refused the credentials (it offers " + strings.Join(e.Offers, ", ") + ")"
}

// An HTTPError is an answer that is not SOAP. Something other than the WinRM
// service gave it, or the service was not able to.
type HTTPError struct {
	Status int
}

func (e *HTTPError) Error() string { return fmt.Sprintf("winrm: HTTP status %d", e.Status) }

// shorten keeps texts of servers to a size that can be shown.
func shorten(s string) string {
	const most = 2000
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
