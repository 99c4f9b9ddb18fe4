package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/epo-dev/epo/internal/gateway"
	"github.com/epo-dev/epo/internal/rest"
	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/token"
)

// Config is what a Server needs. Store, Keys and Listen are required.
type Config struct {
	Store   *store.Store
	Keys    *token.Ring
	Listen  string // host:port; port 0 takes a free one
	TLSCert string // PEM files; both or none. Without them Listen must be loopback.
	TLSKey  string
	Version string
	Console http.Handler     // answers what no other route does; nil: 404
	Logger  *slog.Logger     // default discards
	Now     func() time.Time // default time.Now; for tokens only, leases use the database's time
	// ShutdownGrace is how long requests may go on once Run was told to end; default 10 s.
	ShutdownGrace time.Duration
}

// Server is one replica.
type Server struct {
	config   Config
	listener net.Listener
	tls      *tls.Config
	hub      *Hub
	replicas *replicas
	facade   *rest.Facade
	gateway  *gateway.Gateway
	verifier *token.Verifier
	checked  atomic.Bool // the catalogue was found in order
}

// New checks the configuration and starts to listen, so that the address is known and nobody else gets it. It answers
// nothing before Run.
func New(c Config) (*Server, error) {
	if c.Store == nil || c.Keys == nil || c.Listen == "" {
		return nil, errors.New("server: Store, Keys and Listen are required")
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.ShutdownGrace = cmp.Or(c.ShutdownGrace, 10*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Server{config: c, hub: NewHub(), verifier: token.NewVerifier(c.Keys)}
	s.replicas = newReplicas(c.Store, s.hub, c.Logger)
	var err error
	if s.facade, err = rest.New(rest.Config{Database: c.Store, Catalogue: c.Store.System(), Wake: s.wake}); err != nil {
		return nil, err
	}
	if s.gateway, err = gateway.New(gateway.Config{Database: c.Store.Gateway(), Keys: c.Keys, Logger: c.Logger, Now: c.Now, Secure: c.TLSCert != ""}); err != nil {
		return nil, err
	}
	if s.tls, err = loadTLS(c.TLSCert, c.TLSKey); err != nil {
		return nil, err
	}
	if s.listener, err = listen(c.Listen, s.tls != nil); err != nil {
		return nil, err
	}
	return s, nil
}

// Addr is host:port of the listener.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// wake tells the waiters of this replica at once and those of the others a little later.
func (s *Server) wake(topics ...string) {
	s.hub.Wake(topics...)
	s.replicas.tell(topics...)
}

// Run checks the catalogue, serves until ctx ends, and returns when the last request is answered or the grace is over. The
// order of the end: no new requests, waits and event streams end, running requests finish, loops stop.
func (s *Server) Run(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		s.listener.Close()
		return err
	}
	loops, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoops()
	group, groupCtx := errgroup.WithContext(loops)
	for _, l := range s.loops() {
		group.Go(func() error { return l(groupCtx) })
	}
	web := &http.Server{
		Handler: s.handler(), TLSConfig: s.tls, ErrorLog: slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	web.RegisterOnShutdown(s.hub.Close)
	group.Go(func() error { return ignoreClosed(s.serve(web)) })
	group.Go(func() error {
		defer stopLoops()
		select {
		case <-ctx.Done():
		case <-groupCtx.Done():
		}
		return s.shutDown(ctx, web)
	})
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// prepare refuses to serve a database that breaks a rule.
func (s *Server) prepare(ctx context.Context) error {
	if err := s.config.Store.CheckCatalogue(ctx); err != nil {
		return fmt.Errorf("refusing to serve: %w", err)
	}
	if err := s.maintainPartitions(ctx); err != nil {
		return err
	}
	if err := s.facade.Reload(ctx); err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	s.checked.Store(true)
	return nil
}

func (s *Server) serve(web *http.Server) error {
	if s.tls != nil {
		return web.ServeTLS(s.listener, "", "")
	}
	return web.Serve(s.listener)
}

func (s *Server) shutDown(ctx context.Context, web *http.Server) error {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.ShutdownGrace)
	defer cancel()
	if err := web.Shutdown(grace); err != nil {
		s.config.Logger.Warn("requests were cut off at shutdown", "error", err)
		return ignoreClosed(web.Close())
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func loadTLS(cert, key string) (*tls.Config, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("load the TLS certificate (both --tls-cert and --tls-key are needed): %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// listen opens the address; without TLS it must be loopback.
func listen(address string, secure bool) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w (--listen takes another address; port 0 takes a free one)", address, err)
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); !secure && (!ok || !tcp.IP.IsLoopback()) {
		l.Close()
		return nil, fmt.Errorf("%s is not loopback: plain HTTP would carry passwords in the open; give --tls-cert and --tls-key, or listen on 127.0.0.1", address)
	}
	return l, nil
}
