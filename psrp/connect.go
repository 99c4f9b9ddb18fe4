package psrp

import (
	"context"
	"errors"
	"fmt"
)

// Connect is [Open] for a pool that was left on the server by this or another
// client; id is its [Pool.ID]. The runspaces are as they were left, Config's
// MinRunspaces, MaxRunspaces and Host do not count. Pipelines that ran in the
// pool go on and are not found again. Only some transports can do it: with
// others, and with no pool of that id, it is an error.
func Connect(ctx context.Context, t Transport, id GUID, c Config) (*Pool, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	connecting, ok := t.(ConnectingTransport)
	if !ok {
		return nil, errors.Join(ErrNoConnect, t.Close())
	}
	if c.declared().atLeast(4) && !confidential(t) {
		return nil, errors.Join(fmt.Errorf("connect pool: %w", ErrPlainTransport), t.Close())
	}
	p := newPool(t, id, c)
	first := func(ctx context.Context, data []byte) error { return connecting.ConnectPool(ctx, id, data) }
	if err := p.begin(ctx, first, MsgConnectRunspacePool, ""); err != nil {
		return nil, fmt.Errorf("connect pool: %w", err)
	}
	return p, nil
}
