package winrm_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
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
	"github.com/epo-dev/epo/psrp/winrm/internal/wsmantest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	user     = "Grüßer"
	password = "s3cret-Pässwörd€"
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
	return func() (psrp.Transport, func(), error) {
		p, err := stdio.Start(context.Background(), stdio.Config{Path: found.Path, Args: found.Args, Env: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "LANG=C.UTF-8", "NO_COLOR=1", "TERM=dumb", "TZ=UTC",
			"POWERSHELL_TELEMETRY_OPTOUT=1", "POWERSHELL_DIAGNOSTICS_OPTOUT=1", "DOTNET_EnableDiagnostics=0",
		}})
		if err != nil {
			return nil, nil, err
		}
		return p.Transport(), func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = p.Close(ctx) // it is killed, if need be
			<-p.Done()
		}, nil
	}
}

// echo answers every script with its own text.
func echo(p *peer.Pipeline) { p.Output(p.Text) }

// bench is a server and how to reach it.
type bench struct {
	*wsmantest.Server
	config winrm.Config
	log    *syncBuffer
}

// variants are the ways to get in.
var variants = map[string]func(t testing.TB, s *wsmantest.Config, c *winrm.Config){
	"NTLM sealed on HTTP": func(_ testing.TB, s *wsmantest.Config, c *winrm.Config) {
		s.NTLM = &wsmantest.Account{Domain: "DOM", User: user, Password: password}
		c.Auth = winrm.NTLM{User: `DOM\` + user, Password: password}
	},
	"NTLM bound to TLS": func(t testing.TB, s *wsmantest.Config, c *winrm.Config) {
		certificate, roots := serverCertificate(t)
		s.TLS, c.TLS = &certificate, &tls.Config{RootCAs: roots}
		s.ChannelBinding = binding(crypto.SHA256, certificate.Leaf)
		s.NTLM = &wsmantest.Account{Domain: "DOM", User: user, Password: password}
		c.Auth = winrm.NTLM{User: `DOM\` + user, Password: password}
	},
	"Basic on TLS": func(t testing.TB, s *wsmantest.Config, c *winrm.Config) {
		certificate, roots := serverCertificate(t)
		s.TLS, c.TLS = &certificate, &tls.Config{RootCAs: roots}
		s.Basic = &wsmantest.Account{User: user, Password: password}
		c.Auth = winrm.Basic{User: user, Password: password}
	},
	"client certificate": func(t testing.TB, s *wsmantest.Config, c *winrm.Config) {
		certificate, roots := serverCertificate(t)
		s.TLS, c.TLS = &certificate, &tls.Config{RootCAs: roots}
		own, authority := serverCertificate(t)
		s.ClientCAs = authority
		c.Auth = winrm.Certificate{Certificate: own}
	},
}

const sealed = "NTLM sealed on HTTP"

// serve starts a server for one of the variants. change may be nil.
func serve(t testing.TB, variant string, e engine, change func(*wsmantest.Config)) *bench {
	t.Helper()
	b := &bench{log: new(syncBuffer)}
	s := wsmantest.Config{Engine: e}
	variants[variant](t, &s, &b.config)
	if change != nil {
		change(&s)
	}
	b.Server = wsmantest.Start(s)
	t.Cleanup(b.Server.Close)
	b.config.URL = b.URL()
	b.config.OperationTimeout = 10 * time.Second
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

// serverCertificate makes one for 127.0.0.1 that signs itself, with SHA-256.
func serverCertificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(raw)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}, pool
}

// binding is what RFC 5929 makes of a certificate.
func binding(h crypto.Hash, certificate *x509.Certificate) []byte {
	hash := h.New()
	hash.Write(certificate.Raw)
	return hash.Sum([]byte("tls-server-end-point:"))
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
