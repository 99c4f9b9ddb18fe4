package server

import (
	"context"
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
	"github.com/epo-dev/epo/internal/token"
)

// Limits of one connection.
const (
	headerTimeout  = 10 * time.Second
	bodyTimeout    = 30 * time.Second
	answerTimeout  = time.Minute
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10
)

// Server is one replica.
type Server struct {
	config   Config
	listener net.Listener
	http     *http.Server
	verifier *token.Verifier
	facade   *rest.Facade
	gateway  *gateway.Gateway
	hub      *Hub
	lobby    *lobby
	replicas *replicas
	broken   atomic.Pointer[string] // why the catalogue forbids to serve
	draining atomic.Bool
}

// New wires a server and opens its listener, so that [Server.Addr] is known and a taken port is an error here. It serves
// after [Server.Run] has been called.
func New(c Config) (*Server, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Server{config: c, hub: NewHub(), verifier: token.NewVerifier(c.Keys)}
	s.lobby = newLobby(s.hub)
	s.replicas = newReplicas(s.hub, c.Store, c.Logger)
	var err error
	if s.facade, err = rest.New(rest.Config{Database: c.Store, Catalogue: c.Store.System(), Wake: s.wake}); err != nil {
		return nil, err
	}
	if s.gateway, err = gateway.New(gateway.Config{Pool: c.Store.Gateway(), Keys: c.Keys, Clock: c.Clock, HashCost: c.HashCost}); err != nil {
		return nil, err
	}
	if s.listener, err = s.config.listen(); err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, WriteTimeout: answerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 100},
		ErrorLog: slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug), Protocols: protocols(),
	}
	return s, nil
}

func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	return p
}

// Addr is the address that the server listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// wake hands topics to the waiters of this replica at once and to the other replicas within 10 ms.
func (s *Server) wake(topics ...string) {
	s.hub.Wake(topics...)
	s.replicas.send(topics)
}

// Run serves until ctx ends, then lets requests finish and returns nil. It returns an error without serving when the
// database cannot be read or its catalogue breaks a rule.
//
// The order of the end: /readyz says no, waits and event streams end, requests finish within ShutdownGrace, then the loops
// stop. Run may be called once.
func (s *Server) Run(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		return errors.Join(err, s.listener.Close())
	}
	// The loops outlive ctx: requests that are finishing still send wakes.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, groupCtx := errgroup.WithContext(background)
	for _, loop := range s.loops() {
		group.Go(func() error { return loop(groupCtx) })
	}
	group.Go(func() error {
		defer stop()
		return s.serve(ctx, groupCtx)
	})
	return group.Wait()
}

// prepare refuses a database that does not keep the rules, and reads the schema.
func (s *Server) prepare(ctx context.Context) error {
	if err := s.config.Store.CheckCatalogue(ctx); err != nil {
		return fmt.Errorf("refuse to serve: %w", err)
	}
	if err := s.facade.Reload(ctx); err != nil {
		return fmt.Errorf("refuse to serve: %w", err)
	}
	return nil
}

// serve answers requests until ctx ends or a loop has failed.
func (s *Server) serve(ctx, loops context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- s.http.Serve(s.listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	case <-loops.Done():
	}
	s.draining.Store(true)
	s.hub.Close()
	// Detached: the context that would bound it has ended already.
	grace, cancel := context.WithTimeout(context.Background(), s.config.ShutdownGrace)
	defer cancel()
	if err := s.http.Shutdown(grace); err != nil {
		s.config.Logger.Warn("requests were cut off at the end", "error", err)
		_ = s.http.Close()
	}
	<-ended
	return nil
}
