package winrm_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/epo-dev/epo/internal/runtime"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/stdio"
	"github.com/epo-dev/epo/psrp/winrm"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	user     = winrmtest.User
	password = winrmtest.Password
)

// engine starts what is behind a shell.
type engine func() (psrp.Transport, func(), error)

// scripted is an engine that a handler plays. It ends at everything a client
// must not do.
func scripted(t testing.TB, handle peer.Handler) engine {
	return func() (psrp.Transport, func(), error) {
		inRead, inWrite := io.Pipe()
		outRead, outWrite := io.Pipe()
		server := peer.New(peer.Config{In: inRead, Out: outWrite, Handle: handle})
		served := make(chan error, 1)
		go func() {
			err := server.Serve()
			_ = outWrite.Close()
			_, _ = io.Copy(io.Discard, inRead)
			served <- err
		}()
		conn := stdio.NewConn(stdio.ConnConfig{In: inWrite, Out: outRead})
		return conn.Transport(), func() {
			conn.Close()
			if err := <-served; err != nil && err != peer.ErrEOF {
				t.Errorf("the engine ended with: %v", err)
			}
			<-conn.Done()
		}, nil
	}
}

var foundEngine = sync.OnceValues(func() (runtime.Engine, error) {
	return runtime.Find(context.Background())
})

// real is a PowerShell process.
func real(t testing.TB) engine {
	found, err := foundEngine()
	require.NoError(t, err)
	return winrmtest.PowerShell(append([]string{found.Path}, found.Args...))
}

// echo answers every script with its own text.
func echo(p *peer.Pipeline) { p.Output(p.Text) }

// bench is a server and how to reach it.
type bench struct {
	*winrmtest.Endpoint
	config winrm.Config
	log    *syncBuffer
}

// variants are the ways to get in.
var variants = []winrmtest.Access{sealed, winrmtest.NTLMOverTLS, basic, winrmtest.Certificate}

const (
	sealed = winrmtest.NTLM
	basic  = winrmtest.Basic
)

// serve starts a server for one of the variants. change may be nil.
func serve(t testing.TB, variant winrmtest.Access, e engine, change func(*winrmtest.Config)) *bench {
	t.Helper()
	b := &bench{log: new(syncBuffer)}
	b.Endpoint = winrmtest.Start(t, winrmtest.Options{Access: variant, Engine: e, Change: change})
	b.config = b.Client
	b.config.Logger = slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return b
}

func (b *bench) transport(t testing.TB) *winrm.Transport {
	t.Helper()
	transport, err := winrm.New(b.config)
	require.NoError(t, err)
	return transport
}

// open opens a pool and closes it at the end.
func (b *bench) open(t testing.TB, c psrp.Config) *psrp.Pool {
	t.Helper()
	pool, err := psrp.Open(ctx(t), b.transport(t), c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close(context.Background()) })
	return pool
}

// ctx is a context that ends a test which hangs.
func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), 60*time.Second)
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
func drain(t testing.TB, run *psrp.Run) (events []psrp.Event, state psrp.StateEvent) {
	t.Helper()
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

// syncBuffer is a buffer for logs.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// count is how often an operation was asked for.
func (b *bench) count(name string) int {
	n := 0
	for _, op := range b.Operations() {
		if op.Name == name {
			n++
		}
	}
	return n
}
