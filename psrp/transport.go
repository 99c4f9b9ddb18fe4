package psrp

import "context"

// Stream names one of the two byte streams that a target has.
type Stream uint8

// The streams. Answers to host calls travel on PromptResponse, so that queued
// input cannot hold them up.
const (
	Default Stream = iota
	PromptResponse
)

// A Packet is a portion of fragments received for one target.
type Packet struct {
	Target GUID // zero for the pool
	Stream Stream
	Data   []byte // owned by the receiver
}

// A Transport moves fragments between a Pool and its server and knows nothing
// of what they mean. One Transport carries one pool, once.
//
// Receive is called from one goroutine, everything else from any. Calls that
// take a context return when the other side has acknowledged, when the context
// ends or when the transport does. Signal, ClosePipeline and ClosePool return
// after Receive has given out all that was received before the acknowledgement
// and was called again. The transport itself keeps the order rules of its
// medium: at most one unacknowledged portion per target.
type Transport interface {
	// OpenPool sends the first fragments of the pool.
	OpenPool(ctx context.Context, first []byte) error
	// OpenPipeline announces a pipeline and sends its first fragment.
	OpenPipeline(ctx context.Context, id GUID, first []byte) error
	// Send sends further fragments of a target.
	Send(ctx context.Context, target GUID, stream Stream, data []byte) error
	// Signal asks the server to stop a pipeline; it returns when it stopped.
	Signal(ctx context.Context, id GUID) error
	// ClosePipeline gives a pipeline up. A pipeline that was never announced,
	// or is closed already, is no error.
	ClosePipeline(ctx context.Context, id GUID) error
	// ClosePool ends the pool, after all its pipelines were closed.
	ClosePool(ctx context.Context) error
	// Receive gives the next packet. It returns a *TargetError when only one
	// pipeline is lost, io.EOF after ClosePool was acknowledged, and any other
	// error when the transport is gone.
	Receive() (Packet, error)
	// Close releases the transport without telling the server; Receive returns
	// soon afterwards. It may be called more than once.
	Close() error
	// MaxFragment is the size of the largest fragment to send, header included.
	MaxFragment() int
}

// A ConfidentialTransport is a [Transport] that knows whether others can read
// what it carries. One that does not say so counts as readable.
type ConfidentialTransport interface {
	Transport
	// Confidential is true for pipes to a local process and for encrypted
	// connections to a server that was authenticated.
	Confidential() bool
}

// A ConnectingTransport is a [Transport] that finds a pool again which was left
// on the server.
type ConnectingTransport interface {
	Transport
	// ConnectPool sends the first fragments to the pool of that id.
	ConnectPool(ctx context.Context, id GUID, first []byte) error
}

func confidential(t Transport) bool {
	c, ok := t.(ConfidentialTransport)
	return ok && c.Confidential()
}
