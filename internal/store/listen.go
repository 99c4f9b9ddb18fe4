package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	listenBackoffFirst = 100 * time.Millisecond
	listenBackoffLast  = 5 * time.Second
	listenProbe        = 30 * time.Second // a connection that died without a word is noticed after that
)

// Listen hears notifications on a channel until ctx ends, and returns ctx's error then. It uses a connection of its own
// (login epo_migrator) and connects anew when that is lost. connected is called after each connect, before the first
// notification: what was sent in between is lost, so it is the moment to look at everything once. Both functions are
// called from one goroutine and must not block for long.
func (s *Store) Listen(ctx context.Context, channel string, connected func(), heard func(payload string)) error {
	for pause := listenBackoffFirst; ; {
		up, err := s.listenOnce(ctx, channel, connected, heard)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.config.Logger.Warn("the listening connection was lost, connecting anew", "error", err)
		if up {
			pause = listenBackoffFirst
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		pause = min(2*pause, listenBackoffLast)
	}
}

func (s *Store) listenOnce(ctx context.Context, channel string, connected func(), heard func(string)) (up bool, err error) {
	conn, err := s.connectDirect(ctx)
	if err != nil {
		return false, err
	}
	defer closeQuietly(conn)
	if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return false, fmt.Errorf("listen: %w", err)
	}
	connected()
	for {
		waiting, cancel := context.WithTimeout(ctx, listenProbe)
		n, err := conn.WaitForNotification(waiting)
		cancel()
		switch {
		case err == nil:
			heard(n.Payload)
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			if err := conn.Ping(ctx); err != nil {
				return true, err
			}
		default:
			return true, err
		}
	}
}

// connectDirect connects as epo_migrator, past any pooler.
func (s *Store) connectDirect(ctx context.Context) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(s.config.DirectURL)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	c.User, c.Password = migratorLogin, s.config.Secrets.Migrator
	c.RuntimeParams = map[string]string{"application_name": s.config.ApplicationName + " listener", "search_path": "pg_catalog, pg_temp"}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, connectError(migratorLogin, err)
	}
	return conn, nil
}

// closeQuietly also works when the caller's context has ended.
func closeQuietly(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// Notify sends one notification to all listeners, of this and of other processes. A commit with a notification takes a
// lock for the whole server, so coalesce.
func (s *Store) Notify(ctx context.Context, channel, payload string) error {
	_, err := s.System().Exec(ctx, "select pg_notify($1, $2)", channel, payload)
	return AsError(err)
}
