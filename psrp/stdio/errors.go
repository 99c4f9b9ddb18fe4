package stdio

import (
	"errors"
	"fmt"
	"strings"

	"github.com/epo-dev/epo/psrp"
)

var (
	// ErrBusy: a process carries one pool at a time, and none any more after one
	// that was not closed in order.
	ErrBusy = errors.New("stdio: process has an open pool")
	// ErrNoise: too much that is not protocol came before the first packet.
	ErrNoise = errors.New("stdio: no PowerShell remoting on the other side")
	// ErrClosed: the connection was closed by this side.
	ErrClosed = errors.New("stdio: connection is closed")
)

// A StartError tells that no process could be started.
type StartError struct {
	Path string
	Err  error // such as exec.ErrNotFound, fs.ErrNotExist, fs.ErrPermission
}

func (e *StartError) Error() string { return fmt.Sprintf("start %s: %v", e.Path, e.Err) }

// Unwrap gives the cause.
func (e *StartError) Unwrap() error { return e.Err }

// An ExitError tells how a process ended that should not have, or not so.
type ExitError struct {
	Code   int    // exit code, -1 when a signal ended it or it is not known
	Signal string // name of that signal, "" without
	Killed bool   // by Kill or because Close had to
	Stderr string // the last lines of standard error, redacted
}

func (e *ExitError) Error() string {
	var b strings.Builder
	switch {
	case e.Killed:
		b.WriteString("engine process was killed")
	case e.Signal != "":
		b.WriteString("engine process was ended by signal: " + e.Signal)
	case e.Code < 0:
		b.WriteString("engine process closed its output")
	default:
		fmt.Fprintf(&b, "engine process ended with exit code %d", e.Code)
	}
	if e.Stderr != "" {
		b.WriteString("; standard error: " + e.Stderr)
	}
	return b.String()
}

// A RemoteError is what the engine wrote to standard error about something it
// was sent and could not read. It would never answer it otherwise.
type RemoteError struct{ Text string }

func (e *RemoteError) Error() string {
	if e.Text == "" {
		return "engine could not read what it was sent"
	}
	return "engine could not read what it was sent: " + e.Text
}

func lineError(format string, args ...any) error {
	return &psrp.ProtocolError{Part: "packet", Msg: fmt.Sprintf(format, args...)}
}
