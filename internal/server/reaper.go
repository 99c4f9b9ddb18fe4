package server

import (
	"sync"
	"time"
)

// reaper decides when leases may be ended. While the database could not be reached no agent could renew its lease, so after
// each connect, the first one included, it waits for one lease period.
type reaper struct {
	now func() time.Time

	mu        sync.Mutex
	reachable time.Time // since when; zero: it is not
}

// may reports whether the database has been reachable for one period. It is called whenever the database has answered.
func (r *reaper) may(period time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if r.reachable.IsZero() {
		r.reachable = now
	}
	return now.Sub(r.reachable) >= period
}

// lost notes that the database could not be reached a moment ago.
func (r *reaper) lost() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reachable = time.Time{}
}
