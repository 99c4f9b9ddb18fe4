package psrp

import (
	"errors"
	"fmt"
)

var (
	// ErrPoolClosed is the answer of a pool that was closed by its owner.
	ErrPoolClosed = errors.New("psrp: pool is closed")
	// ErrClosedByPeer is the end of a pool that the other side closed unasked.
	ErrClosedByPeer = errors.New("psrp: pool was closed by the other side")
	// ErrRunClosed is the end of a run that was closed before its pipeline
	// reported a final state.
	ErrRunClosed = errors.New("psrp: run was closed before its pipeline ended")
	// ErrOpenTimeout: the pool did not report Opened within Config.OpenTimeout.
	// A peer that refuses the protocol version is silent, not negative.
	ErrOpenTimeout = errors.New("psrp: pool did not open in time")
	// ErrAckTimeout: something sent was not acknowledged within Config.AckTimeout.
	ErrAckTimeout = errors.New("psrp: not acknowledged in time")
	// ErrNoAnswer: a pipeline showed no sign of life within Pipeline.StartTimeout.
	ErrNoAnswer = errors.New("psrp: pipeline did not answer in time")
	// ErrNoSessionKey refuses a SecureString: without an exchanged session key
	// the server would wait for one for ever.
	ErrNoSessionKey = errors.New("psrp: a SecureString cannot be sent without a session key")
	// ErrVersion: the two sides have no protocol version in common.
	ErrVersion = errors.New("psrp: no common protocol version")
)

// A ProtocolError is a violation of the protocol by the other side. It always
// breaks the pool, since nothing that follows can be trusted.
type ProtocolError struct {
	Part string // fragment, message, capability, state, packet
	Msg  string
}

func (e *ProtocolError) Error() string { return "psrp: bad " + e.Part + ": " + e.Msg }

func protocolError(part, format string, args ...any) error {
	return &ProtocolError{Part: part, Msg: fmt.Sprintf(format, args...)}
}

// A BrokenError ends a pool and every run on it. Err tells why: a
// *ProtocolError, an *ErrorRecord of the engine, or what the transport said.
type BrokenError struct{ Err error }

func (e *BrokenError) Error() string { return "psrp: pool is broken: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *BrokenError) Unwrap() error { return e.Err }

// A TargetError is what [Transport.Receive] returns when one pipeline is lost
// and the rest is not.
type TargetError struct {
	Target GUID
	Err    error
}

func (e *TargetError) Error() string { return fmt.Sprintf("psrp: target %s: %v", e.Target, e.Err) }

// Unwrap gives the cause.
func (e *TargetError) Unwrap() error { return e.Err }
