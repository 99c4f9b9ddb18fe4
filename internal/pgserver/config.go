package pgserver

import (
	"cmp"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"
)

// Config describes one server. The zero value of every field but DataDir is usable.
type Config struct {
	// BinDir is the folder with postgres and initdb, or the one above it. Empty: Find looks below the working folder.
	BinDir string
	// DataDir is the folder that this server owns; it is made if missing. As root it must lie where the account can
	// reach it.
	DataDir string
	// Port on 127.0.0.1. 0: the one of the last start if it is free, else any free one.
	Port int
	// Account is who the server runs as when we are root; default "epo-db", made if missing. Ignored otherwise.
	Account string
	// Settings go into postgresql.conf over the defaults of this package.
	Settings map[string]string
	// Disposable trades durability for speed (no fsync): tests only. Only a crash of the machine can hurt it.
	Disposable bool
	// StartTimeout bounds the wait for the first answer, crash recovery included; default 5 min.
	StartTimeout time.Duration
	// Logger hears of restarts and of leftovers that were cleaned up; default discards.
	Logger *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.DataDir == "" {
		return c, fmt.Errorf("pgserver: DataDir is empty")
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return c, fmt.Errorf("pgserver: data folder: %w", err)
	}
	c.DataDir = dir
	if c.Port < 0 || c.Port > 65535 {
		return c, fmt.Errorf("pgserver: port %d is not between 0 and 65535", c.Port)
	}
	c.Account = cmp.Or(c.Account, "epo-db")
	c.StartTimeout = cmp.Or(c.StartTimeout, 5*time.Minute)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c, nil
}

// layout names the files of one DataDir.
type layout string

func (l layout) path(name string) string     { return filepath.Join(string(l), name) }
func (l layout) cluster() string             { return l.path("pgdata") }
func (l layout) unfinishedCluster() string   { return l.path("pgdata.new") }
func (l layout) config() string              { return l.path("postgresql.conf") }
func (l layout) hba() string                 { return l.path("pg_hba.conf") }
func (l layout) ident() string               { return l.path("pg_ident.conf") }
func (l layout) log() string                 { return l.path("postgres.log") }
func (l layout) lock() string                { return l.path("lock") }
func (l layout) port() string                { return l.path("port") }
func (l layout) superuserPassword() string   { return l.path("superuser.password") }
func (l layout) adminPassword() string       { return l.path("admin.password") }
func (l layout) binaries(name string) string { return l.path("postgres-" + name) }
