package ssh

import (
	"context"
	"sync"
	"time"

	"github.com/epo-dev/epo/psrp"
)

// transport is that of package stdio, with a limit for the first packet.
type transport struct {
	psrp.Transport
	session *Session
	heard   chan struct{} // closed with the first packet
	once    sync.Once
}

var _ psrp.ConfidentialTransport = (*transport)(nil)

// Confidential implements psrp.ConfidentialTransport.
func (t *transport) Confidential() bool { return true }

// OpenPool implements psrp.Transport. A subsystem that says nothing at all
// within ConnectTimeout is not PowerShell.
func (t *transport) OpenPool(ctx context.Context, first []byte) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(t.session.config.ConnectTimeout, func() {
		select {
		case <-t.heard:
		default:
			cancel(ErrSilent)
		}
	})
	defer timer.Stop()
	err := t.Transport.OpenPool(ctx, first)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Receive implements psrp.Transport.
func (t *transport) Receive() (psrp.Packet, error) {
	packet, err := t.Transport.Receive()
	if err == nil {
		t.once.Do(func() { close(t.heard) })
	}
	return packet, err
}
