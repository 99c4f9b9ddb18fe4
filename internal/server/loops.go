package server

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/epo-dev/epo/internal/store"
)

const (
	// upkeepEvery is the pause between two rounds of partitions and of the purge.
	upkeepEvery = 10 * time.Minute
	// keysEvery is how often the key file is looked at: a key that was removed must be refused within 5 s.
	keysEvery = 2 * time.Second
	// catalogueEvery is how often the rules are checked again while serving.
	catalogueEvery = 5 * time.Minute
	// schemaChannel is where PostgREST listens for a changed schema, too.
	schemaChannel = "pgrst"
	// schemaQuiet is how long a burst of notices may last before the schema is read once.
	schemaQuiet = 100 * time.Millisecond
	// loopTimeout bounds one round.
	loopTimeout = time.Minute
)

// loops are the services beside HTTP. Each returns when its context ends; a round that fails is logged and tried again.
func (s *Server) loops() []func(context.Context) error {
	reaper := &reaper{now: time.Now}
	reload := make(chan struct{}, 1)
	return []func(context.Context) error{
		s.replicas.run,
		func(ctx context.Context) error {
			return s.replicas.listen(ctx, func() {
				reaper.lost()
				poke(reload)
			})
		},
		func(ctx context.Context) error { return s.listenSchema(ctx, reload) },
		func(ctx context.Context) error { return s.reloadSchema(ctx, reload) },
		s.every(s.config.ReapEvery, "end lost leases", func(ctx context.Context) error { return s.reap(ctx, reaper) }),
		s.every(upkeepEvery, "make partitions", func(ctx context.Context) error { return s.call(ctx, "select epo.maintain_partitions()") }),
		s.every(upkeepEvery, "purge tokens", func(ctx context.Context) error { return s.call(ctx, "select epo.purge_expired_tokens()") }),
		s.every(keysEvery, "read keys", s.reloadKeys),
		s.after(catalogueEvery, "check the catalogue", s.checkCatalogue), // prepare has just done it
	}
}

// every makes a loop of work: one round at once, then one after each pause.
func (s *Server) every(pause time.Duration, name string, work func(context.Context) error) func(context.Context) error {
	next := s.after(pause, name, work)
	return func(ctx context.Context) error {
		s.round(ctx, name, work)
		return next(ctx)
	}
}

// after makes a loop of work that begins with a pause.
func (s *Server) after(pause time.Duration, name string, work func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
			s.round(ctx, name, work)
		}
	}
}

func (s *Server) round(ctx context.Context, name string, work func(context.Context) error) {
	bounded, cancel := context.WithTimeout(ctx, loopTimeout)
	defer cancel()
	if err := work(bounded); err != nil && ctx.Err() == nil {
		s.config.Logger.Error("a loop's round did not succeed", "loop", name, "error", err)
	}
}

// call runs a function of the system.
func (s *Server) call(ctx context.Context, sql string) error {
	_, err := s.config.Store.System().Exec(ctx, sql)
	return store.AsError(err)
}

// reap ends leases and wakes whom that concerns, once the reaper may.
func (s *Server) reap(ctx context.Context, r *reaper) error {
	period, err := s.leasePeriod(ctx)
	if err != nil {
		r.lost()
		return err
	}
	if !r.may(period) {
		return nil
	}
	var answer []byte
	if err := s.config.Store.System().QueryRow(ctx, "select epo.reap_leases()").Scan(&answer); err != nil {
		r.lost()
		return store.AsError(err)
	}
	var done reaped
	if err := json.Unmarshal(answer, &done); err != nil {
		return err
	}
	if done.Requeued+done.Unknown+done.Expired+done.Cancelled > 0 {
		s.config.Logger.Info("leases and queue times ended", "requeued", done.Requeued, "unknown", done.Unknown, "expired", done.Expired, "cancelled", done.Cancelled)
	}
	if len(done.Wakes) > 0 {
		s.wake(done.Wakes...)
	}
	return nil
}

// reaped is what epo.reap_leases answers.
type reaped struct {
	Requeued  int      `json:"requeued"`
	Unknown   int      `json:"unknown"`
	Expired   int      `json:"expired"`
	Cancelled int      `json:"cancelled"`
	Wakes     []string `json:"wakes"`
}

// leasePeriod is the longest lease of any tenant. Asking for it shows that the database can be reached.
func (s *Server) leasePeriod(ctx context.Context) (time.Duration, error) {
	var seconds int
	if err := s.config.Store.System().QueryRow(ctx, "select epo.longest_lease_seconds()").Scan(&seconds); err != nil {
		return 0, store.AsError(err)
	}
	if s.config.LeasePeriod > 0 {
		return s.config.LeasePeriod, nil
	}
	return time.Duration(seconds) * time.Second, nil
}

func (s *Server) listenSchema(ctx context.Context, reload chan<- struct{}) error {
	err := s.config.Store.Listen(ctx, schemaChannel, func() {}, func(payload string) {
		if payload == "" || payload == "reload schema" {
			poke(reload)
		}
	})
	return ended(ctx, err)
}

// reloadSchema reads the catalogue again after each notice, once for a burst of them.
func (s *Server) reloadSchema(ctx context.Context, reload <-chan struct{}) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-reload:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(schemaQuiet):
		}
		select {
		case <-reload:
		default:
		}
		s.round(ctx, "read the schema", s.facade.Reload)
	}
}

// poke leaves a notice; several that nobody took yet are one.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// ended drops the error by which a loop reports that it was told to end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Server) reloadKeys(context.Context) error {
	changed, err := s.config.Keys.Reload()
	if changed {
		s.config.Logger.Info("the signing keys were read again")
	}
	return err
}

// checkCatalogue stops serving while a rule is broken. A database that cannot be asked breaks none.
func (s *Server) checkCatalogue(ctx context.Context) error {
	err := s.config.Store.CheckCatalogue(ctx)
	var broken *store.CatalogueError
	if errors.As(err, &broken) {
		why := broken.Error()
		s.broken.Store(&why)
		return err
	}
	if err == nil {
		s.broken.Store(nil)
	}
	return err
}
