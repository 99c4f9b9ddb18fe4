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
	// ErrNoSessionKey: the exchange of session keys did not succeed, so that no
	// SecureString can be sent (the server would wait for the key for ever) or
	// read. The exchange is tried again with the next one.
	ErrNoSessionKey = errors.New("psrp: no session key for SecureStrings")
	// ErrForeignSecret: a SecureString is not encrypted with the session key of
	// the pool that should read or send it. It may come from another pool.
	ErrForeignSecret = errors.New("psrp: SecureString is not encrypted with the session key of this pool")
	// ErrVersion: the two sides have no protocol version in common, or the one
	// they have lacks what was asked for.
	ErrVersion = errors.New("psrp: protocol version does not fit")
	// ErrPlainTransport refuses protocol version 2.4 on a transport that others
	// could read: it sends SecureStrings as plain text.
	ErrPlainTransport = errors.New("psrp: protocol version 2.4 would send SecureStrings readable on this transport; use 2.3")
	// ErrNoConnect: the transport has no way back to a pool that was left.
	ErrNoConnect = errors.New("psrp: this transport cannot connect to a pool that exists")
	// ErrRefused: the server said no to a request about the pool.
	ErrRefused = errors.New("psrp: the server refuses")
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
