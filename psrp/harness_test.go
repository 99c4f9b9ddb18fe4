package psrp_test

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/stdio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a scripted server and the connection to it.
type bench struct {
	conn   *stdio.Conn
	server *peer.Server
	served chan error
}

// startPeer runs a scripted server on pipes. At the end of the test it must
// have seen nothing but the end of its input, unless mistakes are expected.
func startPeer(t testing.TB, c peer.Config) *bench {
	t.Helper()
	inRead, inWrite, err := os.Pipe()
	require.NoError(t, err)
	outRead, outWrite, err := os.Pipe()
	require.NoError(t, err)
	c.In, c.Out = inRead, outWrite
	b := &bench{served: make(chan error, 1), server: peer.New(c)}
	go func() {
		err := b.server.Serve()
		_ = outWrite.Close()
		_, _ = io.Copy(io.Discard, inRead)
		b.served <- err
	}()
	b.conn = stdio.NewConn(stdio.ConnConfig{In: inWrite, Out: outRead, Confidential: true})
	t.Cleanup(func() {
		b.conn.Close()
		err := <-b.served
		_ = inRead.Close()
		<-b.conn.Done()
		_ = outRead.Close()
		if err != nil && !errors.Is(err, peer.ErrEOF) {
			t.Errorf("the server ended with: %v", err)
		}
	})
	return b
}

// openPool opens a pool on a scripted server and closes it at the end.
func openPool(t testing.TB, pc peer.Config, c psrp.Config) (*psrp.Pool, *bench) {
	t.Helper()
	b := startPeer(t, pc)
	pool, err := psrp.Open(ctx(t), b.conn.Transport(), c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close(context.Background()) })
	return pool, b
}

// ctx is a context that ends a test which hangs.
func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return c
}

// collect runs a pipeline to its end and closes it.
func collect(t testing.TB, pool *psrp.Pool, p psrp.Pipeline) ([]psrp.Event, psrp.StateEvent) {
	t.Helper()
	run, err := pool.Start(ctx(t), p)
	require.NoError(t, err)
	events, state := drain(t, run)
	require.NoError(t, run.Close(ctx(t)))
	return events, state
}

// drain reads a run to its state.
func drain(t testing.TB, run *psrp.Run) ([]psrp.Event, psrp.StateEvent) {
	t.Helper()
	var events []psrp.Event
	for event, err := range run.Events(ctx(t)) {
		require.NoError(t, err)
		if state, ok := event.(psrp.StateEvent); ok {
			return events, state
		}
		events = append(events, event)
	}
	require.Fail(t, "no state")
	return nil, psrp.StateEvent{}
}

// outputs are the values of the output stream.
func outputs(events []psrp.Event) []any {
	values := []any{}
	for _, e := range events {
		if o, ok := e.(psrp.OutputEvent); ok {
			values = append(values, o.Value)
		}
	}
	return values
}

func prop(name string, v any) clixml.Property { return clixml.Property{Name: name, Value: v} }
