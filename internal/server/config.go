package server

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/epo-dev/epo/internal/gateway"
	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/token"
)

// DefaultListen is where a server listens unless told otherwise.
const DefaultListen = "127.0.0.1:7070"

// Config is what a Server needs.
type Config struct {
	// Store is the database; the caller closes it after Run has returned.
	Store *store.Store
	// Keys sign and verify access tokens. A ring that came from a file is read again when the file is replaced.
	Keys *token.Ring
	// Listen is host:port; empty means DefaultListen. Listener, if given, is taken instead.
	Listen   string
	Listener net.Listener
	// TLSCert and TLSKey are files in PEM. Without them the server speaks plain HTTP, on loopback only.
	TLSCert string
	TLSKey  string
	// Console answers browser requests; nil means that there is no console.
	Console http.Handler
	// Logger gets one line for each request and what goes wrong; nil means none.
	Logger *slog.Logger
	// Version is what /version says.
	Version string
	// Clock gives the time for tokens; nil means time.Now.
	Clock func() time.Time
	// LeasePeriod is how long the database must have been reachable before leases are ended; zero asks the database.
	LeasePeriod time.Duration
	// ReapEvery is the pause between two rounds of the reaper; zero means one second.
	ReapEvery time.Duration
	// Heartbeat is the pause between two comments on a quiet event stream; zero means 15 s.
	Heartbeat time.Duration
	// ShutdownGrace is how long requests may go on after Run was told to end; zero means 10 s.
	ShutdownGrace time.Duration
	// HashCost is passed to the gateway; the zero value means its default.
	HashCost gateway.HashCost
}

func (c *Config) validate() error {
	if c.Store == nil || c.Keys == nil {
		return errors.New("server: store and keys must be given")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("server: certificate and key go together")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	orDefault(&c.ReapEvery, time.Second)
	orDefault(&c.Heartbeat, 15*time.Second)
	orDefault(&c.ShutdownGrace, 10*time.Second)
	return nil
}

func orDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}
