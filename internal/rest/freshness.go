package rest

import (
	"sync"
	"time"
)

const (
	// freshFor is how long the look-up of a caller counts. Access must end within 5 s of a change; the look-up costs as much
	// as reading a row, and a console or an agent sends many requests in a row.
	freshFor = time.Second
	// maxFresh bounds the table.
	maxFresh = 10000
)

// freshness remembers which tokens were looked up a moment ago. A change through this server makes it forget all of them, so
// that it takes effect with the next request; through another one, within freshFor.
type freshness struct {
	now func() time.Time

	mu    sync.Mutex
	epoch uint64
	since map[string]time.Time // by jti
}

func newFreshness(now func() time.Time) *freshness {
	return &freshness{now: now, since: map[string]time.Time{}}
}

// fresh reports whether the token was looked up within freshFor, and the epoch to hand to looked.
func (f *freshness) fresh(id string) (ok bool, epoch uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, known := f.since[id]
	return known && f.now().Sub(at) < freshFor, f.epoch
}

// looked notes that a look-up that began at the time began has succeeded, unless something was forgotten since then.
func (f *freshness) looked(id string, began time.Time, epoch uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if epoch != f.epoch {
		return
	}
	if len(f.since) >= maxFresh {
		clear(f.since)
	}
	f.since[id] = began
}

// forget voids every look-up.
func (f *freshness) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch++
	clear(f.since)
}
