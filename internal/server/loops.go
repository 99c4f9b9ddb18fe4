package server

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/epo-dev/epo/internal/store"
)

const (
	reapEvery     = time.Second
	maintainEvery = time.Hour
	purgeEvery    = 10 * time.Minute
	loopTimeout   = 30 * time.Second // of one turn
)

// loops returns the services that run beside the HTTP server. All of them may run on every replica at once.
func (s *Server) loops() []func(context.Context) error {
	return []func(context.Context) error{
		s.replicas.send,
		s.replicas.listen,
		func(ctx context.Context) error { return s.every(ctx, reapEvery, s.newReaper().turn) },
		func(ctx context.Context) error { return s.every(ctx, maintainEvery, s.maintainPartitions) },
		func(ctx context.Context) error { return s.every(ctx, purgeEvery, s.purgeTokens) },
	}
}

// every calls turn at once and then at each interval until ctx ends. A turn that fails is logged and tried again.
func (s *Server) every(ctx context.Context, interval time.Duration, turn func(context.Context) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		bounded, cancel := context.WithTimeout(ctx, loopTimeout)
		if err := turn(bounded); err != nil && ctx.Err() == nil {
			s.config.Logger.Warn("a background task failed and will be tried again", "error", err)
		}
		cancel()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (s *Server) maintainPartitions(ctx context.Context) error {
	if _, err := s.config.Store.System().Exec(ctx, "select epo.maintain_partitions()"); err != nil {
		return fmt.Errorf("maintain partitions: %w", store.AsError(err))
	}
	return nil
}

func (s *Server) purgeTokens(ctx context.Context) error {
	if _, err := s.config.Store.System().Exec(ctx, "select epo.purge_expired_tokens()"); err != nil {
		return fmt.Errorf("purge expired tokens: %w", store.AsError(err))
	}
	return nil
}

// reaper ends leases that nobody renewed. While the database or all servers were away, no agent could renew: so it begins
// only after the database has answered for one lease period without a break.
type reaper struct {
	server *Server
	since  time.Time // of the first answer without a break; zero after a failure
	now    func() time.Time
}

func (s *Server) newReaper() *reaper { return &reaper{server: s, now: time.Now} }

// reaped is what epo.reap_leases answers.
type reaped struct {
	Requeued int      `json:"requeued"`
	Unknown  int      `json:"unknown"`
	Expired  int      `json:"expired"`
	Wakes    []string `json:"wakes"`
}

func (r *reaper) turn(ctx context.Context) error {
	db := r.server.config.Store.System()
	var lease int
	if err := db.QueryRow(ctx, "select epo.longest_lease_seconds()").Scan(&lease); err != nil {
		r.since = time.Time{}
		return fmt.Errorf("reap leases: %w", store.AsError(err))
	}
	if r.since.IsZero() {
		r.since = r.now()
	}
	if r.now().Sub(r.since) < time.Duration(lease)*time.Second {
		return nil
	}
	var text []byte
	if err := db.QueryRow(ctx, "select epo.reap_leases()").Scan(&text); err != nil {
		r.since = time.Time{}
		return fmt.Errorf("reap leases: %w", store.AsError(err))
	}
	var done reaped
	if err := json.Unmarshal(text, &done); err != nil {
		return fmt.Errorf("reap leases: %w", err)
	}
	if done.Requeued+done.Unknown+done.Expired > 0 {
		r.server.config.Logger.Info("leases and queue times ended", "requeued", done.Requeued, "unknown", done.Unknown, "expired", done.Expired)
	}
	if len(done.Wakes) > 0 {
		r.server.wake(done.Wakes...)
	}
	return nil
}
