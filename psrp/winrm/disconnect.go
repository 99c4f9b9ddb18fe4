package winrm

import (
	"context"
	"strings"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/winrm/internal/wsman"
)

// Disconnect leaves the shell on the server with all that runs in it; the
// server keeps what it puts out until somebody comes back or IdleTimeout is
// over. Until [Transport.Reconnect], what would send gives [ErrDisconnected], and
// closing the pool only forgets it here: [psrp.Connect] finds it again, from
// wherever. Pipelines that ran are not found again by that.
func (t *Transport) Disconnect(ctx context.Context) error {
	t.mu.Lock()
	if t.away != nil {
		t.mu.Unlock()
		return nil
	}
	t.away = make(chan struct{})
	t.mu.Unlock()
	_, err := t.do(ctx, wsman.ActionDisconnect, nil, wsman.Disconnect{})
	if err != nil {
		t.back()
	}
	return t.broken(err)
}

// Reconnect comes back to a shell that this transport has disconnected: what
// runs in it goes on where it was.
func (t *Transport) Reconnect(ctx context.Context) error {
	if t.disconnected() == nil {
		return nil
	}
	if _, err := t.do(ctx, wsman.ActionReconnect, nil, nil); err != nil {
		return t.broken(err)
	}
	t.back()
	return nil
}

// ConnectPool implements psrp.ConnectingTransport: Connect, and the shell's
// Receive loop.
func (t *Transport) ConnectPool(ctx context.Context, id psrp.GUID, first []byte) error {
	t.mu.Lock()
	t.shell = []wsman.Selector{{Name: "ShellId", Value: strings.ToUpper(id.String())}}
	t.away = make(chan struct{}) // not ours before the server says so
	t.mu.Unlock()
	options := []wsman.Option{{Name: "protocolversion", Value: protocolVersion, MustComply: true}}
	answer, err := t.do(ctx, wsman.ActionConnect, options, wsman.Connect{Creation: first})
	if err != nil {
		return err
	}
	t.back()
	t.spawn(func() { t.receivePool(answer.Connected) })
	return nil
}

// disconnected gives what is closed when the shell is there again, nil while it
// is.
func (t *Transport) disconnected() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.away
}

func (t *Transport) back() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.away != nil {
		close(t.away)
		t.away = nil
	}
}

// present waits while the shell is disconnected; it tells whether ctx lasted.
func (t *Transport) present(ctx context.Context) bool {
	away := t.disconnected()
	if away == nil {
		return true
	}
	select {
	case <-away:
		return true
	case <-ctx.Done():
		return false
	}
}
