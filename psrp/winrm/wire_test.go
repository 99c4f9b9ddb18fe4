package winrm_test

import (
	"context"
	"net"
)

// recordingDial makes connections that write down what crosses them.
func recordingDial(wire *syncBuffer) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return &recordingConn{Conn: conn, wire: wire}, err
	}
}

type recordingConn struct {
	net.Conn
	wire *syncBuffer
}

func (c *recordingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	_, _ = c.wire.Write(b[:n]) // a buffer takes everything
	return n, err
}

func (c *recordingConn) Write(b []byte) (int, error) {
	_, _ = c.wire.Write(b)
	return c.Conn.Write(b)
}
