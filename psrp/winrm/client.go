package winrm

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/epo-dev/epo/psrp/winrm/internal/wsman"
)

// maxIdle is after which time an unused connection is not trusted any more:
// Windows closes those that rest for two minutes, and what is sent into a
// closed one cannot be repeated.
const maxIdle = 60 * time.Second

// client keeps connections that are not in use. It is safe for concurrent use.
type client struct {
	config settled

	mu     sync.Mutex
	idle   []*connection // the latest used last
	closed bool
}

// do performs one operation on a connection of its own.
func (c *client) do(ctx context.Context, operation string, r wsman.Request) (*wsman.Answer, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, c.config.OperationTimeout+answerGrace, errSilent)
	defer cancel()
	answer, err := c.exchange(ctx, r)
	if err == nil && answer.Fault != nil {
		err = newFault(operation, answer.Fault)
	}
	c.config.Logger.Debug("winrm: operation",
		slog.String("operation", operation), slog.Duration("took", time.Since(start)), slog.Any("error", err))
	return answer, err
}

func (c *client) exchange(ctx context.Context, r wsman.Request) (*wsman.Answer, error) {
	conn, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	data, err := conn.post(ctx, wsman.Append(nil, r))
	if err != nil {
		_ = conn.net.Close() // it is the operation that failed
		return nil, err
	}
	c.give(conn)
	answer, err := wsman.Parse(data)
	if err != nil {
		return nil, err
	}
	if answer.RelatesTo != "" && answer.RelatesTo != r.MessageID {
		return nil, errUnrelated
	}
	return answer, nil
}

// take gives an idle connection, or a new one.
func (c *client) take(ctx context.Context) (*connection, error) {
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return nil, ErrClosed
		}
		var conn *connection
		if last := len(c.idle) - 1; last >= 0 {
			conn, c.idle = c.idle[last], c.idle[:last]
		}
		c.mu.Unlock()
		if conn == nil {
			return dial(ctx, c.config)
		}
		if time.Since(conn.since) < maxIdle && alive(conn) {
			return conn, nil
		}
		_ = conn.net.Close() // the server is done with it
	}
}

func (c *client) give(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || conn.closing {
		_ = conn.net.Close() // it has done its work
		return
	}
	conn.since = time.Now()
	c.idle = append(c.idle, conn)
}

// close closes what is idle, and what is in use when it is given back.
func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, conn := range c.idle {
		_ = conn.net.Close() // nothing is under way
	}
	c.idle = nil
}

// alive tells whether the server left an idle connection open.
func alive(c *connection) bool {
	raw := c.net
	if secure, ok := raw.(interface{ NetConn() net.Conn }); ok {
		raw = secure.NetConn()
	}
	return c.reader.Buffered() == 0 && quiet(raw)
}
