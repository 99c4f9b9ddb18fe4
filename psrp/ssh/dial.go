package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	xssh "golang.org/x/crypto/ssh"
)

// chain are the connections to a host, the outermost first.
type chain []*xssh.Client

// last is the connection to the host itself.
func (c chain) last() *xssh.Client { return c[len(c)-1] }

// close closes all, the innermost first, and waits for their ends.
func (c chain) close() {
	for i := len(c) - 1; i >= 0; i-- {
		_ = c[i].Close() // already lost is fine
		_ = c[i].Wait()
	}
}

// connect connects to the host of c, through all its jumps.
func connect(ctx context.Context, c Config) (chain, error) {
	var hops []Config
	for hop := &c; hop != nil; hop = hop.Jump {
		hops = append([]Config{*hop}, hops...)
	}
	dial := c.Dial
	var clients chain
	for _, hop := range hops {
		client, err := hop.connect(ctx, dial)
		if err != nil {
			clients.close()
			return nil, timely(ctx, err)
		}
		clients = append(clients, client)
		dial = client.DialContext
	}
	return clients, nil
}

// timely gives why ctx has ended, for an error that is due to that.
func timely(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// connect connects to one host over a connection that dial makes.
func (c Config) connect(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error)) (*xssh.Client, error) {
	address := c.hostPort()
	v, err := newVerifier(address, c.HostKeys)
	if err != nil {
		return nil, err
	}
	who, err := c.Auth.load(ctx)
	if err != nil {
		return nil, err
	}
	defer who.close()
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, &ConnectError{Host: address, Stage: "connect to", Err: err}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // a handshake ends in no other way
	client, channels, requests, err := xssh.NewClientConn(conn, address, c.clientConfig(v, who))
	if !stop() && err == nil {
		_ = client.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close()
		return nil, c.handshakeError(address, v, who, err)
	}
	return xssh.NewClient(client, channels, requests), nil
}

func (c Config) clientConfig(v *verifier, who *identity) *xssh.ClientConfig {
	return &xssh.ClientConfig{
		User:              c.User,
		Auth:              who.methods(),
		HostKeyCallback:   v.check,
		HostKeyAlgorithms: v.algorithms(),
		BannerCallback: func(text string) error {
			if c.Banner != nil {
				c.Banner(text)
			}
			return nil
		},
	}
}

// handshakeError tells apart who has refused whom.
func (c Config) handshakeError(address string, v *verifier, who *identity, err error) error {
	var network net.Error
	switch {
	case v.result != nil:
		return v.result
	case v.accepted && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.As(err, &network):
		return &AuthError{Host: address, User: c.User, Tried: who.tried(), Err: errors.New(strings.TrimPrefix(err.Error(), "ssh: handshake failed: "))}
	}
	return &ConnectError{Host: address, Stage: "handshake with", Err: err}
}

// keepAlive asks the host whether it is there, until done closes. Once it has
// not answered tries times in a row, lost is called.
func keepAlive(client *xssh.Client, pause time.Duration, tries int, done <-chan struct{}, lost func()) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	answered := make(chan struct{}, 1)
	asked, missed := false, 0
	for {
		select {
		case <-done:
			return
		case <-answered:
			asked, missed = false, 0
		case <-ticker.C:
			if asked {
				missed++
			}
			if missed >= tries {
				lost()
				return
			}
			if !asked {
				asked = true
				go func() {
					_, _, _ = client.SendRequest("keepalive@openssh.com", true, nil) // any answer will do; the end shows elsewhere
					answered <- struct{}{}
				}()
			}
		}
	}
}
